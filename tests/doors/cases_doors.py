"""Every door in its own spelling: each takes a case and answers with the id of what was kept, or whose fault it was.

One engine stands behind all of them but the embedded one, which has an engine of its own, set up in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import os
import re
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from email.mime.image import MIMEImage
from pathlib import Path
from typing import Any

import httpx2
from django.core.mail import BadHeaderError, EmailMultiAlternatives, get_connection
from django.test import override_settings

import tests.doors.django_site  # noqa: F401  (Django is set up by it)
from postroom import Postroom, ids
from postroom.client import AsyncClient, Attachment, Client, NotAuthorised, TooLarge
from postroom.client import Refused as NotTaken
from postroom.client.mailboxes import addresses_in
from postroom.clock import parse_iso
from postroom.errors import BadInput
from postroom.errors import TooLarge as EngineTooLarge
from postroom.model.application import Scope
from postroom.model.message import DraftAttachment, Priority
from postroom.model.tenant import INSTALLATION
from postroom.web.api.app import create_app
from postroom.web.api.reading import message_json
from postroom.web.desk import Desk
from postroom.web.server import serve_http
from tests.doors.cases import FROM, Case, Refused, composed, everybody
from tests.doors.smtp_rig import Application, Letterbox, open_letterbox

__all__ = ["DOORS", "IN_WORDS", "House", "open_house"]

LARGEST = 2_000_000
_WAIT = 60.0
_PROGRAM = [str(Path(sys.executable).with_name("postroom")), "sendmail"]
Came = str | Refused
"""An id like `m_…`, or whose fault it was."""


@dataclass(slots=True)
class House:
    """An installation with all its doors open. `keys`: name of an application → its key."""

    letterbox: Letterbox
    url: str
    embedded: Postroom
    folder: Path
    keys: Mapping[str, str]
    boss: httpx2.Client

    def look(self, door: str, message_id: str) -> tuple[dict[str, Any], bytes]:
        """What is kept of a message: as the API shows it, and its octets."""
        if door == "embedded":
            number = ids.decode("m", message_id) or 0
            view = self.embedded.reports.message(self.embedded.actor, number).result(_WAIT)
            return message_json(view), self.embedded.reports.content(self.embedded.actor, number).result(_WAIT)
        path = f"/v1/messages/{message_id}"
        return self.boss.get(path).json(), self.boss.get(f"{path}/content").content

    def count(self, door: str) -> int:
        """How many messages are kept."""
        if door == "embedded":
            from postroom.reports.views import Query

            page = self.embedded.reports.search(self.embedded.actor, Query(), None, 200).result(_WAIT)
            return len(page.items)
        return len(self.boss.get("/v1/messages?limit=200").json()["messages"])


@contextlib.contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """Opens every door; mode silent, so that what is taken can be looked at."""
    with (
        open_letterbox(folder / "data", max_message_bytes=LARGEST) as letterbox,
        _http(letterbox) as url,
        Postroom(data=folder / "embedded", max_message_bytes=LARGEST) as embedded,
    ):
        office, boss = letterbox.engine.office, letterbox.boss
        for one, actor in ((office, boss), (embedded.office, embedded.actor)):
            one.create_sender(actor, {"address": FROM}).result(_WAIT)
            one.set_default_sender(actor, FROM).result(_WAIT)
        keys = {
            "nobody": "pr_00000000_" + "x" * 43,
            "boss": letterbox.application("boss", INSTALLATION, Scope.ADMIN).key,
        }
        for name, scopes in (("webshop", (Scope.SEND,)), ("reader", (Scope.READ,)), ("suspended", (Scope.SEND,))):
            made = letterbox.webshop if name == "webshop" else letterbox.application(name, INSTALLATION, *scopes)
            keys[name] = made.key
        office.suspend_application(boss, "suspended").result(_WAIT)
        with httpx2.Client(
            base_url=url, headers={"authorization": f"Bearer {keys['boss']}"}, trust_env=False, timeout=_WAIT
        ) as client:
            yield House(letterbox, url, embedded, folder, keys, client)


@contextlib.contextmanager
def _http(letterbox: Letterbox) -> Iterator[str]:
    """The HTTP door of the same engine, on the same loop."""
    ready: Future[str] = Future()
    done = asyncio.Event()

    async def serve() -> None:
        engine = letterbox.engine
        app = create_app(Desk(engine.settings, *engine.parts))
        async with serve_http(app, "127.0.0.1", 0) as server:
            ready.set_result(server.url)
            await done.wait()

    task = letterbox.on_loop(lambda: asyncio.ensure_future(serve()))
    try:
        yield ready.result(_WAIT)
    finally:
        ended: Future[None] = Future()
        letterbox.on_loop(lambda: task.add_done_callback(lambda _: ended.set_result(None)))
        letterbox.on_loop(done.set)
        ended.result(_WAIT)


# -- the words of a case in the words of Python ---------------------------------------------------------------------


def _python_words(words: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in words.items() if name not in ("attachments", "inline")}
    files = [Attachment(name, octets, kind) for name, octets, kind in words.get("attachments", ())]
    files += [Attachment(f"{name}.png", octets, "image/png", name, True) for name, octets in words.get("inline", ())]
    return {**given, "attachments": files} if files else given


def _fault_of(fields: list[str]) -> Refused:
    """Whose fault it is, by the first field that is complained about."""
    name = re.split(r"[\[.]", fields[0])[0]
    if name in ("to", "cc", "bcc"):
        return Refused("to")
    return Refused("sender" if name in ("from", "sender") else "message")


# -- the doors ------------------------------------------------------------------------------------------------------


def by_http(house: House, case: Case) -> Came:
    from postroom.client.letter import message_json as spelled

    body = spelled(_python_words(case.words))
    return _posted(house, case, "/v1/messages", json=body)


def by_raw(house: House, case: Case) -> Came:
    """The envelope is in the headers, Bcc among them."""
    query = [("from", case.words["return_path"])] if "return_path" in case.words else []
    octets = composed(case.words, bcc=True)
    headers = {"content-type": "message/rfc822"}
    return _posted(house, case, "/v1/messages/raw", content=octets, params=query, headers=headers)


def _posted(house: House, case: Case, path: str, **request: Any) -> Came:
    headers = {"authorization": f"Bearer {house.keys[case.key]}", **request.pop("headers", {})}
    with httpx2.Client(base_url=house.url, trust_env=False, timeout=_WAIT) as client:
        answer = client.post(path, headers=headers, **request)
    found = answer.json()
    if answer.is_success:
        return str(found["id"])
    if answer.status_code in (401, 403):
        return Refused("key")
    if answer.status_code == 413:
        return Refused("size")
    return _fault_of([fault["field"] for fault in found["faults"]])


def by_client(house: House, case: Case) -> Came:
    with Client(house.url, house.keys[case.key]) as client:
        return _told(lambda: client.send(**_python_words(case.words)).id)


def by_async_client(house: House, case: Case) -> Came:
    async def send() -> str:
        async with AsyncClient(house.url, house.keys[case.key]) as client:
            return (await client.send(**_python_words(case.words))).id

    return _told(lambda: asyncio.run(send()))


def by_client_with_a_message(house: House, case: Case) -> Came:
    """A message of Python's `email` package, said in words by the client."""
    message = email.message_from_bytes(composed(case.words, bcc=True), policy=email.policy.default)
    more = {"return_path": case.words["return_path"]} if "return_path" in case.words else {}
    with Client(house.url, house.keys[case.key]) as client:
        return _told(lambda: client.send(message, **more).id)  # type: ignore[arg-type]  # a dict of texts


