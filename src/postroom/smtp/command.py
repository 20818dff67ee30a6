"""What a client says, as bytes. The only place where text becomes part of a command.

Rules kept here:
- Nothing that could end a command or begin another one gets in: control characters, line ends, NUL, spaces and angle
  brackets in an address are refused (`Unwritable`) before a byte exists, and so are lines beyond what RFC 5321,
  4.5.3.1 and the extensions allow.
- A refusal never repeats what it refused: it may be a secret, or made to harm a log.
- A message can't end early: `stuff` doubles leading dots, and it is for content whose lines all end in CRLF
  (`only_crlf`).

Which parameters a server understands is for the caller to know (`delivery`).
"""

import base64
import re
from collections.abc import Sequence

MAX_PATH = 512
"""Octets of MAIL or RCPT without parameters (RFC 5321, 4.5.3.1.4)."""
MAX_MAIL = MAX_PATH + 26 + 17 + 10 + 108 + 500
"""The same with SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET and ENVID (RFC 3461), AUTH (RFC 4954)."""
MAX_RCPT = MAX_PATH + 28 + 500
"""The same with NOTIFY and ORCPT (RFC 3461)."""
MAX_AUTH = 12_288
"""Octets of a line of a login (RFC 4954, 4)."""
MAX_INITIAL = 512
"""Octets of an AUTH command that carries its first response with it (RFC 4954, 4)."""
MAX_ENVID = 100

DATA = b"DATA\r\n"
DOT = b".\r\n"
RSET = b"RSET\r\n"
QUIT = b"QUIT\r\n"
STARTTLS = b"STARTTLS\r\n"

_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}|\[[A-Za-z0-9.:-]{1,253}\]")
_ADDRESS = re.compile(r"[!-;=?-~]+")
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]{1,32}")
_NOTIFY = frozenset({"NEVER", "SUCCESS", "FAILURE", "DELAY"})
_RET = frozenset({"FULL", "HDRS"})


class Unwritable(ValueError):
    """This can't be put into a command. The text says what is wrong with it and does not repeat it."""


def ehlo(name: str) -> bytes:
    """EHLO with a host name or an address literal (RFC 5321, 4.1.1.1)."""
    return b"EHLO %b\r\n" % _host(name)


def helo(name: str) -> bytes:
    """HELO, for servers that know no EHLO."""
    return b"HELO %b\r\n" % _host(name)


def mail(
    sender: str,
    *,
    size: int | None = None,
    eight_bit: bool = False,
    smtputf8: bool = False,
    ret: str | None = None,
    envid: str | None = None,
    auth: str | None = None,
) -> bytes:
    """MAIL FROM. An empty `sender` is the null path `<>`. `size` is in octets; `auth` is an address or "" for `<>`."""
    line = f"MAIL FROM:<{_address(sender, smtputf8)}>" if sender else "MAIL FROM:<>"
    if size is not None:
        line += f" SIZE={size:d}"
    if eight_bit:
        line += " BODY=8BITMIME"
    if smtputf8:
        line += " SMTPUTF8"
    if ret is not None:
        line += f" RET={_one_of(_RET, ret, 'RET')}"
    if envid is not None:
        line += f" ENVID={_envid(envid)}"
    if auth is not None:
        line += f" AUTH={xtext(auth) if auth else '<>'}"
    return _line(line, MAX_MAIL)


def rcpt(address: str, *, notify: Sequence[str] = (), orcpt: str | None = None, smtputf8: bool = False) -> bytes:
    """RCPT TO. `orcpt` is `type;address` or a plain address (then of type rfc822), not encoded (RFC 3461, 4.2)."""
    line = f"RCPT TO:<{_address(address, smtputf8)}>"
    if notify:
        line += f" NOTIFY={_notify(notify)}"
    if orcpt is not None:
        line += f" ORCPT={_orcpt(orcpt)}"
    return _line(line, MAX_RCPT)


def bdat(size: int) -> bytes:
    """BDAT with the only and last chunk of a message (RFC 3030, 2); `size` octets must follow."""
    return b"BDAT %d LAST\r\n" % size


