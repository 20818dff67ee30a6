"""Logging in with a user name and a password (RFC 4954): which mechanism, and what each of them says.

Rules kept here:
- The strongest mechanism that both sides know and the account allows; one that shows the password to whoever listens
  is taken over an unencrypted link only when the operator said so.
- A mechanism is a generator: it yields responses (None: the server speaks first) and is sent challenges, or None once
  the server said that the login is complete. It returns None when it is satisfied, otherwise why not: a `Lost` when
  the server is to blame, a `Refusal` when the name or password can't be used. Another mechanism is another generator
  in `MECHANISMS`.
- SCRAM believes a server only when the server has proved that it knows the password too (RFC 5802, 3). Where both sides
  can, the proof is bound to the encrypted link (`-PLUS`), so that nobody in between can pass it on; where only we can,
  we say so, and a server whose offer somebody has shortened notices (RFC 5802, 6).
- A login that is not this package's own (Kerberos, NTLM) comes as a `Mechanism` from outside, with its own generator.
- No randomness: the nonce is an argument. No secret is in a repr or in a fault's text.

How the words of a mechanism travel in commands and replies is `login`'s business.
"""

import hmac
import re
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from scramp import ScramClient, ScramException  # type: ignore[import-untyped]

from postroom.model.attempt import Failure
from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.reply import printable

MAX_ITERATIONS = 1_000_000
"""Rounds of key derivation a server may ask for; each costs processor time, and all sessions wait meanwhile."""

_BOUND = "-PLUS"
_ELSEWHERE = frozenset({b"e=channel-bindings-dont-match", b"e=server-does-support-channel-binding"})
_NOT_ITS_LINK = (
    "The server sees another encrypted connection, or has offered other logins, than arrives here: something between "
    "here and the server ends the encryption."
)
_ITERATIONS = re.compile(rb"(?:^|,)i=([0-9]+)(?:,|$)")
_HOSTILE = (ScramException, ValueError, LookupError, TypeError)


class Concealed(Protocol):
    """A secret as it is handed around: its text is given only to those who ask for it by name."""

    def reveal(self) -> str:
        """The text itself."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are, the proof of it, and what the proof can be bound to: the encrypted link by its channel bindings (type
    and data, the best first; RFC 5929). Empty on a link in clear."""

    user: str
    secret: Concealed = field(repr=False)
    bindings: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