def _told(send: Callable[[], str]) -> Came:
    try:
        return send()
    except NotAuthorised:
        return Refused("key")
    except TooLarge:
        return Refused("size")
    except NotTaken as error:
        return _fault_of([fault.field for fault in error.faults])


def by_embedding(house: House, case: Case) -> Came:
    words = _python_words(case.words)
    words["attachments"] = [
        DraftAttachment(one.filename, one.content, one.content_type, one.content_id or None, one.inline)
        for one in words.get("attachments", ())
    ]
    for name in ("send_at", "expires_at"):
        if name in words:
            try:
                words[f"{name}_ms"] = parse_iso(words.pop(name))
            except ValueError:
                return Refused("message")
    if "priority" in words:
        try:
            words["priority"] = Priority[words["priority"].upper()]
        except KeyError:
            return Refused("message")
    try:
        return ids.encode("m", house.embedded.send(**words).message_id)
    except EngineTooLarge:
        return Refused("size")
    except BadInput as error:
        return _fault_of([fault.field for fault in error.faults])


def by_sendmail(house: House, case: Case) -> Came:
    """`-t -i`, as PHP calls it."""
    environment = _environment(house, case)
    options = ["-v", "-t", "-i", *(["-f", case.words["return_path"]] if "return_path" in case.words else [])]
    octets = composed(case.words, bcc=True).replace(b"\r\n", b"\n")
    command = [*_PROGRAM, *options]
    done = subprocess.run(command, input=octets, capture_output=True, env=environment, timeout=_WAIT, check=False)
    told = done.stderr.decode()
    if done.returncode == 0:
        return told.split()[1]
    if done.returncode == 65:
        return Refused("sender" if " sender: " in told else "message")
    if done.returncode == 64 and "no recipient" in told:
        return Refused("to")
    return Refused({67: "to", 69: "size", 77: "key"}[done.returncode])


