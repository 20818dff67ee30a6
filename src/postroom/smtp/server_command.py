"""Reading what a client says: MAIL and RCPT with their parameters, strictly, into data or into the reply that refuses.

Rules kept here:
- An address is read by `Address.parse` and nothing else: what is checked, stored, written into the next server's
  envelope and shown is one and the same.
- Parameters are those of the extensions we offer: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), AUTH (RFC
  4954, 5), RET, ENVID, NOTIFY, ORCPT (RFC 3461, RFC 6533). Others are refused with 555, none is ignored; none may come
  twice.
- What is kept of a parameter is its decoded text, printable and bounded: the client side encodes it anew.

Which command is allowed when is the conversation's business (`server`).
"""

import re
from dataclasses import dataclass

from postroom.addresses import Address, BadAddress
from postroom.smtp.reply import Reply
from postroom.smtp.server_reply import refusal

MAX_ENVID = 100
"""Characters of an ENVID as it is encoded (RFC 3461, 4.4)."""
MAX_ORCPT = 500
"""Characters of an ORCPT as it is encoded (RFC 3461, 4.2)."""

_PATH = re.compile(r' *<((?:[^<>"\\]|"(?:[^"\\]|\\.)*+")*+)>(?: +(.*))?', re.DOTALL)
_KEYWORD = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\x80-\U0010ffff]+))?")
_SIZE = re.compile(r"[0-9]{1,20}")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_XTEXT_ESCAPE = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"(?:[!-*,-<>-\[\]-~\x80-\U0010ffff]|\\x\{[0-9A-F]{2,6}\})+")
_UNITEXT_ESCAPE = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]{1,32}")
_NOTIFY = frozenset({"SUCCESS", "FAILURE", "DELAY"})
_RET = frozenset({"FULL", "HDRS"})


@dataclass(frozen=True, slots=True)
class SenderCommand:
    """MAIL. `sender` is None for the null reverse-path; `size` in octets as declared; `envid` decoded."""

    sender: Address | None
    size: int | None = None
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(frozen=True, slots=True)
class RecipientCommand:
    """RCPT. `notify`: words of RFC 3461, 4.1; `orcpt`: `type;address`, decoded."""

    address: Address
    notify: tuple[str, ...] = ()
    orcpt: str = ""


def read_sender(argument: str) -> SenderCommand | Reply:
    """What stands behind `MAIL FROM:`."""
    found = _PATH.fullmatch(argument)
    if found is None:
        return refusal(501, "5.5.4", "Write MAIL FROM:<address>")
    path, rest = found.groups()
    given = _parameters(rest)
    if isinstance(given, Reply):
        return given
    command = _sender_parameters(given) if given else _Mail()
    if isinstance(command, Reply):
        return command
    sender = _address(path, command.smtputf8, "5.1.7") if path else None
    if isinstance(sender, Reply):
        return sender
    return SenderCommand(sender, command.size, command.smtputf8, command.ret, command.envid)


def read_recipient(argument: str, *, smtputf8: bool) -> RecipientCommand | Reply:
    """What stands behind `RCPT TO:`. `smtputf8`: MAIL asked for it, so an address may be more than ASCII."""
    found = _PATH.fullmatch(argument)
    if found is None or not found[1]:
        return refusal(501, "5.5.4", "Write RCPT TO:<address>")
    path, rest = found.groups()
    address = _address(path, smtputf8, "5.1.3")
    if isinstance(address, Reply) or not rest:
        return address if isinstance(address, Reply) else RecipientCommand(address)
    given = _parameters(rest)
    if isinstance(given, Reply):
        return given
    notify: tuple[str, ...] = ()
    orcpt = ""
    for name, value in given.items():
        if name == "NOTIFY":
            notify = _notify(value)
        elif name == "ORCPT":
            orcpt = _orcpt(value, smtputf8)
        else:
            return _unknown(name)
        if not (notify if name == "NOTIFY" else orcpt):
            return _wrong(name)
    return RecipientCommand(address, notify, orcpt)


def _address(path: str, smtputf8: bool, enhanced: str) -> Address | Reply:
    if not smtputf8 and not path.isascii():
        return refusal(553, "5.6.7", "An address beyond ASCII needs SMTPUTF8 behind MAIL")
    try:
        return Address.parse(path)
    except BadAddress as error:
        return refusal(553, enhanced, str(error))


def _parameters(rest: str | None) -> dict[str, str] | Reply:
    given: dict[str, str] = {}
    for word in rest.split(" ") if rest else ():
        if not word:
            continue
        found = _KEYWORD.fullmatch(word)
        if found is None:
            return refusal(501, "5.5.4", "What stands behind the address can't be read")
        name = found[1].upper()
        if name in given:
            return refusal(501, "5.5.4", f"{name} is there twice")
        given[name] = found[2] or ""
    return given


@dataclass(slots=True)
class _Mail:
    size: int | None = None
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""


def _sender_parameters(given: dict[str, str]) -> _Mail | Reply:
    command = _Mail()
    for name, value in given.items():
        right = True
        if name == "SIZE":
            right = _SIZE.fullmatch(value) is not None
            command.size = int(value) if right else None
        elif name == "BODY":
            right = value.upper() in ("7BIT", "8BITMIME")
        elif name == "SMTPUTF8":
            right = not value
            command.smtputf8 = True
        elif name == "RET":
            command.ret = value.upper()
            right = command.ret in _RET
        elif name == "ENVID":
            command.envid = _xtext(value) if len(value) <= MAX_ENVID else ""
            right = bool(command.envid)
        elif name == "AUTH":
            right = value == "<>" or bool(_xtext(value))  # who first submitted it: heard, and believed of nobody
        else:
            return _unknown(name)
        if not right:
            return _wrong(name)
    return command


def _unknown(name: str) -> Reply:
    return refusal(555, "5.5.4", f"{name} is no parameter that is known here")


def _wrong(name: str) -> Reply:
    return refusal(501, "5.5.4", f"{name} has a value that can't be used")


def _notify(value: str) -> tuple[str, ...]:
    """The words in the order of the standard; empty when they are none, or contradict each other."""
    words = [word for word in value.upper().split(",") if word]
    if words == ["NEVER"]:
        return ("NEVER",)
    if not words or set(words) - _NOTIFY:
        return ()
    return tuple(word for word in ("SUCCESS", "FAILURE", "DELAY") if word in words)


def _orcpt(value: str, smtputf8: bool) -> str:
    """`type;address` decoded; empty when it is none."""
    kind, mark, encoded = value.partition(";")
    if not mark or len(value) > MAX_ORCPT or not _ADDRESS_TYPE.fullmatch(kind):
        return ""
    if kind.lower() != "utf-8":
        address = _xtext(encoded)
    elif _UNITEXT.fullmatch(encoded) and (smtputf8 or encoded.isascii()):
        address = _UNITEXT_ESCAPE.sub(_unescaped, encoded)
    else:
        address = ""
    return f"{kind};{address}" if address and address.isprintable() and ";" not in kind else ""


def _unescaped(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\0"


def _xtext(value: str) -> str:
    """RFC 3461, 4, decoded; empty when it is none, or what is in it is not printable ASCII."""
    if not _XTEXT.fullmatch(value):
        return ""
    text = _XTEXT_ESCAPE.sub(lambda found: chr(int(found[1], 16)), value) if "+" in value else value
    return text if text.isascii() and text.isprintable() else ""
