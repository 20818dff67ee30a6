"""One mail made of several: what a recipient asked to get together.

Grouped by kind, the newest first, with a table of contents; each mail readable as it was, in text and in HTML. HTML of
several authors stands in one page here, so it is cleaned (nh3): what could run, load, hide what follows it or reach
into another mail goes; a picture that came along stays, under a name of its own. A text is always there, made from the
HTML where the author wrote none.

Rules kept here: nothing of a mail is lost: what is too long for the page, or no text at all, is a file; no octets make
it fail; and the same mails give the same digest (P5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from html import escape

from postroom.compose.letter import Attachment
from postroom.compose.media import check_filename, check_media_type
from postroom.compose.reading import Part, body_of, read_parts
from postroom.compose.text import text_from_html

__all__ = ["Digest", "File", "Original", "compose", "original"]

_LONGEST_TEXT = 200_000
"""Characters of one mail that stand in the page; of a longer one, the whole goes along as a file."""
_WORDS = {
    "en": {
        "subject": "{count} messages for you: {kinds}",
        "one": "1 message for you: {kinds}",
        "contents": "Contents",
        "from": "From",
        "files": "Files",
        "top": "Back to the contents",
        "no-subject": "(no subject)",
        "long": "This message is long; it is attached as a whole.",
        "pattern": "EEE d MMM y, HH:mm",
    },
    "de": {
        "subject": "{count} Nachrichten für Sie: {kinds}",
        "one": "1 Nachricht für Sie: {kinds}",
        "contents": "Inhalt",
        "from": "Von",
        "files": "Dateien",
        "top": "Zum Inhalt",
        "no-subject": "(ohne Betreff)",
        "long": "Diese Nachricht ist lang; sie ist als Ganzes angehängt.",
        "pattern": "EEE d. MMM y, HH:mm",
    },
}
_WORDS_OF_TAGS = """a abbr b blockquote br caption center code col colgroup dd del div dl dt em font h1 h2 h3 h4 h5 h6
    hr i img ins li ol p pre q s small span strike strong sub sup table tbody td tfoot th thead tr tt u ul"""
_TAGS = frozenset(_WORDS_OF_TAGS.split())
_SIZES = {"align", "valign", "width", "height", "bgcolor", "color", "style", "dir", "lang", "title"}
_ATTRIBUTES = {
    **dict.fromkeys(_TAGS - {"a", "img", "td", "th", "table", "font"}, _SIZES),
    "a": {"href", "title", "style"},
    "img": {"src", "alt", "title", "width", "height", "style"},
    "font": _SIZES | {"face", "size"},
    "table": _SIZES | {"border", "cellpadding", "cellspacing"},
    "td": _SIZES | {"colspan", "rowspan"},
    "th": _SIZES | {"colspan", "rowspan"},
}
_STYLES = {
    "color", "background-color", "font-family", "font-size", "font-style", "font-weight", "line-height", "text-align",
    "text-decoration", "vertical-align", "white-space", "padding", "padding-left", "padding-right", "padding-top",
    "padding-bottom", "margin", "margin-left", "margin-right", "margin-top", "margin-bottom", "border",
    "border-collapse", "border-left", "border-right", "border-top", "border-bottom", "border-radius", "width",
    "max-width", "list-style-type",
}  # fmt: skip
_PAGE = (
    "body{margin:0;padding:16px;font:16px/1.5 system-ui,sans-serif;color:#1a1f26;background:#fff}"
    "h2{margin:32px 0 8px;font-size:20px}h3{margin:0 0 4px;font-size:18px}"
    ".m{border:1px solid #c9d1da;border-radius:8px;padding:16px;margin:0 0 16px}.f{color:#4a5563;margin:0 0 12px}"
    ".o{background:#fff;color:#1a1f26;padding:8px;border-radius:4px}"  # its author chose colours for a light page
    "@media(prefers-color-scheme:dark){body{color:#e8ecf1;background:#14181d}.m{border-color:#3a444f}.f{color:#aab4c0}"
    "a{color:#8ab8ff}}"
)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a mail. `link`: where it can be had, for one that does not go along."""

    name: str
    kind: str
    content: bytes = field(repr=False)
    number: str = ""
    content_id: str = ""
    link: str = ""

    @property
    def is_picture(self) -> bool:
        return bool(self.content_id) and self.kind.startswith("image/")


