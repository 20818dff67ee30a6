"""Logins: the strongest is chosen, each says what its standard says, and no server is believed without proof."""

from __future__ import annotations

import base64

import pytest
from scramp import ScramMechanism  # type: ignore[import-untyped]

from postroom.model.attempt import Failure
from postroom.secrets.secret import Secret
from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.login import CHALLENGE, LOGGED_IN, Login
from postroom.smtp.reply import Reply
from postroom.smtp.sasl import MECHANISM_NAMES, MECHANISMS, Credentials, Mechanism, NoCommonLogin, choose

BY_NAME = {mechanism.name: mechanism for mechanism in MECHANISMS}
ANN = Credentials("ann", Secret("pencil"))


def name_of(chosen: Mechanism | NoCommonLogin) -> str:
    assert isinstance(chosen, Mechanism)
    return chosen.name


def reply(code: int, data: bytes = b"") -> Reply:
    return Reply(code, None, base64.b64encode(data).decode())


def said(line: bytes | None) -> bytes:
    assert line is not None
    return base64.b64decode(line.split(b" ")[-1])


class TestChoice:
    def test_the_strongest_first(self) -> None:
        offered = list(MECHANISM_NAMES)
        chosen = []
        while offered:
            chosen.append(name_of(choose(offered, MECHANISM_NAMES, encrypted=True, bindable=True)))
            offered.remove(chosen[-1])
        assert chosen[:2] == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]
        assert chosen[2:] == ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]

    def test_only_what_the_account_allows(self) -> None:
        assert name_of(choose(MECHANISM_NAMES, ("LOGIN", "PLAIN"), encrypted=True)) == "PLAIN"

    @pytest.mark.parametrize("name", ["PLAIN", "LOGIN"])
    def test_no_password_in_clear_without_permission(self, name: str) -> None:
        refused = choose((name,), MECHANISM_NAMES, encrypted=False)
        assert isinstance(refused, NoCommonLogin)
        assert refused.only_in_clear
        assert refused.refusal().id is Failure.CLEAR_LOGIN
        assert name_of(choose((name,), MECHANISM_NAMES, encrypted=False, allow_clear=True)) == name

    @pytest.mark.parametrize("name", ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"])
    def test_what_shows_no_password_needs_no_encryption(self, name: str) -> None:
        assert name_of(choose((name, "PLAIN"), MECHANISM_NAMES, encrypted=False)) == name

    @pytest.mark.parametrize("offered", [(), ("XOAUTH2", "GSSAPI")])
    def test_nothing_in_common(self, offered: tuple[str, ...]) -> None:
        refused = choose(offered, MECHANISM_NAMES, encrypted=True)
        assert isinstance(refused, NoCommonLogin)
        assert not refused.only_in_clear
        refusal = refused.refusal()
        assert refusal.id is Failure.NO_LOGIN
        assert (", ".join(offered) or "none") in refusal.text


class TestPlainOnes:
    def test_plain(self) -> None:
        login = Login(BY_NAME["PLAIN"], Credentials("jörg", Secret("p€ncil")), "")
        assert said(login.begin()) == "\0jörg\0p€ncil".encode()
        assert login.hear(reply(LOGGED_IN)) is None
        assert login.fault is None

    @pytest.mark.parametrize(("user", "password"), [("a\0b", "x"), ("a", "x\0y")])
    def test_plain_has_no_place_for_nul(self, user: str, password: str) -> None:
        login = Login(BY_NAME["PLAIN"], Credentials(user, Secret(password)), "")
        assert login.begin() is None
        assert isinstance(login.fault, Refusal)
        assert login.fault.id is Failure.SECRET

    def test_a_long_first_response_waits_for_the_challenge(self) -> None:
        login = Login(BY_NAME["PLAIN"], Credentials("ann", Secret("x" * 500)), "")
        assert login.begin() == b"AUTH PLAIN\r\n"
        assert said(login.hear(reply(CHALLENGE))) == b"\0ann\0" + b"x" * 500
        assert login.hear(reply(LOGGED_IN)) is None
        assert login.fault is None

    def test_complete_before_the_password_was_said(self) -> None:
        login = Login(BY_NAME["PLAIN"], Credentials("ann", Secret("x" * 500)), "")
        login.begin()
        assert login.hear(reply(LOGGED_IN)) is None
        assert isinstance(login.fault, Lost)

    def test_a_password_no_line_can_hold(self) -> None:
        login = Login(BY_NAME["PLAIN"], Credentials("ann", Secret("x" * 20_000)), "")
        login.begin()
        assert login.hear(reply(CHALLENGE)) is None
        assert isinstance(login.fault, Refusal)
        assert login.fault.id is Failure.SECRET

    @pytest.mark.parametrize("early", [0, 1, 2])
    def test_login(self, early: int) -> None:
        """Name and password, each when asked; a server content with less is not believed."""
        login = Login(BY_NAME["LOGIN"], ANN, "")
        assert login.begin() == b"AUTH LOGIN\r\n"
        for answer in (b"ann", b"pencil")[:early]:
            assert said(login.hear(reply(CHALLENGE, b"well?"))) == answer
        assert login.hear(reply(LOGGED_IN)) is None
        assert (login.fault is None) == (early == 2)

    def test_a_name_that_is_no_text(self) -> None:
        login = Login(BY_NAME["LOGIN"], Credentials("\ud800", Secret("x")), "")
        assert login.begin() is None
        assert isinstance(login.fault, Refusal)

    def test_cram_md5(self) -> None:
        """RFC 2195, 2."""
        login = Login(BY_NAME["CRAM-MD5"], Credentials("tim", Secret("tanstaaftanstaaf")), "")
        assert login.begin() == b"AUTH CRAM-MD5\r\n"
        answer = login.hear(reply(CHALLENGE, b"<1896.697170952@postoffice.reston.mci.net>"))
        assert said(answer) == b"tim b913a602c7eda7a495b4e6e7334d3890"
        assert login.hear(reply(LOGGED_IN)) is None
        assert login.fault is None

    def test_cram_md5_where_md5_is_forbidden(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A system in FIPS mode has no MD5: the account is told, and nothing fails."""

        def forbidden(*_: object) -> None:
            raise ValueError("unsupported hash type md5")

        monkeypatch.setattr("hmac.new", forbidden)
        login = Login(BY_NAME["CRAM-MD5"], ANN, "")
        login.begin()
        assert login.hear(reply(CHALLENGE, b"<1@x>")) is None
        assert isinstance(login.fault, Refusal)
        assert login.fault.id is Failure.NO_LOGIN

    def test_cram_md5_without_a_challenge(self) -> None:
        login = Login(BY_NAME["CRAM-MD5"], ANN, "")
        login.begin()
        assert login.hear(reply(LOGGED_IN)) is None
        assert isinstance(login.fault, Lost)

    @pytest.mark.parametrize("name", ["PLAIN", "LOGIN", "CRAM-MD5"])
    def test_a_server_that_asks_without_end(self, name: str) -> None:
        login = Login(BY_NAME[name], ANN, "")
        line = login.begin()
        for _ in range(5):
            if line is not None:
                line = login.hear(reply(CHALLENGE, b"more"))
        assert line is None
        assert isinstance(login.fault, Lost)
        assert login.fault.kind is LostKind.UNPROVEN


class ScramServer:
    """The other side, from the library, which is a peer here: it has its own proof to give."""

    def __init__(self, name: str, password: str, rounds: int = 4096) -> None:
        mechanism = ScramMechanism(name)
        self._server = mechanism.make_server(
            lambda user: mechanism.make_auth_info(password, iteration_count=rounds, salt=b"salt of 16 bytes")
        )

    def first(self, client_first: bytes) -> bytes:
        self._server.set_client_first(client_first.decode())
        return self._server.get_server_first().encode()  # type: ignore[no-any-return]

    def final(self, client_final: bytes) -> bytes:
        self._server.set_client_final(client_final.decode())
        return self._server.get_server_final().encode()  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
class TestScram:
    @pytest.mark.parametrize("password", ["pencil", "p\u00e9ncil", "I\u00adX", "a,b=c", "\u2168"])
    def test_both_sides_prove_themselves(self, name: str, password: str) -> None:
        """With passwords that SASLprep changes, too (RFC 4013)."""
        server = ScramServer(name, password)
        login = Login(BY_NAME[name], Credentials("ann,=", Secret(password)), "nonce")
        line = login.begin()
        line = login.hear(reply(CHALLENGE, server.first(said(line))))
        line = login.hear(reply(CHALLENGE, server.final(said(line))))
        assert line == b"\r\n"
        assert login.hear(reply(LOGGED_IN)) is None
        assert login.fault is None

    @pytest.mark.parametrize("steps", [0, 1])
    def test_a_server_content_without_proof_is_not_believed(self, name: str, steps: int) -> None:
        server = ScramServer(name, "pencil")
        login = Login(BY_NAME[name], ANN, "nonce")
        line = login.begin()
        if steps:
            login.hear(reply(CHALLENGE, server.first(said(line))))
        assert login.hear(reply(LOGGED_IN)) is None
        assert isinstance(login.fault, Lost)
        assert login.fault.kind is LostKind.UNPROVEN

    def test_a_server_with_another_password_is_not_believed(self, name: str) -> None:
        """It can't compute the signature; one made with another password does not pass."""
        login = Login(BY_NAME[name], ANN, "nonce")
        server = ScramServer(name, "pencil")
        impostor = ScramServer(name, "another")
        first = said(login.begin())
        answer = login.hear(reply(CHALLENGE, server.first(first)))
        other = Login(BY_NAME[name], Credentials("ann", Secret("another")), "nonce")
        final = said(other.hear(reply(CHALLENGE, impostor.first(said(other.begin())))))
        assert answer is not None
        assert login.hear(reply(CHALLENGE, impostor.final(final))) is None
        assert isinstance(login.fault, Lost)
        assert "did not prove" in login.fault.detail

    @pytest.mark.parametrize(
        "challenge",
        [
            b"",
            b"\xff\xfe",
            b"nonsense",
            b"r=nonce",
            b"r=nonce,s=c2FsdCBvZiAxNiBieXRlcw==,i=4096",
            b"r=stranger,s=c2FsdCBvZiAxNiBieXRlcw==,i=4096",
            b"r=nonce1,s=c2FsdCBvZiAxNiBieXRlcw==,i=1",
            b"r=nonce1,s=c2FsdCBvZiAxNiBieXRlcw==,i=x",
            b"r=nonce1,s=c2FsdCBvZiAxNiBieXRlcw==,i=1000001",
            b"r=nonce1,s=c2FsdCBvZiAxNiBieXRlcw==,i=" + b"9" * 5000,
            b"r=nonce1,s=,i=4096",
            b"r=nonce1,s=%%%,i=4096",
            b"m=ext,r=nonce1,s=c2FsdCBvZiAxNiBieXRlcw==,i=4096",
        ],
    )
    def test_a_hostile_challenge_ends_the_login(self, name: str, challenge: bytes) -> None:
        login = Login(BY_NAME[name], ANN, "nonce")
        login.begin()
        assert login.hear(reply(CHALLENGE, challenge)) is None
        assert isinstance(login.fault, Lost)
        assert login.fault.detail.isprintable()

    @pytest.mark.parametrize("first", [True, False])
    def test_a_refusal_inside_the_exchange_gets_its_reply(self, name: str, first: bool) -> None:
        """`e=` is answered with nothing, so that the server can refuse properly; 235 after it is not believed."""
        login = Login(BY_NAME[name], ANN, "nonce")
        line = login.begin()
        if not first:
            login.hear(reply(CHALLENGE, ScramServer(name, "pencil").first(said(line))))
        assert login.hear(reply(CHALLENGE, b"e=unknown-user")) == b"\r\n"
        assert login.hear(reply(LOGGED_IN)) is None
        assert isinstance(login.fault, Lost)

    def test_asked_for_more_after_the_proof(self, name: str) -> None:
        server = ScramServer(name, "pencil")
        login = Login(BY_NAME[name], ANN, "nonce")
        line = login.hear(reply(CHALLENGE, server.first(said(login.begin()))))
        assert login.hear(reply(CHALLENGE, server.final(said(line)))) == b"\r\n"
        assert login.hear(reply(CHALLENGE, b"more")) is None
        assert isinstance(login.fault, Lost)

    @pytest.mark.parametrize(("user", "password"), [("", "x"), ("ann", "bell\x07"), ("\u0627a", "x"), ("\ud800", "x")])
    def test_what_saslprep_forbids(self, name: str, user: str, password: str) -> None:
        login = Login(BY_NAME[name], Credentials(user, Secret(password)), "nonce")
        assert login.begin() is None
        assert isinstance(login.fault, Refusal)
        assert login.fault.id is Failure.SECRET
        assert "bell" not in login.fault.text


def test_a_challenge_must_be_base64() -> None:
    login = Login(BY_NAME["LOGIN"], ANN, "")
    login.begin()
    assert login.hear(Reply(CHALLENGE, None, "not base64!")) is None
    assert isinstance(login.fault, Lost)


def test_no_secret_in_a_repr() -> None:
    shown = repr(ANN) + repr(BY_NAME["PLAIN"]) + str(Credentials("ann", Secret("pencil")))
    assert "ann" in shown
    assert "pencil" not in shown


def test_what_must_not_be_shown_is_known() -> None:
    """The password, its base64 and every response that holds it."""
    login = Login(BY_NAME["PLAIN"], Credentials("ann", Secret("pen\x07cil")), "")
    login.begin()
    encoded = {base64.b64encode(text).decode() for text in (b"pen\x07cil", b"\0ann\0pen\x07cil")}
    assert login.secrets == {"pen\x07cil", "pen\\x07cil"} | encoded