def auth(mechanism: str, initial: bytes | None) -> bytes:
    """AUTH, with its first response when there is one and it fits (RFC 4954, 4); None: the server speaks first."""
    if not _MECHANISM.fullmatch(mechanism):
        raise Unwritable("The name of the login mechanism has characters that none has.")
    plain = b"AUTH %b\r\n" % mechanism.encode("ascii")
    if initial is None:
        return plain
    with_initial = b"AUTH %b %b\r\n" % (mechanism.encode("ascii"), base64.b64encode(initial) or b"=")
    return with_initial if len(with_initial) <= MAX_INITIAL else plain


def response(data: bytes) -> bytes:
    """The answer to a challenge: base64 on a line of its own."""
    line = base64.b64encode(data) + b"\r\n"
    if len(line) > MAX_AUTH:
        raise Unwritable("The answer to the login challenge is longer than a server has to take.")
    return line


def only_crlf(content: bytes) -> bool:
    """Whether CR and LF occur only together: the condition for content that can't be read as two messages."""
    pairs = content.count(b"\r\n")
    return content.count(b"\n") == pairs and content.count(b"\r") == pairs


def ended(content: bytes) -> bytes:
    """`content` with its last line ended; what BDAT and DATA transport is then the same."""
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def stuff(content: bytes) -> bytes:
    """`content` as DATA carries it: leading dots doubled, the last line ended, the dot appended (RFC 5321, 4.5.2).

    ValueError when CR or LF stand alone: servers disagree where such a message ends.
    """
    if not only_crlf(content):
        raise Unwritable("The message has line ends that are not CRLF.")
    return stuffed(ended(content))


def stuffed(content: bytes) -> bytes:
    """The same for content that is known to be `only_crlf` and `ended`."""
    first = b"." if content.startswith(b".") else b""
    return b"%b%b.\r\n" % (first, content.replace(b"\r\n.", b"\r\n.."))


def xtext(text: str) -> str:
    """RFC 3461, 4: printable ASCII as it is, the rest as +XX. Control characters are refused, not encoded."""
    if not text.isascii():
        raise Unwritable("A delivery report parameter has characters outside ASCII.")
    _printable(text)
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


def _host(name: str) -> bytes:
    if not _HOST.fullmatch(name):
        raise Unwritable("The EHLO name is neither a host name nor an address literal.")
    return name.encode("ascii")


def _address(address: str, smtputf8: bool) -> str:
    if _ADDRESS.fullmatch(address):
        return address
    if not address:
        raise Unwritable("The address is empty.")
    if address.isascii() or not address.isprintable() or any(c in "<> " for c in address):
        raise Unwritable("The address has a space, an angle bracket or a control character.")
    if not smtputf8:
        raise Unwritable("The address has characters outside ASCII, and SMTPUTF8 is not in use.")
    return address


def _printable(text: str) -> None:
    if not text.isprintable():
        raise Unwritable("A parameter has a control character.")


def _one_of(allowed: frozenset[str], value: str, name: str) -> str:
    if value not in allowed:
        raise Unwritable(f"{name} is none of {', '.join(sorted(allowed))}.")
    return value


def _notify(values: Sequence[str]) -> str:
    chosen = [_one_of(_NOTIFY, value, "NOTIFY") for value in values]
    if "NEVER" in chosen and len(chosen) > 1:
        raise Unwritable("NOTIFY is NEVER and something else at once.")
    return ",".join(chosen)


def _envid(envid: str) -> str:
    if not 0 < len(envid) <= MAX_ENVID:
        raise Unwritable(f"ENVID must have 1 to {MAX_ENVID} characters.")
    return xtext(envid)


def _orcpt(orcpt: str) -> str:
    kind, mark, address = orcpt.partition(";")
    if not mark:
        kind, address = "rfc822" if orcpt.isascii() else "utf-8", orcpt
    if not _ADDRESS_TYPE.fullmatch(kind) or not address:
        raise Unwritable("ORCPT is neither an address nor a type and an address.")
    return f"{kind};{_unitext(address) if kind.lower() == 'utf-8' else xtext(address)}"


def _unitext(address: str) -> str:
    """RFC 6533, 3: an address of type utf-8 in ASCII, other characters as their number in hexadecimal digits."""
    _printable(address)
    return "".join(c if "!" <= c <= "~" and c not in "+=\\" else f"\\x{{{ord(c):X}}}" for c in address)


def _line(line: str, limit: int) -> bytes:
    data = line.encode("utf-8") + b"\r\n"
    if len(data) > limit:
        raise Unwritable("The command is longer than a server has to take.")
    return data