@dataclass(frozen=True, slots=True)
class Original:
    """A mail as it is shown in a digest. `anchor`: what links within the digest call it; `group`: its kind's title."""

    anchor: str
    group: str
    sender: str
    subject: str
    at_ms: int
    text: str = field(repr=False)
    html: str = field(default="", repr=False)
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Digest:
    """What the letter is made from."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()


def original(content: bytes, *, anchor: str, group: str, at_ms: int) -> Original:
    """Reads a mail for a digest. Never fails: what can't be understood is shown as it stands."""
    parts = read_parts(content)
    whole = parts[0]
    plain, rich = body_of(parts), body_of(parts, "text/html")
    html = rich.text() if rich is not None else ""
    text = plain.text() if plain is not None else text_from_html(html)
    files = [_file(part) for part in parts[1:] if part.within is None and _is_file(part)]
    if len(text) > _LONGEST_TEXT or len(html) > _LONGEST_TEXT:
        files.append(File("message.eml", "message/rfc822", content))
        html, text = "", text[:_LONGEST_TEXT]
    sender, subject = whole.shown("from"), whole.shown("subject")
    return Original(anchor, group, sender, subject, at_ms, text.strip("\n"), html, tuple(files))


def _is_file(part: Part) -> bool:
    return part.is_attachment and not part.kind.startswith("multipart/")


def _file(part: Part) -> File:
    name = part.filename if part.filename and check_filename("", part.filename) is None else "file"
    kind = part.kind if check_media_type("", part.kind) is None else "application/octet-stream"
    octets = bytes(part.body) if part.kind == "message/rfc822" else part.octets()
    return File(name, kind, octets, part.number, part.content_id)


def compose(mails: Sequence[Original], *, language: str, zone: tzinfo) -> Digest:
    """`mails` in any order. `language`: the recipient's; `zone`: where he is, for the times that are shown."""
    words = _WORDS.get(language, _WORDS["en"])
    groups: dict[str, list[Original]] = {}
    for mail in sorted(mails, key=lambda one: (one.at_ms, one.anchor), reverse=True):
        groups.setdefault(mail.group, []).append(_named(mail, words))
    ordered = dict(sorted(groups.items()))
    titles = ", ".join(ordered)
    subject = words["one" if len(mails) == 1 else "subject"].format(count=len(mails), kinds=titles)
    shown = _Shown(words, language, zone)
    attachments = tuple(shown.attachments([mail for group in ordered.values() for mail in group]))
    return Digest(subject[:200], shown.text(ordered), shown.html(ordered), attachments)


def _named(mail: Original, words: dict[str, str]) -> Original:
    return mail if mail.subject else replace(mail, subject=words["no-subject"])


