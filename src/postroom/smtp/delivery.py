"""One message's way through a session: the bytes to say, and what each reply means for each recipient.

Rules kept here:
- Replies are tied to recipients one by one, in the order of the commands (RFC 2920, 3.1). A refused recipient stops
  nobody else.
- Only a positive answer to the end of the body is a delivery.
- A recipient is in doubt exactly when it was not refused, the end of the body may have left, and no answer to it
  came.
- 421 speaks for every command that has no reply of its own: the server is going away.
- A reply that can't answer its command (250 to DATA, 354 to RCPT) ends the session: from there on all would be off by
  one.
- What can't be sent at all is refused here, before a byte of it leaves.

When which bytes are written is `transfer`'s business.
"""

from collections.abc import Sequence

from postroom.model.attempt import Failure
from postroom.smtp import command
from postroom.smtp.capabilities import Capabilities
from postroom.smtp.fault import Lost, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.reply import Reply
from postroom.smtp.transcript import Transcript
from postroom.smtp.transmission import Outcome, RecipientOutcome, Transmission

_DONE = 250
_CLOSING = 421
_START_INPUT = 354
_ELSEWHERE = frozenset({220, 221, 235})
"""A greeting, a farewell, a login: when one of these answers an envelope, the replies are off by one."""


def _accepts(reply: Reply) -> bool:
    """Whether this is a yes to MAIL, RCPT or the final dot: 2xx, but none that can only answer something else."""
    return reply.positive and reply.code not in _ELSEWHERE


