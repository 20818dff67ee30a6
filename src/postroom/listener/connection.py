"""One client: the conversation of `smtp.server` over a socket, and what it asks for done by the engine.

Rules kept here:
- One write for all that is to be said; no task and no timer for a command: the door's sweep looks after slow clients.
- Nothing is read while the conversation waits, nor while the client does not read what we say.
- The key is kept only as long as the connection, is in no log and no repr, and is asked about again for each message.
- What goes wrong inside is one reply (451) and one line of the log, never an end of the door.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from postroom.addresses import Address
from postroom.errors import PostroomError
from postroom.listener import answers
from postroom.model.application import Actor
from postroom.model.submission import Origin, Submission, SubmittedRecipient
from postroom.outbox import Receipt
from postroom.smtp.reply import Reply
from postroom.smtp.server import Accept, Conversation, LogIn, ServerSettings, StartTls

if TYPE_CHECKING:
    from postroom.listener.door import Door

__all__ = ["Connection"]

_MOST_EARLY = 65_536
_SMALL = 16_384
_TIMED_OUT = Reply(421, "4.4.2", "You were silent or slow for too long; goodbye")
_NO_LOGIN = Reply(421, "4.7.0", "Nobody logged in for too long; goodbye")
_NOT_ANY_MORE = Reply(535, "5.7.8", "The key is not valid any more; log in anew")


class Connection(asyncio.Protocol):
    """Made by the door for each client. `address` is the client's; `encrypted`: TLS from the start."""

    def __init__(self, door: Door, address: str, client: str, *, encrypted: bool) -> None:
        self._door = door
        self._address = address
        self._client = client
        self._network_actor = door.identities.trusted(address)
        self._actor: Actor | None = None
        self._user = self._key = ""
        self._transport: asyncio.Transport | None = None
        self._choked = self._paused = self._upgrading = self._acting = self._ended = self._left = False
        self._early: list[bytes] = []
        now = door.now()
        self._began = self._moved = self._wrote = now
        self._window = (now, 0)
        self._short_since = 0.0
        self._progress = 0
        self._conversation = Conversation(self._settings(), self, encrypted=encrypted)

    def _settings(self) -> ServerSettings:
        terms = self._door.terms
        return ServerSettings(
            host=terms.host,
            size=terms.size,
            recipients=terms.recipients,
            clear_login=terms.clear_login and self._door.is_local(self._address),
            trusted=self._network_actor is not None,
        )

    def __repr__(self) -> str:
        return f"<Connection from {self._address}>"

    # -- asyncio ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._door.connections.add(self)
        self._conversation.begin()
        self._act()

    def data_received(self, data: bytes) -> None:
        if self._upgrading:
            # It came through TLS already, ahead of the news that the handshake is over.
            self._early.append(data)
            if sum(map(len, self._early)) > _MOST_EARLY:
                self.abort()
            return
        ahead = self._conversation.waiting
        self._conversation.receive(data)
        if ahead:
            self._read_or_not()
        self._act()

    def eof_received(self) -> bool:
        """A client may stop sending while it waits for our last answer; it gets it where the link allows that."""
        waiting = self._conversation.waiting and not self._upgrading
        self._ended = waiting and not self._conversation.encrypted
        return self._ended

    def pause_writing(self) -> None:
        self._choked = True
        self._wrote = self._door.now()
        self._read_or_not()

    def resume_writing(self) -> None:
        self._choked = False
        self._read_or_not()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._conversation.drop()
        self._door.room.leave(self)
        self._key = ""
        self._leave()

    def _leave(self) -> None:
        if not self._left:
            self._left = True
            self._door.left(self, self._client)

    # -- the conversation's wishes ----------------------------------------------------------------------------------

    def _act(self) -> None:
        """Says what is to be said and does what is asked for, until something has to be waited for."""
        conversation, transport = self._conversation, self._transport
        if transport is None or self._acting:
            return  # an answer that is there at once is gone on with below, not within itself
        self._acting = True
        try:
            request = conversation.request
            while request is not None:
                self._do(request)
                if conversation.request is request:
                    break
                request = conversation.request
        finally:
            self._acting = False
        said = conversation.take()
        if said:
            transport.write(said)
        if conversation.progress != self._progress:
            self._progress = conversation.progress
            self._moved = self._door.now()
        if conversation.over or (self._ended and not conversation.waiting):
            transport.close()
        elif self._paused or self._choked or (self._door.room.short and conversation.kept):
            self._read_or_not()

    def _do(self, request: LogIn | Accept | StartTls) -> None:
        if isinstance(request, Accept):
            self._accept(request)
        elif isinstance(request, LogIn):
            self._log_in(request)
        elif not self._upgrading:
            self._begin_tls()

    def _read_or_not(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or self._upgrading:
            return
        wanted = self._choked or self._conversation.waiting or self._waits_for_room()
        if wanted != self._paused:
            self._paused = wanted
            if wanted:
                transport.pause_reading()
            else:
                transport.resume_reading()

    # -- TLS --------------------------------------------------------------------------------------------------------

    def _begin_tls(self) -> None:
        transport = self._transport
        if transport is None:
            return
        self._upgrading = True
        transport.pause_reading()
        transport.write(self._conversation.take())
        self._door.spawn(self._upgrade(transport))

    async def _upgrade(self, transport: asyncio.Transport) -> None:
        loop, timing = asyncio.get_running_loop(), self._door.timing
        try:
            encrypted = await loop.start_tls(
                transport,
                self,
                self._door.tls_context(),
                server_side=True,
                ssl_handshake_timeout=timing.handshake,
            )
        except (Exception, asyncio.CancelledError):  # whatever goes wrong in a handshake is the end of a link
            encrypted = None
        if encrypted is None or self._conversation.over:
            self.abort()
            self._leave()
            return
        self._transport = encrypted
        self._upgrading = self._paused = False
        self._moved = self._door.now()
        self._conversation.tls_started()
        early, self._early = self._early, []
        if early:
            self.data_received(b"".join(early))

    # -- logging in -------------------------------------------------------------------------------------------------

    def _log_in(self, request: LogIn) -> None:
        presented, door = request.presented, self._door
        wait = door.slowing.delay(self._client, presented.user, door.now())

        def check() -> None:
            if self._conversation.request is request:
                door.identities.check(presented.user, presented.password, told)

        def told(answer: Actor | Reply) -> None:
            if self._conversation.request is not request:
                return
            self._judge_login(request, answer)

        if wait > 0:
            door.later(wait, check)
        else:
            check()

    def _judge_login(self, request: LogIn, answer: Actor | Reply) -> None:
        user, now = request.presented.user, self._door.now()
        if isinstance(answer, Reply):
            if answer.permanent:
                self._door.slowing.failed(self._client, user, now)
                self._door.log.login_refused("smtp", self._address, user)
            self._conversation.logged_in(answer)
        else:
            self._door.slowing.succeeded(self._client, user, now)
            self._actor, self._user, self._key = answer, user, request.presented.password
            self._conversation.logged_in(None)
        self._act()

    @property
    def _speaker(self) -> Actor | None:
        """Whose mail this is: who logged in, else who owns the network."""
        return self._actor if self._conversation.user else self._network_actor

    # -- surroundings -----------------------------------------------------------------------------------------------

    def may_send(self, sender: Address | None) -> Reply | None:
        actor = self._speaker
        if actor is None:
            return _NOT_ANY_MORE
        try:
            faults = self._door.outbox.may_send(actor, sender)
        except PostroomError as error:
            return answers.refusal_for(error)
        return answers.sender_refusal(faults) if faults else None

    def may_receive(self, address: Address) -> Reply | None:
        return None

    def take_room(self, octets: int) -> bool:
        return self._door.room.take(self, octets)

    def has_room(self, octets: int) -> bool:
        return not self._door.room.line_is_full

    def give_room(self, octets: int) -> None:
        self._door.room.give(self, octets)

    def _waits_for_room(self) -> bool:
        """Whether this message has to wait for others, so that nothing more of it is read. Small ones never do."""
        waits = self._conversation.kept > _SMALL and not self._door.room.may_go_on(self, self._room_came)
        if not waits:
            self._short_since = 0.0
        elif not self._short_since:
            self._short_since = self._door.now()
        return waits

    def _room_came(self) -> None:
        self._door.later(0.0, self._read_or_not)

    # -- accepting --------------------------------------------------------------------------------------------------

    def _accept(self, request: Accept) -> None:
        def told(answer: Actor | Reply) -> None:
            if isinstance(answer, Reply):
                self._answer(request, _NOT_ANY_MORE if answer.code == 535 else answer)
            else:
                self._hand_over(request, answer)

        if self._conversation.user:
            self._door.identities.check(self._user, self._key, told)
            return
        # The settings may say something else than when the client came in.
        actor = self._door.identities.trusted(self._address)
        if actor is None:
            self._answer(request, _NOT_ANY_MORE)
        else:
            self._hand_over(request, actor)

    def _hand_over(self, request: Accept, actor: Actor) -> None:
        def told(receipt: Receipt | PostroomError) -> None:
            reply = answers.refusal_for(receipt) if isinstance(receipt, PostroomError) else answers.reply_to(receipt)
            self._answer(request, reply)

        try:
            self._door.outbox.submit(actor, self._submission(request), None, told)
        except PostroomError as error:
            self._answer(request, answers.refusal_for(error))
        except Exception as error:
            self._door.log.unexpected("smtp door", error)
            self._answer(request, answers.INTERNAL)
        request.content = b""  # what is written down is another copy; a large one need not be kept twice

    def _submission(self, request: Accept) -> Submission:
        envelope = request.envelope
        command = envelope.command
        return Submission(
            mail_from=command.sender,
            recipients=tuple(
                [
                    SubmittedRecipient(one.address, ",".join(one.notify) or None, one.orcpt or None)
                    for one in envelope.recipients
                ]
            ),
            content=request.content,
            origin=Origin("smtp", self._door.terms.host, self._address, envelope.client, envelope.protocol),
            smtputf8=command.smtputf8,
            ret=command.ret or None,
            envid=command.envid or None,
        )

    def _answer(self, request: Accept, reply: Reply) -> None:
        if self._conversation.request is request:
            self._conversation.accepted(reply)
            self._moved = self._door.now()
            self._act()

    # -- the door's clock -------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Ends what takes too long."""
        transport, conversation, timing = self._transport, self._conversation, self._door.timing
        if transport is None or self._upgrading:
            return
        if conversation.waiting:
            if now - self._moved > timing.engine:
                self.abort()
            return
        if transport.is_closing() or self._choked:
            if now - max(self._wrote, self._moved) > timing.answer:
                self.abort()
            return
        octets = conversation.receiving
        if octets is not None:
            self._look_at_body(octets, now)
        elif now - self._moved > timing.command:
            self._end(_TIMED_OUT)
        elif self._speaker is None and now - self._began > timing.login:
            self._end(_NO_LOGIN)

    def _look_at_body(self, octets: int, now: float) -> None:
        """What came quickly at first is no reason to wait for the rest for ever."""
        timing, (began, had) = self._door.timing, self._window
        if self._short_since:
            self._window = (now, octets)
            if now - self._short_since > timing.room:
                self._conversation.no_room()
                self._read_or_not()
        elif began < self._moved:
            self._window = (self._moved, octets)
        elif now - began > timing.body_grace:
            if octets - had < timing.body_rate * (now - began):
                self._end(_TIMED_OUT)
            self._window = (now, octets)

    def _end(self, why: Reply) -> None:
        self._conversation.end(why)
        self._act()

    def stop(self) -> None:
        """Ends as soon as nothing is under way."""
        if self._upgrading:
            self.abort()
        else:
            self._conversation.stop()
            self._act()

    @property
    def busy(self) -> bool:
        """Whether the client waits for what becomes of something."""
        return self._conversation.waiting and not self._conversation.over

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