def by_sendmail_speaking_smtp(house: House, case: Case) -> Came:
    """`-bs`, as Symfony calls it."""
    people = [address for one in everybody(case.words) for address in addresses_in(one)]
    sender = addresses_in(case.words.get("return_path") or case.words.get("sender", FROM))[0]
    lines = ["EHLO here", f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{address}>" for address in people), "DATA"]
    octets = re.sub(rb"(?m)^\.", b"..", composed(case.words, bcc=False))
    given = "".join(f"{line}\r\n" for line in lines).encode() + octets + b".\r\nQUIT\r\n"
    environment = _environment(house, case)
    done = subprocess.run(
        [*_PROGRAM, "-bs"], input=given, capture_output=True, env=environment, timeout=_WAIT, check=False
    )
    replies = [line for line in done.stdout.decode().split("\r\n") if line and line[3] != "-"]
    if found := [line for line in replies if line.startswith("250 2.0.0 m_")]:
        return found[0].split()[2]
    refused = next(line for line in replies if line[0] in "45")
    if refused[:9] == "554 5.6.0":
        return Refused("sender" if " sender: " in refused else "message")
    return Refused(
        {"550 5.1.1": "to", "501 5.5.4": "to", "503 5.5.1": "to", "550 5.7.1": "key"}.get(refused[:9], "size")
    )


def _environment(house: House, case: Case) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
    ours = {"POSTROOM_API_URL": house.url, "POSTROOM_API_KEY": house.keys[case.key], "HOME": str(house.folder)}
    return kept | ours


def by_django(house: House, case: Case) -> Came:
    words = case.words
    headers = dict(words.get("headers", {}))
    for name in ("kind", "priority", "send_at", "expires_at"):
        if name in words:
            headers[f"X-Postroom-{name.replace('_', '-').title()}"] = words[name]
    if "tags" in words:
        headers["X-Postroom-Tag"] = ", ".join(words["tags"])
    author = words.get("sender", "")
    if "return_path" in words:
        headers["From"], author = author, words["return_path"]
    before = set(_ids(house))
    with override_settings(POSTROOM_URL=house.url, POSTROOM_KEY=house.keys[case.key], DEFAULT_FROM_EMAIL=FROM):
        message = EmailMultiAlternatives(
            words.get("subject", ""), words.get("text", ""), author or None, words["to"], words.get("bcc"),
            get_connection(), headers=headers, cc=words.get("cc"), reply_to=words.get("reply_to"),
        )  # fmt: skip
        if "html" in words:
            message.attach_alternative(words["html"], "text/html")
        for name, octets, kind in words.get("attachments", ()):
            message.attach(name, octets, kind)
        for name, octets in words.get("inline", ()):
            image = MIMEImage(octets, "png")
            image.add_header("Content-ID", f"<{name}>")
            message.attach(image)
        try:
            came = _told(lambda: str(message.send()))
        except BadHeaderError as error:
            return Refused("to" if "'To'" in str(error) else "message")
    if isinstance(came, Refused):
        return came
    return Refused("to") if came == "0" else next(iter(set(_ids(house)) - before))


def _ids(house: House) -> list[str]:
    return [one["id"] for one in house.boss.get("/v1/messages?limit=200").json()["messages"]]


def by_smtp(house: House, case: Case) -> Came:
    octets = composed(case.words, bcc=False)
    sender = case.words.get("return_path") or case.words.get("sender", FROM)
    people = everybody(case.words)
    options = [] if "".join([sender, *people]).isascii() else ["SMTPUTF8"]
    try:
        with house.letterbox.client(Application(case.key, house.keys[case.key])) as client:
            client.ehlo_or_helo_if_needed()
            client.sendmail(sender, people, octets, mail_options=options)
    except smtplib.SMTPAuthenticationError:
        return Refused("key")
    except smtplib.SMTPSenderRefused as error:
        return Refused({552: "size"}.get(error.smtp_code, "key" if b"key" in _octets(error.smtp_error) else "sender"))
    except smtplib.SMTPRecipientsRefused:
        return Refused("to")
    except smtplib.SMTPDataError as error:
        return Refused("size" if error.smtp_code == 552 else "message")
    return _ids(house)[0]


def _octets(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


DOORS: dict[str, Callable[[House, Case], Came]] = {
    "http": by_http,
    "raw": by_raw,
    "client": by_client,
    "async client": by_async_client,
    "client with a message": by_client_with_a_message,
    "embedded": by_embedding,
    "sendmail": by_sendmail,
    "sendmail -bs": by_sendmail_speaking_smtp,
    "django": by_django,
    "smtp": by_smtp,
}
IN_WORDS = {"http", "client", "async client", "embedded"}
"""Doors where a message is said in words; at the others it is composed already."""