class _Shown:
    def __init__(self, words: dict[str, str], language: str, zone: tzinfo) -> None:
        self._words = words
        self._language = language if language in _WORDS else "en"
        self._zone = zone

    def _time(self, mail: Original) -> str:
        from babel.dates import format_datetime  # late, as nh3 below: only who reads digests needs them

        moment = datetime.fromtimestamp(mail.at_ms / 1000, self._zone)
        return format_datetime(moment, self._words["pattern"], locale=self._language)

    # -- text -------------------------------------------------------------------------------------------------------

    def text(self, groups: dict[str, list[Original]]) -> str:
        lines = [self._words["contents"], ""]
        for title, mails in groups.items():
            lines.append(title)
            lines += [f"  - {mail.subject} ({mail.sender}, {self._time(mail)})" for mail in mails]
        for title, mails in groups.items():
            lines += ["", "=" * 72, title, "=" * 72]
            for mail in mails:
                lines += ["", mail.subject, f"{self._words['from']}: {mail.sender}, {self._time(mail)}"]
                lines += [f"{self._words['files']}: {', '.join(self._told(mail))}"] if self._told(mail) else []
                lines += ["-" * 72, mail.text]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _told(mail: Original) -> list[str]:
        return [f"{one.name} ({one.link})" if one.link else one.name for one in mail.files if not one.is_picture]

    # -- HTML -------------------------------------------------------------------------------------------------------

    def html(self, groups: dict[str, list[Original]]) -> str:
        head = f'<!doctype html>\n<html lang="{self._language}"><head><meta charset="utf-8">'
        view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
        parts = [head, view, f'<meta name="color-scheme" content="light dark"><style>{_PAGE}</style></head><body>']
        parts.append(f'<h1 id="contents" style="font-size:22px">{escape(self._words["contents"])}</h1>')
        for title, mails in groups.items():
            links = "".join(
                f'<li><a href="#{mail.anchor}">{escape(mail.subject)}</a> {escape(mail.sender)}</li>' for mail in mails
            )
            parts.append(f"<p><b>{escape(title)}</b></p><ul>{links}</ul>")
        for title, mails in groups.items():
            parts.append(f"<h2>{escape(title)}</h2>")
            parts += [self._mail(mail) for mail in mails]
        return "\n".join([*parts, "</body></html>"])

    def _mail(self, mail: Original) -> str:
        from_line = f"{escape(self._words['from'])}: {escape(mail.sender)}, {escape(self._time(mail))}"
        files = ", ".join(
            f'<a href="{escape(one.link)}">{escape(one.name)}</a>' if one.link else escape(one.name)
            for one in mail.files
            if not one.is_picture
        )
        told = f'<p class="f">{escape(self._words["files"])}: {files}</p>' if files else ""
        shown = _clean(mail) if mail.html.strip() else f'<div style="white-space:pre-wrap">{escape(mail.text)}</div>'
        up = f'<p><a href="#contents">{escape(self._words["top"])}</a></p>'
        return (
            f'<div class="m"><h3 id="{mail.anchor}">{escape(mail.subject)}</h3><p class="f">{from_line}</p>{told}'
            f'<div class="o">{shown}</div>{up}</div>'
        )

    # -- files ------------------------------------------------------------------------------------------------------

    @staticmethod
    def attachments(mails: Iterable[Original]) -> Iterable[Attachment]:
        for mail in mails:
            for place, one in enumerate(mail.files):
                if one.is_picture:
                    yield Attachment(one.name, one.content, one.kind, _picture(mail, place), inline=True)
                elif not one.link:
                    yield Attachment(one.name, one.content, one.kind)


def _picture(mail: Original, place: int) -> str:
    """The content id under which a mail's picture goes along: two mails may call theirs the same."""
    return f"{mail.anchor}.{place}"


def _clean(mail: Original) -> str:
    """The mail's HTML as it may stand beside others. Pictures from elsewhere are left out: who reads a digest of many
    senders has not agreed to tell them all that he does."""
    import nh3

    pictures = {one.content_id: _picture(mail, place) for place, one in enumerate(mail.files) if one.is_picture}

    def attribute(tag: str, name: str, value: str) -> str | None:
        if tag != "img" or name != "src":
            return value
        own = pictures.get(value[4:].strip("<> ")) if value[:4].lower() == "cid:" else None
        return None if own is None else f"cid:{own}"

    cleaned = nh3.clean(
        mail.html,
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        clean_content_tags={"script", "style", "title", "head", "noscript", "template"},
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        strip_comments=True,
        link_rel="noopener noreferrer",
        filter_style_properties=set(_STYLES),
        attribute_filter=attribute,
    )
    return cleaned.strip()
