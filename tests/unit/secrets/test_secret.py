"""Promise P7: an opened secret shows nowhere but where `reveal()` is called."""

from __future__ import annotations

import base64
import copy
import io
import json
import logging
import pickle
import pprint
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace

import pytest
import structlog
from rich.console import Console
from rich.traceback import Traceback

from postroom.secrets import Secret, blank

CANARY = "corr3ct-h0rse"


@dataclass(frozen=True)
class Holder:
    user: str
    secret: Secret


def failing(secret: Secret) -> None:
    held = [secret, {"key": secret}, Holder("u", secret)]
    raise RuntimeError(f"with {secret} in {held}")


def traceback_with_locals(secret: Secret) -> str:
    try:
        failing(secret)
    except RuntimeError:
        kind, error, trace = sys.exc_info()
    assert kind is not None
    assert error is not None
    console = Console(file=(shown := io.StringIO()), width=200)
    console.print(Traceback.from_exception(kind, error, trace, show_locals=True))
    plain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "held" in plain
    assert "held" in shown.getvalue()
    return plain + shown.getvalue()


def logged(secret: Secret) -> str:
    handler = logging.StreamHandler(shown := io.StringIO())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.warning("%s %r %s", secret, secret, Holder("u", secret))
    log = structlog.wrap_logger(
        structlog.PrintLogger(shown),
        processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
    )
    log.warning("login", secret=secret, holder=Holder("u", secret))
    return shown.getvalue()


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        format,
        lambda secret: f"{secret} {secret!r} {secret:>40} {secret!s:.3}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: f"{Holder('u', secret)}",
        lambda secret: str([secret, {secret}, (secret,), {"k": secret}]),
        lambda secret: str(asdict(Holder("u", secret))) + str(astuple(Holder("u", secret))),
        lambda secret: str(replace(Holder("u", secret), user="v")),
        lambda secret: str(copy.copy(secret)) + repr(copy.deepcopy([secret])),
        lambda secret: json.dumps({"k": secret}, default=str),
        lambda secret: json.dumps({"k": secret}, default=repr),
        lambda secret: pprint.pformat(Holder("u", secret)),
        lambda secret: str(dir(secret)) + str(hash(secret)),
        traceback_with_locals,
        logged,
    ],
)
def test_no_way_of_printing_shows_it(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(CANARY))
    assert shown
    assert CANARY not in shown
    assert CANARY[:6] not in shown


@pytest.mark.parametrize(
    "serialise",
    [
        pickle.dumps,
        lambda secret: pickle.dumps(Holder("u", secret)),
        lambda secret: [pickle.dumps(secret, protocol) for protocol in range(6)],
        json.dumps,
        vars,
        list,
        len,
        lambda secret: "x" + secret,
        lambda secret: "".join([secret]),
        lambda secret: CANARY in secret,
    ],
)
def test_what_would_serialise_it_fails_without_showing_it(serialise: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as caught:
        serialise(Secret(CANARY))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_it_reveals_when_asked() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(Secret(CANARY)).reveal() == CANARY


def test_it_compares_and_is_true_like_its_text() -> None:
    assert Secret("ä") == Secret("ä")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("b")), "a hash of the text would be a way to guess it"
    assert Secret(" ")
    assert not Secret("")


def test_text_that_is_no_text_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError) as caught:
        Secret(CANARY + "\ud800")
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


class TestBlank:
    @pytest.mark.parametrize("secret", [CANARY, "ä ö\"'\\\n%", "a+b/c=d e&f?", "пароль", "密码12"])
    @pytest.mark.parametrize(
        "write",
        [
            lambda text: f"before {text} after {text}",
            lambda text: json.dumps({"k": text}),
            lambda text: json.dumps({"k": text}, ensure_ascii=False),
            lambda text: repr([text]),
            lambda text: repr(text.encode()),
            lambda text: text.encode().hex(),
            lambda text: "AUTH PLAIN " + base64.b64encode(f"\0user\0{text}".encode()).decode(),
            lambda text: "AUTH PLAIN " + base64.b64encode(f"\0user1\0{text}".encode()).decode() + "\r\n",
            lambda text: "AUTH PLAIN " + base64.b64encode(f"\0user12\0{text}".encode()).decode() + " rest",
            lambda text: base64.b64encode(text.encode()).decode(),
            lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
            lambda text: base64.b64encode(f"x{text}yz".encode()).decode(),
        ],
    )
    def test_every_usual_spelling_goes(self, secret: str, write: Callable[[str], str]) -> None:
        written = write(secret)
        scrubbed = blank(written, [Secret(secret), Secret("")])
        assert "****" in scrubbed
        for spelling in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], secret.encode().hex()):
            assert spelling not in scrubbed
        for word in written.replace('"', " ").split():
            if word.isascii() and len(word) > 12 and word.isalnum():
                assert word not in scrubbed

    def test_everything_else_stays(self) -> None:
        text = "235 2.7.0 Accepted, user Zm9vYmFy"
        assert blank(text, [Secret(CANARY)]) == text
        assert blank(f"a {CANARY} b", [Secret(CANARY)]) == "a **** b"

    def test_a_secret_within_another_leaves_no_rest(self) -> None:
        secrets = [Secret("pass"), Secret("password123")]
        assert blank("password123", secrets) == "****"
        assert blank("password123", secrets[::-1]) == "****"

    def test_secrets_of_asterisks_and_many_words_come_to_an_end(self) -> None:
        assert blank("****", [Secret("*")])
        assert CANARY not in blank(f"{CANARY} " * 10_000, [Secret(CANARY)])
        long = base64.b64encode(CANARY.encode()).decode() * 2000
        assert blank(long, [Secret(CANARY)]) == "****"
