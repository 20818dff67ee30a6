"""The server's side of SMTP submission (RFC 5321, RFC 6409): octets in, replies out, and requests to whoever drives it.

    conversation = Conversation(settings, surroundings, encrypted=False)
    conversation.begin()
    ... conversation.receive(data) for what arrives; after each call:
        write(conversation.take())                  everything it has to say, in one piece
        conversation.request                        LogIn, Accept or StartTls: nothing further is read until it was
                                                    answered by `logged_in`, `accepted` or `tls_started`
        conversation.over                           write what is to be said, then close

Rules kept here:
- Pure: no socket, no clock, no thread. What is asked and answered at once (may this sender be used, is there room) is
  asked of the `Surroundings`.
- Nothing a client sends raises, and memory is bounded: lines, recipients, octets, errors, commands that send nothing.
- 250 to the end of a message is said only when the driver said `accepted` (P1); until then the conversation waits.
- Replies are in the order of the commands (RFC 2920), whatever pieces they arrive in.
- Nothing that was sent in clear is believed under TLS: what is pipelined behind STARTTLS ends the connection, and what
  was said before is forgotten (RFC 3207, 4.2; CVE-2011-0411).
- A login is taken under TLS only, unless the settings say that this link may be in clear.
- A command ends with CRLF and consists of printable characters; everything else is refused and counted.
"""

from postroom.smtp import server_reply as say
from postroom.smtp.reply import Reply
from postroom.smtp.server_command import read_recipient, read_sender
from postroom.smtp.server_login import MAX_LINE as MAX_LOGIN_LINE
from postroom.smtp.server_login import MECHANISMS, LoginExchange, Presented
from postroom.smtp.server_reception import Reception
from postroom.smtp.server_reply import written
from postroom.smtp.server_terms import Accept, Envelope, LogIn, Request, ServerSettings, StartTls, Surroundings

__all__ = ["MAX_COMMAND", "Accept", "Conversation", "Envelope", "LogIn", "ServerSettings", "StartTls", "Surroundings"]

MAX_COMMAND = 2_048
"""Octets of a command line: what MAIL with all its parameters may have, and some more."""
MAX_AHEAD = 1_048_576
"""Octets that may be sent ahead while an answer is waited for; a driver that pauses reading never gets there."""
_MAX_NAME = 255
_WEB = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "PATCH", "DELETE", "TRACE"})
_GO_ON = Reply(250, "2.0.0", "Ok")