Exchange = Generator[bytes | None, bytes | None, Lost | Refusal | None]


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A way to log in. `readable`: whoever listens on an unencrypted link learns the password.

    `told_by`: for a mechanism whose second challenge is an error, what that says, on one printable line.
    `bound`: it is bound to the encrypted link and needs a channel binding. `blocking`: its generator may wait for
    others. `waits`: its first response waits until the server has said something, whatever that is.
    """

    name: str
    readable: bool
    start: Callable[[Credentials, str], Exchange] = field(repr=False)
    told_by: Callable[[bytes], str] | None = field(default=None, repr=False)
    bound: bool = False
    blocking: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class NoCommonLogin:
    """There is no mechanism to use. `only_in_clear`: there would be one if the link were encrypted, and to the right
    server for certain."""

    offered: tuple[str, ...]
    allowed: tuple[str, ...]
    only_in_clear: bool

    def refusal(self, encrypted: bool = False) -> Refusal:
        """The same as it stands in an outcome. `encrypted`: the link is, but to whom it leads was not checked."""
        offered = ", ".join(self.offered) or "none"
        if self.only_in_clear:
            why = "The server's certificate is not checked" if encrypted else "The link is not encrypted"
            text = f"{why}, and the server offers only logins that show the password ({offered})."
            return Refusal(Failure.CLEAR_LOGIN, None, text)
        allowed = ", ".join(self.allowed) or "none"
        return Refusal(
            Failure.NO_LOGIN, None, f"The server offers these logins: {offered}; the account may use: {allowed}."
        )


def choose(
    offered: Iterable[str],
    allowed: Iterable[str],
    encrypted: bool,
    allow_clear: bool = False,
    known: Iterable[Mechanism] = (),
    bindable: bool = False,
) -> Mechanism | NoCommonLogin:
    """The strongest mechanism that is offered, allowed and, on an unencrypted link, harmless or permitted there.

    `known`: mechanisms besides those with a password, for accounts that allow them. `bindable`: there is a channel
    binding for those that need one.
    """
    offered, allowed = tuple(offered), tuple(allowed)
    possible = [mechanism for mechanism in (*MECHANISMS, *known) if bindable or not mechanism.bound]
    common = [mechanism for mechanism in possible if mechanism.name in offered and mechanism.name in allowed]
    usable = [mechanism for mechanism in common if encrypted or allow_clear or not mechanism.readable]
    if usable:
        return usable[0]
    return NoCommonLogin(offered, allowed, only_in_clear=bool(common))


def fitting(credentials: Credentials, mechanism: Mechanism, offered: Iterable[str]) -> Credentials:
    """What a mechanism is told of the link. One that binds nothing says "I could have" only to a server that offered
    nothing better: any other would take it for a sign that its offer was tampered with (RFC 5802, 6)."""
    if mechanism.bound or not mechanism.name.startswith("SCRAM-"):
        return credentials
    knows = any(name.startswith("SCRAM-") and name.endswith(_BOUND) for name in offered)
    return replace(credentials, bindings=()) if knows else credentials


def _unproven(text: str) -> Lost:
    return Lost(LostKind.UNPROVEN, text, Phase.AUTH)


def _end(heard: bytes | None) -> Lost | None:
    return None if heard is None else _unproven("The server asked for more when the login was complete.")


_EARLY = "The server declared the login complete before it was."


def _plain(credentials: Credentials, _nonce: str) -> Exchange:
    """RFC 4616."""
    user, password = credentials.user, credentials.secret.reveal()
    if "\0" in user or "\0" in password:
        return Refusal(Failure.SECRET, None, "The user name or the password has a NUL character.")
    return _end((yield f"\0{user}\0{password}".encode()))


def _login(credentials: Credentials, _nonce: str) -> Exchange:
    """The old way without a standard: name and password, each asked for."""
    user, password = credentials.user.encode(), credentials.secret.reveal().encode()
    if (yield None) is None or (yield user) is None:
        return _unproven(_EARLY)
    return _end((yield password))


def _cram_md5(credentials: Credentials, _nonce: str) -> Exchange:
    """RFC 2195."""
    challenge = yield None
    if challenge is None:
        return _unproven(_EARLY)
    try:
        digest = hmac.new(credentials.secret.reveal().encode(), challenge, "md5").hexdigest()
    except ValueError:
        return Refusal(Failure.NO_LOGIN, None, "This system does not allow MD5, so CRAM-MD5 can't be used.")
    return _end((yield f"{credentials.user} {digest}".encode()))


def _scram(name: str) -> Callable[[Credentials, str], Exchange]:
    """RFC 5802 and 7677. User name and password are prepared with SASLprep (RFC 4013) by the library."""

    def start(credentials: Credentials, nonce: str) -> Exchange:
        try:
            binding = credentials.bindings[0] if credentials.bindings else None
            client = ScramClient([name], credentials.user, credentials.secret.reveal(), binding, nonce)
            first: bytes = client.get_client_first().encode()
        except _HOSTILE:
            return Refusal(
                Failure.SECRET, None, f"The user name or the password has characters that {name} does not allow."
            )
        challenge = yield first
        answered = _answer_first(client, challenge)
        if isinstance(answered, Lost):
            return (yield from _refused_by_server(challenge, answered))
        proof = yield answered
        doubt = _check_proof(client, proof)
        if doubt is not None:
            return (yield from _refused_by_server(proof, doubt))
        return _end((yield b""))

    return start


def _refused_by_server(challenge: bytes | None, fault: Lost) -> Exchange:
    """A server may say within the exchange that it refuses (`e=`); an empty response then gets its real reply."""
    if challenge is not None and challenge.startswith(b"e="):
        if challenge in _ELSEWHERE:
            return Refusal(Failure.CHANNEL_BINDING, None, _NOT_ITS_LINK)
        yield b""
    return fault


def _answer_first(client: ScramClient, challenge: bytes | None) -> bytes | Lost:
    if challenge is None:
        return _unproven(_EARLY)
    asked = _ITERATIONS.search(challenge)
    if asked is not None and (len(asked[1]) > 9 or int(asked[1]) > MAX_ITERATIONS):
        return _unproven(f"The server asks for more than {MAX_ITERATIONS:,} rounds of key derivation.")
    try:
        client.set_server_first(challenge.decode())
        final: str = client.get_client_final()
    except _HOSTILE as fault:
        return _unproven(f"The server broke the rules of the login: {_words(fault)}")
    return final.encode()


def _check_proof(client: ScramClient, proof: bytes | None) -> Lost | None:
    if proof is None:
        return _unproven("The server accepted the login without proving that it knows the password.")
    try:
        client.set_server_final(proof.decode())
    except _HOSTILE as fault:
        return _unproven(f"The server did not prove that it knows the password: {_words(fault)}")
    return None


def _words(fault: Exception) -> str:
    return printable(str(fault))[:200]


MECHANISMS = (
    Mechanism("SCRAM-SHA-256-PLUS", False, _scram("SCRAM-SHA-256-PLUS"), bound=True),
    Mechanism("SCRAM-SHA-1-PLUS", False, _scram("SCRAM-SHA-1-PLUS"), bound=True),
    Mechanism("SCRAM-SHA-256", False, _scram("SCRAM-SHA-256")),
    Mechanism("SCRAM-SHA-1", False, _scram("SCRAM-SHA-1")),
    Mechanism("CRAM-MD5", False, _cram_md5),
    Mechanism("PLAIN", True, _plain),
    Mechanism("LOGIN", True, _login),
)
"""Strongest first."""

MECHANISM_NAMES = tuple(mechanism.name for mechanism in MECHANISMS)
