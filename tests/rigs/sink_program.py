"""The recording sink: an SMTP server that writes down every message, with fsync, before it answers the final dot.

A program of its own (`python -m tests.rigs.sink_program --ledger FILE`), standard library only, sharing no line with
Postroom, so that it is evidence against it. What it does with a message is chosen by the local part of its recipients
(up to the first `+`; with `-once` at the end only the first time for that address):

    ok                  taken (so is every name not in this list)
    defer fail          at RCPT: 451 4.2.0; 550 5.1.1
    close-421           at RCPT: 421, and the connection ends
    garbage endless     at RCPT: bytes that are no reply; a reply that never ends
    slow                a reply of one byte at a time, at RCPT and at the dot
    mixed               at RCPT: by its place in the transaction 250, 550, 451, 250, ...
    greylist            at RCPT: 450 4.7.1 the first time for this address
    drop-before-dot     the connection ends in the middle of the body
    drop-after-dot      recorded, then the connection ends without an answer
    stall               recorded, never answered
    rst-after-250       recorded, answered 250, connection reset
    dot-fail dot-defer  554 5.7.1; 451 4.3.0 to the final dot

The local part of the sender: `notallowed` 550 5.7.60 at MAIL, `notallowed-dot` 554 5.2.252 to the dot, `busy` 432
4.3.2, `quota` 550 5.4.5. The password `wrong` gets 535 5.7.8; the user `disabled` 535 5.7.139, `throttled` 454 4.7.0.
The file named by --plan (JSON) overrides by phase while the sink runs, see `sink_ledger.Plan`.

The ledger has one JSON object a line; `kind` is `message`, `cut` (a transaction that ended without its dot), `auth`
(with the bytes that were given) or `connect`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import re
import ssl
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tests.rigs.sink_ledger import Ledger, Plan

RCPT_REPLIES = {
    "fail": b"550 5.1.1 no such mailbox\r\n",
    "defer": b"451 4.2.0 try again later\r\n",
    "greylist": b"450 4.7.1 greylisted, try again later\r\n",
    "close-421": b"421 4.3.2 shutting down\r\n",
    "garbage": b"\xff\xfe\x00 what is this\r\n",
}
DOT_REPLIES = {"dot-fail": b"554 5.7.1 message refused\r\n", "dot-defer": b"451 4.3.0 try again later\r\n"}
AT_DOT = {"drop-before-dot", "drop-after-dot", "stall", "rst-after-250", "slow", *DOT_REPLIES}
KNOWN = {"ok", "mixed", "endless", *RCPT_REPLIES, *AT_DOT}
MIXED = (b"250 2.1.5 ok\r\n", RCPT_REPLIES["fail"], RCPT_REPLIES["defer"])
SENDERS = {
    "notallowed": b"550 5.7.60 SMTP; Client does not have permissions to send as this sender\r\n",
    "busy": b"432 4.3.2 Concurrent connections limit exceeded\r\n",
    "quota": b"550 5.4.5 Daily user sending limit exceeded\r\n",
}
SENDAS_AT_DOT = b"554 5.2.252 SendAsDenied; not allowed to send as this sender\r\n"
LOGINS = {
    ("password", b"wrong"): b"535 5.7.8 Username and Password not accepted\r\n",
    (
        "user",
        b"disabled",
    ): b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled\r\n",
    ("user", b"throttled"): b"454 4.7.0 Too many login attempts, please try again later\r\n",
}
OFFERS = ("PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN")
LINE_LIMIT = 1 << 20


class Goodbye(Exception):
    """The conversation is over; the connection is to be closed."""


@dataclass
class Transaction:
    sender: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    recipients: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    behaviours: list[str] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    began: float = field(default_factory=time.time)
    phase: str = "mail"
    asked: int = 0
    dot_reply: bytes | None = None


@dataclass
class Service:
    """What all connections share."""

    options: argparse.Namespace
    ledger: Ledger
    plan: Plan
    tls: ssl.SSLContext | None
    seen: set[str] = field(default_factory=set)
    connections: int = 0
    open: int = 0

    def behaviour(self, address: str) -> str:
        """The behaviour asked for by this address, this time."""
        name = address.partition("@")[0].partition("+")[0].lower()
        once = name == "greylist" or name.endswith("-once")
        name = name.removesuffix("-once")
        if name not in KNOWN or (once and address in self.seen):
            return "ok"
        self.seen.add(address)
        return name

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        conversation = Conversation(self, reader, writer, self.connections)
        try:
            await conversation.run()
        except (Goodbye, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except (asyncio.LimitOverrunError, ValueError) as error:
            print(f"connection {conversation.number}: {error!r}", file=sys.stderr, flush=True)
        finally:
            self.open -= 1
            await conversation.ended()
            writer.close()


class Conversation:
    """One connection."""

    def __init__(
        self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.service = service
        self.options = service.options
        self.reader = reader
        self.writer = writer
        self.number = number
        self.encrypted = service.options.tls == "implicit"
        self.user: str | None = None
        self.greeted = False
        self.transaction: Transaction | None = None

    async def run(self) -> None:
        await self.service.ledger.write({"kind": "connect", "connection": self.number, "at": time.time()})
        if self.options.connections and self.service.open > self.options.connections:
            await self.say(b"421 4.7.0 Too many connections\r\n", last=True)
        reply = self.service.plan.reply("connect")
        await self.say(
            reply or b"220 sink.test ESMTP recording sink\r\n", last=reply is not None and reply[:1] in b"45"
        )
        while True:
            line = await self.reader.readuntil(b"\n")
            verb, _, rest = line.rstrip(b"\r\n").partition(b" ")
            step = self.STEPS.get(verb.upper())
            if step is None:
                await self.say(b"500 5.5.1 not known here\r\n")
            else:
                await step(self, rest)

    async def ended(self) -> None:
        """Writes down a transaction that was cut off."""
        cut, self.transaction = self.transaction, None
        if cut is not None:
            await self.service.ledger.write(self._record("cut", cut, taken=False))

    async def say(self, reply: bytes, *, last: bool = False) -> None:
        self.writer.write(reply)
        await self.writer.drain()
        if last or reply.startswith(b"421"):
            raise Goodbye

    async def planned(self, phase: str) -> bool:
        """Whether the plan had an answer for this phase, which was then given."""
        reply = self.service.plan.reply(phase)
        if reply is not None:
            await self.say(reply)
        return reply is not None

    # ---- session -------------------------------------------------------------------------------------------------

    async def ehlo(self, rest: bytes) -> None:
        if await self.planned("ehlo"):
            return
        self.greeted, self.transaction = True, None
        offers = [
            "PIPELINING",
            "CHUNKING",
            "8BITMIME",
            "SMTPUTF8",
            "DSN",
            "ENHANCEDSTATUSCODES",
            f"SIZE {self.options.size}",
        ]
        offers.append("AUTH PLAIN LOGIN")
        if self.options.tls == "starttls" and not self.encrypted:
            offers.append("STARTTLS")
        offers = [offer for offer in offers if offer.split()[0] not in self.options.without]
        lines = ["sink.test", *offers]
        await self.say(
            "".join(f"250{' ' if n == len(lines) else '-'}{line}\r\n" for n, line in enumerate(lines, 1)).encode()
        )

    async def helo(self, rest: bytes) -> None:
        self.greeted, self.transaction = True, None
        await self.say(b"250 sink.test\r\n")

    async def starttls(self, rest: bytes) -> None:
        if self.options.tls != "starttls" or self.encrypted or self.service.tls is None:
            await self.say(b"502 5.5.1 no TLS here\r\n")
            return
        await self.say(b"220 2.0.0 go ahead\r\n")
        await self.writer.start_tls(self.service.tls)
        self.encrypted, self.greeted, self.user, self.transaction = True, False, None, None

    async def auth(self, rest: bytes) -> None:
        mechanism, _, initial = rest.partition(b" ")
        given = [rest]
        if mechanism.upper() == b"PLAIN":
            token = initial or await self._challenge(b"", given)
            user, _, password = _decoded(token).partition(b"\0")[2].partition(b"\0")
        elif mechanism.upper() == b"LOGIN":
            user = _decoded(initial or await self._challenge(b"Username:", given))
            password = _decoded(await self._challenge(b"Password:", given))
        else:
            await self._record_auth(given)
            await self.say(b"504 5.5.4 mechanism not known\r\n")
            return
        await self._record_auth(given)
        if not await self.planned("auth"):
            name = user.decode("utf-8", "replace")
            refusal = LOGINS.get(("password", password)) or LOGINS.get(("user", user))
            self.user = None if refusal else name
            await self.say(refusal or b"235 2.7.0 accepted\r\n")

    async def _challenge(self, text: bytes, given: list[bytes]) -> bytes:
        await self.say(b"334 " + base64.b64encode(text) + b"\r\n")
        line = (await self.reader.readuntil(b"\n")).rstrip(b"\r\n")
        given.append(line)
        return line

    async def _record_auth(self, given: list[bytes]) -> None:
        lines = [line.decode("latin-1") for line in given]
        record = {"kind": "auth", "connection": self.number, "given": lines, "tls": self.encrypted, "at": time.time()}
        await self.service.ledger.write(record)

    async def noop(self, rest: bytes) -> None:
        await self.say(b"250 2.0.0 ok\r\n")

    async def rset(self, rest: bytes) -> None:
        self.transaction = None
        await self.say(b"250 2.0.0 ok\r\n")

    async def leave(self, rest: bytes) -> None:
        self.transaction = None
        await self.say(b"221 2.0.0 bye\r\n", last=True)

    # ---- envelope ------------------------------------------------------------------------------------------------

    async def mail(self, rest: bytes) -> None:
        address, parameters = _path(rest)
        if await self.planned("mail"):
            return
        if not self.greeted or self.transaction is not None:
            await self.say(b"503 5.5.1 not now\r\n")
        elif self.options.require_auth and self.user is None:
            await self.say(b"530 5.7.0 Authentication Required\r\n")
        elif (refusal := SENDERS.get(address.partition("@")[0])) is not None:
            await self.say(refusal)
        elif _declared_size(parameters) > self.options.size:
            await self.say(b"552 5.3.4 message too large\r\n")
        else:
            self.transaction = Transaction(sender=address, parameters={"": parameters})
            if address.partition("@")[0] == "notallowed-dot":
                self.transaction.dot_reply = SENDAS_AT_DOT
            await self.say(b"250 2.1.0 ok\r\n")

    async def rcpt(self, rest: bytes) -> None:
        address, parameters = _path(rest)
        if await self.planned("rcpt"):
            return
        transaction = self.transaction
        if transaction is None:
            await self.say(b"503 5.5.1 no MAIL before\r\n")
            return
        transaction.phase = "rcpt"
        behaviour = self.service.behaviour(address)
        reply = RCPT_REPLIES.get(behaviour, MIXED[0])
        place, transaction.asked = transaction.asked, transaction.asked + 1
        if behaviour == "mixed":
            reply = MIXED[place % 3]
        if place >= self.options.recipients:
            reply = b"452 4.5.3 too many recipients\r\n"
        if reply.startswith(b"250"):
            transaction.recipients.append(address)
            transaction.parameters[address] = parameters
            transaction.behaviours.append(behaviour)
        else:
            transaction.refused[address] = reply.decode("latin-1").strip()
        await self._answer_rcpt(behaviour, reply)

    async def _answer_rcpt(self, behaviour: str, reply: bytes) -> None:
        if behaviour == "endless":
            for _ in range(100_000):
                await self.say(b"250-" + b"and another thing " * 50 + b"\r\n")
        if behaviour == "slow":
            await self._say_slowly(reply)
        else:
            await self.say(reply)

    async def _say_slowly(self, reply: bytes) -> None:
        for n in range(len(reply)):
            await self.say(reply[n : n + 1])
            await asyncio.sleep(self.options.slow)

    # ---- body ----------------------------------------------------------------------------------------------------

    async def data(self, rest: bytes) -> None:
        transaction = self.transaction
        if await self.planned("data"):
            return
        if transaction is None or not transaction.recipients:
            await self.say(b"554 5.5.1 no valid recipients\r\n")
            return
        transaction.phase = "data"
        await self.say(b"354 go ahead\r\n")
        while (line := await self.reader.readuntil(b"\n")) != b".\r\n":
            transaction.body += line[1:] if line.startswith(b".") else line
            if "drop-before-dot" in transaction.behaviours and len(transaction.body) > 40:
                raise Goodbye
        await self._dot(transaction)

    async def bdat(self, rest: bytes) -> None:
        size, _, last = rest.partition(b" ")
        transaction = self.transaction
        if transaction is not None and "drop-before-dot" in transaction.behaviours:
            transaction.body += await self.reader.readexactly(min(40, int(size)))
            transaction.phase = "data"
            raise Goodbye
        if transaction is not None:
            transaction.phase = "data"
        chunk = await self._chunk(int(size), transaction)
        if transaction is None or not transaction.recipients:
            await self.say(b"503 5.5.1 no valid recipients\r\n")
            return
        transaction.body += chunk
        if last.strip().upper() == b"LAST":
            await self._dot(transaction)
        else:
            await self.say(b"250 2.0.0 chunk taken\r\n")

    async def _chunk(self, size: int, transaction: Transaction | None) -> bytes:
        """So many octets; what came of them before the end is the transaction's when the connection ends first."""
        chunk = bytearray()
        while len(chunk) < size:
            try:
                data = await self.reader.read(size - len(chunk))
            except ConnectionError:
                data = b""
            if not data:
                if transaction is not None:
                    transaction.body += chunk
                raise Goodbye
            chunk += data
        return bytes(chunk)

    async def _dot(self, transaction: Transaction) -> None:
        """The whole message is here: write it down, then answer, or do what the recipient asks for instead."""
        self.transaction = None
        transaction.phase = "dot"
        wanted = next((name for name in transaction.behaviours if name in AT_DOT), "ok")
        refusal = self.service.plan.reply("dot") or transaction.dot_reply or DOT_REPLIES.get(wanted)
        if len(transaction.body) > self.options.size:
            refusal = b"552 5.3.4 message too large\r\n"
        record = self._record("message", transaction, taken=refusal is None)
        self.service.ledger.sequence += 1
        record["sequence"] = self.service.ledger.sequence
        record["behaviour"] = wanted
        if self.options.keep:
            Path(self.options.keep, f"{record['sequence']:06}.eml").write_bytes(transaction.body)
        await self.service.ledger.write(record)
        if self.options.dot_delay:
            await asyncio.sleep(self.options.dot_delay)
        await self._answer_dot(wanted, refusal or b"250 2.0.0 taken as %d\r\n" % record["sequence"])

    async def _answer_dot(self, wanted: str, reply: bytes) -> None:
        if wanted == "drop-after-dot":
            raise Goodbye
        if wanted == "stall":
            await asyncio.sleep(86_400)
        if wanted == "slow":
            await self._say_slowly(reply)
            return
        await self.say(reply)
        if wanted == "rst-after-250":
            await asyncio.sleep(0.05)
            self.writer.transport.abort()
            raise Goodbye

    def _record(self, kind: str, transaction: Transaction, *, taken: bool) -> dict[str, Any]:
        body = bytes(transaction.body)
        head, _, text = body.partition(b"\r\n\r\n")
        found = re.search(rb"(?im)^message-id:\s*(\S+)", head)
        return {
            "kind": kind,
            "taken": taken,
            "phase": transaction.phase,
            "message_id": found.group(1).decode("utf-8", "replace") if found else None,
            "sender": transaction.sender,
            "recipients": transaction.recipients,
            "refused": transaction.refused,
            "parameters": transaction.parameters,
            "sha256": hashlib.sha256(body).hexdigest(),
            "body_sha256": hashlib.sha256(text).hexdigest(),
            "size": len(body),
            "connection": self.number,
            "tls": self.encrypted,
            "user": self.user,
            "began": transaction.began,
            "at": time.time(),
        }

    STEPS: ClassVar = {
        b"EHLO": ehlo,
        b"HELO": helo,
        b"STARTTLS": starttls,
        b"AUTH": auth,
        b"NOOP": noop,
        b"RSET": rset,
        b"QUIT": leave,
        b"MAIL": mail,
        b"RCPT": rcpt,
        b"DATA": data,
        b"BDAT": bdat,
    }


