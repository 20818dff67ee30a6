"""What to copy into an application, for a key that was just made: curl, SMTP, PHP, Django."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["Example", "examples"]


class Example(NamedTuple):
    """`name`: what it is for. `text`: to be copied as it is."""

    name: str
    text: str


_CURL = """\
curl {url}/v1/messages \\
  -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"to": ["{to}"], "subject": "Hello", "text": "It works."}}'"""
_SMTP = """\
Server    {host}
Port      {port}
Security  STARTTLS
User      {application}
Password  {key}"""
_PHP = """\
$context = stream_context_create(['http' => [
    'method' => 'POST',
    'header' => ['Authorization: Bearer {key}', 'Content-Type: application/json'],
    'content' => json_encode(['to' => ['{to}'], 'subject' => 'Hello', 'text' => 'It works.']),
]]);
echo file_get_contents('{url}/v1/messages', false, $context);"""
_DJANGO = """\
EMAIL_BACKEND = "postroom.django.EmailBackend"
POSTROOM_URL = "{url}"
POSTROOM_KEY = "{key}\""""


def examples(visit: Visit, application: str, key: str, sender: str) -> list[Example]:
    """Without SMTP where this Postroom takes no mail by it."""
    settings = visit.desk.settings
    request = visit.request.url
    url = settings.public_url.rstrip("/") or f"{request.scheme}://{request.netloc}"
    to = (visit.user.email if visit.user else "") or sender
    smtp = settings.listen_smtp
    values = {"url": url, "key": key, "to": to, "application": application, "host": request.hostname}
    found = [Example("curl", _CURL.format(**values))]
    if smtp is not None:
        found.append(Example("SMTP", _SMTP.format(port=smtp[1], **values)))
    return [*found, Example("PHP", _PHP.format(**values)), Example("Django", _DJANGO.format(**values))]