class Conversation:
    """One connection. `progress` grows with each command and each message: whoever watches for slow clients looks at
    it; `receiving` is the octets of the body under way, None when none is.
    """

    def __init__(self, settings: ServerSettings, surroundings: Surroundings, *, encrypted: bool) -> None:
        self.settings = settings
        self.request: Request | None = None
        self.over = False
        self.encrypted = encrypted
        self.user = ""
        self.client = ""
        self.progress = 0
        self._surroundings = surroundings
        self._reception = Reception(settings.size, surroundings)
        self._said: list[bytes] = []
        self._input = b""
        self._at = 0
        self._extended = False
        self._login: LoginExchange | None = None
        self._stopping = False
        self._errors = self._junk = self._failed_logins = 0

    # -- for the driver ---------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The greeting."""
        self._said.append(written(Reply(220, None, f"{self.settings.host} ESMTP Postroom")))

    def receive(self, data: bytes) -> None:
        """Octets that arrived, in whatever pieces."""
        if self.over:
            return
        self._input = self._input + data if self._input else data
        if self.request is not None:
            if len(self._input) > MAX_AHEAD:
                self.end(say.TOO_MUCH_AHEAD)
            return
        self._go_on()

    def take(self) -> bytes:
        """What is to be written now; empty when nothing is."""
        if not self._said:
            return b""
        said = self._said
        self._said = []
        return said[0] if len(said) == 1 else b"".join(said)

    @property
    def waiting(self) -> bool:
        """Whether an answer of the driver is waited for, so that nothing should be read."""
        return self.request is not None

    @property
    def receiving(self) -> int | None:
        body = self._reception.body
        return None if body is None or self.request is not None else body.octets

    @property
    def kept(self) -> int:
        """Octets that are kept of the message under way, while more of them are to come."""
        body = self._reception.body
        return 0 if body is None or self.request is not None else body.held

    @property
    def idle(self) -> bool:
        """Whether nothing is under way that could be lost by closing."""
        return self.request is None and self._reception.envelope is None

    def logged_in(self, refused: Reply | None) -> None:
        """The answer to `LogIn`: None when the key is right."""
        request, self.request = self.request, None
        if self.over or not isinstance(request, LogIn):
            return
        if refused is None:
            self.user = request.presented.user
            self._errors = self._junk = 0
            self._say(say.LOGGED_IN)
        else:
            self._say(refused)
            self._failed_logins += 1
            if self._failed_logins >= self.settings.logins:
                self.end(say.TOO_MANY_LOGINS)
        self._go_on()

    def accepted(self, reply: Reply) -> None:
        """The answer to `Accept`: what became of the message."""
        request, self.request = self.request, None
        if self.over or not isinstance(request, Accept):
            return
        self._reception.forget()
        if reply.positive:
            self._junk = self._errors = 0
        if reply.permanent:
            self._wrong(reply)
        else:
            self._say(reply)
        if self._stopping:
            self.end(say.STOPPING)
        self._go_on()

    def tls_started(self) -> None:
        """The link is encrypted now; everything begins anew."""
        self.request = None
        self.encrypted = True
        self._input = b""
        self._extended = False
        self.client = self.user = ""

    def no_room(self) -> None:
        """The message under way can't be kept: the rest of it is read and dropped, and then that is said."""
        self._reception.refuse(say.NO_ROOM)

    def end(self, why: Reply) -> None:
        """Says why, and that it is over."""
        if not self.over:
            self._say(why)
            self.drop()

    def drop(self) -> None:
        """It is over, whether or not anything can still be said: lets go of everything."""
        self.over = True
        self._input = b""
        self._at = 0
        self._login = None
        self._reception.forget()

    def stop(self) -> None:
        """Ends at the next moment at which nothing is under way that the client counts on."""
        self._stopping = True
        if self.request is None:
            self.end(say.STOPPING)

    # -- reading ----------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Works off what has arrived, until more is needed or the driver has to answer."""
        reception = self._reception
        while self._at < len(self._input) and self.request is None and not self.over:
            if not (self._read_octets(reception) if reception.takes_octets else self._read_line()):
                break
        if self._at:
            self._input = self._input[self._at :]
            self._at = 0

    def _read_line(self) -> bool:
        """Takes one line; False when none is whole yet."""
        start = self._at
        end = self._input.find(b"\n", start)
        longest = MAX_COMMAND if self._login is None else MAX_LOGIN_LINE
        if end < 0 or end - start >= longest:
            if len(self._input) - start >= longest:
                self._say(say.LINE_TOO_LONG)
                self.end(say.TOO_MANY_ERRORS)
            return False
        line = self._input[start:end]
        self._at = end + 1
        self.progress += 1
        text = _text_of(line)
        if text is None:
            self._login = None
            self._wrong(say.UNREADABLE)
        elif self._login is not None:
            self._log_in(self._login.step(text))
        else:
            self._command(text)
        return True

    def _read_octets(self, reception: Reception) -> bool:
        """Takes octets of a body; False when it goes on."""
        self._input, whole = reception.read(self._input[self._at :] if self._at else self._input)
        self._at = 0
        if whole:
            self._end_octets(reception)
        elif reception.endless:
            self.end(say.TOO_LARGE)
        return whole

    def _end_octets(self, reception: Reception) -> None:
        """A body or a chunk of it is whole. Of a refused command octets were only swallowed; its reply is said."""
        self.progress += 1
        if reception.body is None:
            reception.chunked = False
        elif reception.last or not reception.chunked:
            answer = reception.whole()
            if isinstance(answer, Accept):
                self.request = answer
            else:
                reception.forget()
                self._wrong(answer or say.NO_SENDER)
        elif reception.body.refused is not None:
            self._wrong(reception.body.refused)
            reception.forget()
        else:
            self._say(Reply(250, "2.0.0", f"{reception.body.octets} octets so far"))

    def _command(self, text: str) -> None:
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        handler = _HANDLERS.get(verb)
        if handler is not None:
            handler(self, argument)
        elif verb in _WEB:
            self.end(say.NO_WEB)
        else:
            self._wrong(say.UNKNOWN)

    # -- commands ---------------------------------------------------------------------------------------------------

    def _ehlo(self, argument: str) -> None:
        self._greet(argument, extended=True)

    def _helo(self, argument: str) -> None:
        self._greet(argument, extended=False)

    def _greet(self, argument: str, *, extended: bool) -> None:
        name = argument.strip(" ")
        if not 0 < len(name) <= _MAX_NAME:
            self._wrong(say.NO_NAME)
            return
        self._reception.forget()
        self.client, self._extended = name, extended
        self._count_junk()
        if self.over:
            return
        lines = [self.settings.host, *self._offers()] if extended else [self.settings.host]
        self._said.append(written(Reply(250, None, "\n".join(lines))))

    def _offers(self) -> list[str]:
        offers = ["PIPELINING", f"SIZE {self.settings.size}"]
        if self._may_start_tls:
            offers.append("STARTTLS")
        if self._may_log_in and not self.user:
            offers.append(f"AUTH {' '.join(MECHANISMS)}")
        return [*offers, "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING"]

    @property
    def _may_start_tls(self) -> bool:
        return self.settings.starttls and not self.encrypted

    @property
    def _may_log_in(self) -> bool:
        return self.encrypted or self.settings.clear_login

    def _starttls(self, argument: str) -> None:
        if argument.strip(" "):
            self._wrong(say.NO_ARGUMENT)
        elif self.encrypted:
            self._wrong(say.ENCRYPTED_ALREADY)
        elif not self.settings.starttls:
            self._wrong(say.NO_TLS)
        elif not self.client:
            self._wrong(say.SAY_EHLO)
        elif self._at < len(self._input):
            self.end(say.INJECTED)
        else:
            self._reception.forget()
            self._said.append(say.START_TLS)
            self.request = StartTls()

    def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if not self._extended:
            self._wrong(say.SAY_EHLO)
        elif self.user:
            self._wrong(say.LOGGED_IN_ALREADY)
        elif self._reception.envelope is not None:
            self._wrong(say.NOT_NOW)
        elif not self._may_log_in:
            self._wrong(say.TLS_FOR_LOGIN)
        elif mechanism.upper() not in MECHANISMS:
            self._wrong(say.NO_MECHANISM)
        else:
            self._login = LoginExchange(mechanism.upper())
            self._log_in(self._login.begin(initial.strip(" ")))

    def _log_in(self, answer: bytes | Presented | Reply) -> None:
        if isinstance(answer, bytes):
            self._said.append(answer)
            return
        self._login = None
        if isinstance(answer, Presented):
            self.request = LogIn(answer)
        else:
            self._wrong(answer)

    def _mail(self, argument: str) -> None:
        if argument[:5].upper() != "FROM:":
            self._wrong(say.UNKNOWN)
        elif not self.client:
            self._wrong(say.SAY_EHLO)
        elif not (self.user or self.settings.trusted):
            self._wrong(say.LOGIN_FIRST if self._may_log_in else say.TLS_FIRST)
        elif self._reception.envelope is not None:
            self._wrong(say.NESTED)
        else:
            self._begin_message(argument[5:])

    def _begin_message(self, argument: str) -> None:
        command = read_sender(argument)
        if isinstance(command, Reply):
            self._wrong(command)
            return
        if command.size is not None and command.size > self.settings.size:
            self._say(say.TOO_LARGE)
        elif command.size is not None and not self._surroundings.has_room(command.size):
            self._say(say.NO_ROOM)
        elif (refused := self._surroundings.may_send(command.sender)) is not None:
            self._wrong(refused)
        else:
            self._reception.envelope = Envelope(command, self.client, self._protocol(command.smtputf8))
            self._said.append(say.SENDER_OK)

    def _protocol(self, smtputf8: bool) -> str:
        if not self._extended:
            return "SMTP"
        return ("UTF8SMTP" if smtputf8 else "ESMTP") + "S" * self.encrypted + "A" * bool(self.user)

    def _rcpt(self, argument: str) -> None:
        envelope = self._reception.envelope
        if argument[:3].upper() != "TO:":
            self._wrong(say.UNKNOWN)
        elif envelope is None:
            self._wrong(say.NO_SENDER)
        elif self._reception.body is not None:
            self._wrong(say.NOT_NOW)
        elif len(envelope.recipients) >= self.settings.recipients:
            self._refuse_recipient(say.TOO_MANY_RECIPIENTS)
        else:
            command = read_recipient(argument[3:], smtputf8=envelope.command.smtputf8)
            refused = command if isinstance(command, Reply) else self._surroundings.may_receive(command.address)
            if refused is not None:
                self._refuse_recipient(refused)
            elif not isinstance(command, Reply):
                envelope.recipients.append(command)
                self._said.append(say.RECIPIENT_OK)

    def _refuse_recipient(self, why: Reply) -> None:
        self._say(why)
        self._reception.refused += 1
        if self._reception.refused >= max(self.settings.refused, self.settings.recipients):
            self.end(say.TOO_MANY_REFUSED)

    def _data(self, argument: str) -> None:
        if argument.strip(" "):
            self._wrong(say.NO_ARGUMENT)
        elif self._reception.body is not None:
            self._wrong(say.NO_DATA_NOW)
        elif self._may_send_body():
            self._reception.begin(chunked=False)
            self._said.append(say.START_INPUT)

    def _may_send_body(self) -> bool:
        envelope = self._reception.envelope
        if envelope is None:
            self._wrong(say.NO_SENDER)
        elif not envelope.recipients:
            self._wrong(say.NOBODY_LEFT if self._reception.refused else say.NO_RECIPIENT)
        return envelope is not None and bool(envelope.recipients)

    def _bdat(self, argument: str) -> None:
        words = argument.upper().split()
        sized = bool(words) and words[0].isascii() and words[0].isdigit() and len(words[0]) <= 20
        if not sized or words[1:] not in ([], ["LAST"]):
            # How many octets follow can't be told, and they must not be taken for commands.
            self._say(say.BAD_BDAT)
            self.end(say.TOO_MANY_ERRORS)
            return
        reception, octets = self._reception, int(words[0])
        if octets > 2 * self.settings.size:
            self._say(say.TOO_LARGE)
            self.end(say.TOO_MUCH_AHEAD)
            return
        if reception.body is None and self._may_send_body():
            reception.begin(chunked=True)
        reception.chunked = True
        reception.expect(octets, last=len(words) == 2)
        if not octets and not self.over:
            self._end_octets(reception)

    def _rset(self, argument: str) -> None:
        if argument.strip(" "):
            self._wrong(say.NO_ARGUMENT)
            return
        self._reception.forget()
        self._count_junk()
        if not self.over:
            self._said.append(say.RESET_OK)

    def _noop(self, argument: str) -> None:
        self._idle_talk(_GO_ON)

    def _vrfy(self, argument: str) -> None:
        self._idle_talk(say.VERIFY)

    def _expn(self, argument: str) -> None:
        self._idle_talk(say.NO_EXPANSION)

    def _help(self, argument: str) -> None:
        self._idle_talk(say.HELP)

    def _quit(self, argument: str) -> None:
        self.end(say.FAREWELL)

    def _idle_talk(self, reply: Reply) -> None:
        self._count_junk()
        if not self.over:
            self._say(reply)

    # -- saying -----------------------------------------------------------------------------------------------------

    def _say(self, reply: Reply) -> None:
        self._said.append(written(reply))

    def _wrong(self, reply: Reply) -> None:
        """A refusal that counts as an error of the client."""
        self._say(reply)
        self._errors += 1
        if self._errors >= self.settings.errors:
            self.end(say.TOO_MANY_ERRORS)

    def _count_junk(self) -> None:
        self._junk += 1
        if self._junk > self.settings.junk:
            self.end(say.TOO_MUCH_JUNK)


def _text_of(line: bytes) -> str | None:
    """A command's text without its line end; None when it is not one line of printable characters ended by CRLF."""
    if not line.endswith(b"\r"):
        return None
    try:
        text = line[:-1].decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


_HANDLERS = {
    "EHLO": Conversation._ehlo,
    "HELO": Conversation._helo,
    "STARTTLS": Conversation._starttls,
    "AUTH": Conversation._auth,
    "MAIL": Conversation._mail,
    "RCPT": Conversation._rcpt,
    "DATA": Conversation._data,
    "BDAT": Conversation._bdat,
    "RSET": Conversation._rset,
    "NOOP": Conversation._noop,
    "VRFY": Conversation._vrfy,
    "EXPN": Conversation._expn,
    "HELP": Conversation._help,
    "QUIT": Conversation._quit,
}
