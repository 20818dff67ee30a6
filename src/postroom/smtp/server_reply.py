"""What our server says: its replies as octets, and the ones that are always the same.

Rules kept here:
- A reply can't be turned into two: control characters and line ends inside a text become spaces, and what is not ASCII
  becomes a question mark (RFC 5321, 4.2.1; a client without SMTPUTF8 could not read it anyway).
- Lines stay within 512 octets (RFC 5321, 4.5.3.1.5): a longer text goes on in a further line of the same reply.
- Every reply but a greeting, an answer to EHLO and 3xx carries its enhanced code (RFC 2034, 4), on every line.

When which reply is given is the conversation's business (`server`).
"""

import re
import textwrap
from functools import lru_cache

from postroom.smtp.reply import Reply

MAX_TEXT = 480
"""Characters of one line behind its codes."""
MAX_LINES = 40
"""Lines of one reply: all faults of a message at once, but no more than a client will read."""

_LINE_END = re.compile(r"\s*[\r\n]+\s*")
_UNPRINTABLE = re.compile(r"[^ -~]")
_PLAIN_FOR = str.maketrans(
    {
        "…": "...",
        "–": "-",
        "—": "-",
        "×": "x",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "\t": " ",
    }
)


def written(reply: Reply) -> bytes:
    """The reply as it goes over the wire."""
    text = reply.text
    if "\n" not in text and len(text) <= MAX_TEXT and text.isascii() and text.isprintable():
        prefix = f"{reply.code} {reply.enhanced} " if reply.enhanced else f"{reply.code} "
        return f"{prefix}{text}\r\n".encode("ascii")
    return _several(reply)


def _several(reply: Reply) -> bytes:
    lines = [part for line in _LINE_END.split(reply.text) for part in _parts(line)] or [""]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], "There is more like this."]
    mark = f"{reply.enhanced} " if reply.enhanced else ""
    said = [f"{reply.code}-{mark}{line}" for line in lines[:-1]]
    said.append(f"{reply.code} {mark}{lines[-1]}")
    return "".join(f"{line.rstrip()}\r\n" for line in said).encode("ascii")


def _parts(line: str) -> list[str]:
    plain = _UNPRINTABLE.sub("?", line.translate(_PLAIN_FOR))
    return textwrap.wrap(plain, MAX_TEXT) if len(plain) > MAX_TEXT else [plain]


@lru_cache(maxsize=256)
def refusal(code: int, enhanced: str, text: str) -> Reply:
    """A reply of ours."""
    return Reply(code, enhanced, text)


SENDER_OK = written(Reply(250, "2.1.0", "Sender ok"))
RECIPIENT_OK = written(Reply(250, "2.1.5", "Recipient ok"))
RESET_OK = written(Reply(250, "2.0.0", "Ok"))
START_INPUT = written(Reply(354, None, "Go on, and end with <CRLF>.<CRLF>"))
START_TLS = written(Reply(220, "2.0.0", "Ready to start TLS"))
LOGGED_IN = Reply(235, "2.7.0", "Welcome")
FAREWELL = Reply(221, "2.0.0", "Bye")
HELP = Reply(214, "2.0.0", "Hand over mail with EHLO, STARTTLS, AUTH, MAIL, RCPT and DATA or BDAT")
VERIFY = Reply(252, "2.5.0", "I don't say which addresses there are; send, and see what becomes of it")
NO_EXPANSION = Reply(502, "5.5.1", "There are no lists to expand here")
ASK_USER = written(Reply(334, None, "VXNlcm5hbWU6"))
ASK_PASSWORD = written(Reply(334, None, "UGFzc3dvcmQ6"))
ASK_PLAIN = b"334 \r\n"

UNKNOWN = Reply(500, "5.5.2", "I don't know this command")
UNREADABLE = Reply(500, "5.5.2", "A command is one line of printable characters, ended by CR and LF together")
LINE_TOO_LONG = Reply(500, "5.5.2", "This line is too long")
NO_ARGUMENT = Reply(501, "5.5.4", "This command takes nothing behind it")
NO_NAME = Reply(501, "5.5.4", "Say who you are: EHLO and a host name")
SAY_EHLO = Reply(503, "5.5.1", "Say EHLO first")
TLS_FIRST = Reply(530, "5.7.0", "Say STARTTLS first: mail is taken over an encrypted link only")
LOGIN_FIRST = Reply(530, "5.7.0", "Log in first: user name = name of the application, password = its key")
TLS_FOR_LOGIN = Reply(538, "5.7.11", "Say STARTTLS first: a key is not asked for over an unencrypted link")
LOGGED_IN_ALREADY = Reply(503, "5.5.1", "You are logged in already")
NOT_NOW = Reply(503, "5.5.1", "Not while a message is under way; say RSET first")
NESTED = Reply(503, "5.5.1", "There is a sender already; say RSET first")
NO_SENDER = Reply(503, "5.5.1", "Say MAIL first")
NO_RECIPIENT = Reply(503, "5.5.1", "Say RCPT first")
NOBODY_LEFT = Reply(554, "5.5.1", "None of the recipients can be used")
NO_DATA_NOW = Reply(503, "5.5.1", "This message began with BDAT and goes on with BDAT")
ENCRYPTED_ALREADY = Reply(503, "5.5.1", "The link is encrypted already")
NO_TLS = Reply(454, "4.7.0", "TLS is not available here at the moment")
INJECTED = Reply(554, "5.5.1", "Nothing may follow STARTTLS before TLS is there; somebody may have put it there")
NO_MECHANISM = Reply(504, "5.5.4", "Log in with PLAIN or LOGIN")
BAD_BASE64 = Reply(501, "5.5.2", "This is no base64")
LOGIN_CANCELLED = Reply(501, "5.0.0", "The login was called off")
BAD_LOGIN = Reply(501, "5.5.2", "PLAIN takes: nothing, NUL, user name, NUL, password, in base64")
BAD_BDAT = Reply(501, "5.5.4", "Write BDAT and the number of octets, and LAST behind the last ones")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "So many recipients are too many for one message; send the rest again")
TOO_MANY_REFUSED = Reply(421, "4.7.0", "Too many recipients that can't be used; goodbye")
TOO_LARGE = Reply(552, "5.3.4", "The message is larger than this Postroom takes")
NO_ROOM = Reply(452, "4.3.1", "Too much mail is under way at this moment; try again soon")
BARE_LINE_END = Reply(
    550, "5.6.11", "The message has a CR or LF that stands alone; end every line with CR and LF together"
)
HOLDS_NUL = Reply(550, "5.6.0", "The message holds a NUL, which no mail may have; encode it (base64)")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors; goodbye")
TOO_MANY_LOGINS = Reply(421, "4.7.0", "Too many failed logins; goodbye")
TOO_MUCH_JUNK = Reply(421, "4.7.0", "Too many commands that send nothing; goodbye")
NO_WEB = Reply(421, "4.7.0", "This is a mail server, not a web server; goodbye")
TOO_MUCH_AHEAD = Reply(421, "4.7.0", "Too much was sent ahead of my answer; goodbye")
STOPPING = Reply(421, "4.3.2", "Postroom is stopping; come back in a moment")