class Delivery:
    """A transmission whose commands are written out, and what has been heard about it so far.

    `lines` are MAIL, one RCPT for each recipient that is `asked` for (their places in the transmission), and DATA or
    BDAT; `body` is the content as that command wants it, `size` its octets undisguised. `ending` is why the session
    can't go on, once that is so.
    """

    __slots__ = (
        "_contradictory",
        "_left",
        "asked",
        "body",
        "ending",
        "lines",
        "outcomes",
        "size",
        "transcript",
        "transmission",
    )

    def __init__(self, transmission: Transmission, lines: list[bytes], body: bytes, size: int) -> None:
        self.transmission = transmission
        self.lines = lines
        self.body = body
        self.size = size
        self.outcomes: list[RecipientOutcome | None] = [None] * len(transmission.recipients)
        self.asked: Sequence[int] = range(len(transmission.recipients))
        self.transcript = Transcript()
        self.ending: Reply | Lost | None = None
        self._left = False
        self._contradictory = False

    @property
    def anyone_open(self) -> bool:
        """Whether there is a recipient about whom nothing is decided yet."""
        return None in self.outcomes

    @property
    def anyone_delivered(self) -> bool:
        """Whether the server took the message for at least one recipient."""
        return any(result is not None and result.delivered for result in self.outcomes)

    @property
    def outcome(self) -> Outcome:
        """The result, for when nobody is open any more."""
        return Outcome(tuple([result for result in self.outcomes if result is not None]), self.transcript)

    def hear_envelope(self, replies: Sequence[Reply]) -> None:
        """The replies to MAIL and the RCPTs, as far as there are any."""
        for reply in replies:
            if reply.code != _DONE:
                break
        else:
            return
        self._note_closing(replies)
        mail = replies[0]
        if not _accepts(mail):
            self._contradictory = any(_accepts(reply) for reply in replies[1:])
            self._refuse(self._open(), mail, Phase.MAIL)
        for place, reply in zip(self.asked, replies[1:], strict=False):
            if not _accepts(reply) and self.outcomes[place] is None:
                self._refuse([place], reply, Phase.RCPT)

    def hear_group(self, replies: Sequence[Reply], lost: Lost | None) -> bool:
        """The replies to MAIL, the RCPTs and DATA; those that are missing are missing because of `lost`.

        True when the server waits for a body: the message, or the final dot alone when there is nobody left to
        receive it.
        """
        envelope = len(self.asked) + 1
        self.hear_envelope(replies[:envelope])
        if len(replies) > envelope:
            return self.hear_data(replies[envelope])
        self.cut_short(replies, lost)
        return False

    def hear_data(self, reply: Reply) -> bool:
        """The reply to DATA. True when the server waits for a body."""
        if self.ending is None and reply.code == _START_INPUT and not self._contradictory:
            return True
        self._note_closing((reply,))
        if isinstance(self.ending, Lost):
            self.end(self.ending, Phase.DATA)
        else:
            self._refuse(self._open(), self.ending or reply, Phase.DATA)
        return False

    def hear_everything(self, replies: Sequence[Reply], lost: Lost | None, written: int) -> None:
        """The replies to MAIL, the RCPTs and BDAT, which left together in one step of `written` bytes."""
        self._left = lost is None or lost.may_have_left(written)
        envelope = len(self.asked) + 1
        self.hear_envelope(replies[:envelope])
        if len(replies) > envelope:
            self.hear_dot(replies[envelope])
        else:
            self.cut_short(replies, lost)

    def hear_dot(self, reply: Reply) -> None:
        """The reply to the end of the body: one for all who are left (RFC 5321, 3.3)."""
        self._left = True
        if _accepts(reply):
            result = RecipientOutcome(reply, Phase.DOT)
            self.outcomes = [result if former is None else former for former in self.outcomes]
        else:
            self._note_closing((reply,))
            self._refuse(self._open(), reply, Phase.DOT)

    def miss_dot(self, lost: Lost, written: int) -> None:
        """No reply to the end of the body, which is the first `written` bytes of the step that was lost."""
        self._left = lost.may_have_left(written)
        self.end(lost, Phase.BODY)

    def cut_short(self, replies: Sequence[Reply], lost: Lost | None) -> None:
        """There are no more replies to the envelope than these; a 421 at the end speaks for those that are missing."""
        if replies and replies[-1].code == _CLOSING:
            unanswered = self.asked[len(replies) - 1 :] if self._left else self._open()
            self._refuse(
                [place for place in unanswered if self.outcomes[place] is None],
                replies[-1],
                self._phase(len(replies) - 1),
            )
        cause = lost or self.ending
        if cause is not None:
            self.end(cause, self._phase(len(replies)))

    def end(self, cause: Reply | Lost, phase: Phase) -> None:
        """The session is over, and with it what is still open: in doubt if the end of the body may have left."""
        self.ending = self.ending or cause
        self.give_up(cause, Phase.DOT if self._left else phase)

    def give_up(self, cause: Reply | Lost, phase: Phase) -> None:
        """Close what is still open; the session may go on."""
        shown = cause.at(phase) if isinstance(cause, Lost) else cause
        result = RecipientOutcome(shown, phase, in_doubt=self._left)
        self.outcomes = [result if former is None else former for former in self.outcomes]

    def _open(self) -> list[int]:
        return [place for place, result in enumerate(self.outcomes) if result is None]

    def _phase(self, position: int) -> Phase:
        if position == 0:
            return Phase.MAIL
        return Phase.RCPT if position <= len(self.asked) else Phase.DATA

    def _note_closing(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            if reply.code == _CLOSING and self.ending is None:
                self.ending = reply

    def _refuse(self, places: Sequence[int], reply: Reply, phase: Phase) -> None:
        if reply.temporary or reply.permanent:
            result = RecipientOutcome(reply, phase)
        else:
            phase = Phase.DOT if self._left else phase
            lost = Lost.out_of_step(reply, phase)
            self.ending = self.ending or lost
            result = RecipientOutcome(lost, phase, in_doubt=self._left)
        for place in places:
            self.outcomes[place] = result


def prepare(transmission: Transmission, capabilities: Capabilities, chunked: bool) -> Delivery | Outcome:
    """The delivery of `transmission` to such a server, or its outcome when there is nothing to send."""
    needs = _needs(transmission, capabilities)
    if isinstance(needs, Refusal):
        return _refused(transmission, needs)
    content, eight_bit, smtputf8 = needs
    size = len(content)
    dsn = capabilities.dsn
    try:
        mail = command.mail(
            transmission.sender,
            size=None if capabilities.size is None else size,
            eight_bit=eight_bit,
            smtputf8=smtputf8,
            ret=transmission.ret if dsn else None,
            envid=transmission.envid if dsn else None,
        )
    except command.Unwritable as fault:
        return _refused(transmission, _unwritable(fault))
    delivery = Delivery(transmission, [mail], content if chunked else command.stuffed(content), size)
    _write_recipients(delivery, smtputf8, dsn)
    if not delivery.anyone_open:
        return delivery.outcome
    delivery.lines.append(command.bdat(size) if chunked else command.DATA)
    return delivery


def _needs(transmission: Transmission, capabilities: Capabilities) -> tuple[bytes, bool, bool] | Refusal:
    """The content as it will be sent, and whether it needs BODY=8BITMIME and SMTPUTF8; or why it can't be sent."""
    content = transmission.content
    if not command.only_crlf(content):
        return Refusal(Failure.UNWRITABLE, "5.6.0", "The message has line ends that are not CRLF.")
    content = command.ended(content)
    if capabilities.size and len(content) > capabilities.size:
        text = f"The message has {len(content):,} bytes; the server takes {capabilities.size:,} at most."
        return Refusal(Failure.TOO_BIG, "5.3.4", text)
    eight_bit = transmission.eight_bit or not content.isascii()
    if eight_bit and not capabilities.eightbitmime:
        return Refusal(Failure.NO_8BIT, "5.6.3", "The message has 8-bit text, and the server does not offer 8BITMIME.")
    smtputf8 = transmission.smtputf8 or not transmission.sender.isascii()
    if smtputf8 and not capabilities.smtputf8:
        return _NO_SMTPUTF8
    if not smtputf8 and capabilities.smtputf8:
        smtputf8 = not all(recipient.address.isascii() for recipient in transmission.recipients)
    return content, eight_bit, smtputf8


def _write_recipients(delivery: Delivery, smtputf8: bool, dsn: bool) -> None:
    """A RCPT for everyone who can be written; the others are refused here, alone."""
    asked = []
    for place, recipient in enumerate(delivery.transmission.recipients):
        address = recipient.address
        try:
            if dsn:
                line = command.rcpt(address, notify=recipient.notify, orcpt=recipient.orcpt, smtputf8=smtputf8)
            else:
                line = command.rcpt(address, smtputf8=smtputf8)
        except command.Unwritable as fault:
            foreign = not smtputf8 and not address.isascii() and address.isprintable()
            refusal = _NO_SMTPUTF8 if foreign else _unwritable(fault)
            delivery.outcomes[place] = RecipientOutcome(refusal, Phase.RCPT)
        else:
            asked.append(place)
            delivery.lines.append(line)
    delivery.asked = asked


def _unwritable(fault: command.Unwritable) -> Refusal:
    return Refusal(Failure.UNWRITABLE, "5.1.3", str(fault))


def _refused(transmission: Transmission, refusal: Refusal) -> Outcome:
    return Outcome((RecipientOutcome(refusal, Phase.MAIL),) * len(transmission.recipients), Transcript())


_NO_SMTPUTF8 = Refusal(
    Failure.NO_SMTPUTF8,
    "5.6.7",
    "An address or header has characters outside ASCII, and the server does not offer SMTPUTF8.",
)