def _decoded(token: bytes) -> bytes:
    try:
        return base64.b64decode(token + b"===")
    except ValueError:
        return b""


def _path(rest: bytes) -> tuple[str, str]:
    """The address and the parameters of `FROM:<…> …` or `TO:<…> …`."""
    found = re.match(rb"(?i)(?:FROM|TO):\s*<([^>]*)>\s*(.*)", rest)
    if found is None:
        return "", ""
    return found.group(1).decode("utf-8", "replace"), found.group(2).decode("utf-8", "replace")


def _declared_size(parameters: str) -> int:
    found = re.search(r"(?i)\bSIZE=(\d+)", parameters)
    return int(found.group(1)) if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for whole messages, NNNNNN.eml by sequence number")
    parser.add_argument("--plan", type=Path)
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--certificate", type=Path, help="PEM with key and chain")
    parser.add_argument("--client-ca", type=Path, help="whose certificates clients have to show")
    parser.add_argument("--without", action="append", default=[], help="an extension not to offer")
    parser.add_argument("--require-auth", action="store_true")
    parser.add_argument("--size", type=int, default=50_000_000)
    parser.add_argument("--recipients", type=int, default=10_000, help="per transaction; 452 4.5.3 beyond")
    parser.add_argument("--connections", type=int, default=0, help="at the same time; 421 beyond")
    parser.add_argument("--dot-delay", type=float, default=0, help="seconds before the answer to the dot")
    parser.add_argument("--slow", type=float, default=0.02, help="seconds between the bytes of a slow reply")
    return parser.parse_args()


async def main() -> None:
    options = _options()
    context = None
    if options.tls != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
        if options.client_ca is not None:
            context.load_verify_locations(options.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    service = Service(options, Ledger(options.ledger), Plan(options.plan), context)
    first = context if options.tls == "implicit" else None
    server = await asyncio.start_server(
        service.serve, options.host, options.port, limit=LINE_LIMIT, ssl=first, backlog=1024
    )
    print(f"listening on port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
