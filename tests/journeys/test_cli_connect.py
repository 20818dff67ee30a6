"""Connecting an account on the command line, with a person in a browser and a provider that checks everything: the link
and the redirect address are shown, what comes back is redeemed, and no token is printed (P7)."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.postroom import Postroom
from tests.rigs.provider import CLIENT, Provider
from tests.rigs.shell import Finished, Shell


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, provider: Provider) -> Iterator[Shell]:
    """With the account Main, which nobody has connected yet."""
    with Postroom(tmp_path / "postroom") as running:
        shell = Shell(running.environment(), running.folder)
        urls = ("--oauth2-token-url", provider.token_url, "--oauth2-authorize-url", provider.authorize_url)
        whose = ("--user", provider.user, "--oauth2-provider", "custom", "--oauth2-client-id", CLIENT, *urls)
        shell.run("account", "add", "--name", "Main", "--host", "127.0.0.1", "--port", "2525", *whose).expect()
        yield shell


class Connecting:
    """`account connect` under way: the link it shows, and what it is given."""

    def __init__(self, shell: Shell, *options: str) -> None:
        self.shown = ""
        self._child = subprocess.Popen(
            [*shell.program, "account", "connect", "Main", *options],
            env=shell.environment,
            cwd=shell.folder,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def link(self) -> str:
        assert self._child.stderr is not None
        for line in self._child.stderr:
            self.shown += line
            if re.match(r"http\S+authorize\?", line):
                return line.strip()
        raise AssertionError(f"there is no link in: {self.shown}")

    def end(self, given: str = "") -> Finished:
        out, err = self._child.communicate(given, timeout=60)
        return Finished(self._child.returncode, out, self.shown + err)


def sent_back(provider: Provider, link: str) -> str:
    """The address that a browser on another machine would end at: nobody answers there."""
    with pytest.raises(OSError, match="stopped"):
        _other_machine.open(link, timeout=30)
    return provider.redirects[-1]


class _Nowhere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        raise OSError("stopped")


_other_machine = urllib.request.build_opener(_Nowhere)


def check_quiet(finished: Finished, provider: Provider) -> None:
    told = finished.out + finished.err
    assert provider.issued
    for secret in (*provider.issued, *(form.get("code_verifier", "-" * 99) for form in provider.questions)):
        assert secret not in told


def test_from_the_link_to_the_farewell_with_a_pasted_address(shell: Shell, provider: Provider) -> None:
    assert "not connected" in shell.run("account", "grant", "Main").expect().out
    connecting = Connecting(shell, "--paste")
    finished = connecting.end(sent_back(provider, connecting.link()) + "\n").expect()
    assert "Main is connected." in finished.out
    redirect = re.search(r"Redirect address\D+(http://127\.0\.0\.1:\d+/)", finished.words)
    assert redirect is not None, finished.words
    assert provider.questions[0]["redirect_uri"] == redirect[1]
    check_quiet(finished, provider)
    shown = shell.run("account", "grant", "Main").expect()
    assert re.search(r"Main +connected", shown.words)
    assert "Good until" in shown.words
    check_quiet(shown, provider)
    assert "Main is disconnected." in shell.run("account", "disconnect", "Main").expect().out
    again = shell.run("account", "grant", "Main").expect().words
    assert "not connected" in again
    assert "account connect Main" in again


def test_the_browser_of_this_machine_brings_the_answer_itself(shell: Shell, provider: Provider) -> None:
    connecting = Connecting(shell)
    with urllib.request.urlopen(connecting.link(), timeout=30) as page:
        assert b"Thank you" in page.read()
        assert page.headers["Referrer-Policy"] == "no-referrer"
    finished = connecting.end().expect()
    assert "Main is connected." in finished.out
    check_quiet(finished, provider)


def test_who_declines_reads_why(shell: Shell, provider: Provider) -> None:
    provider.fails = ("access_denied", "The user has denied the request")
    connecting = Connecting(shell, "--paste")
    finished = connecting.end(sent_back(provider, connecting.link()) + "\n")
    assert finished.code != 0
    assert "Consent was not given." in finished.words
    assert "Traceback" not in finished.words


def test_a_typed_refresh_token_and_one_that_is_wrong(shell: Shell, provider: Provider) -> None:
    command = ("account", "connect", "Main", "--refresh-token-stdin")
    wrong = shell.run(*command, given="canary-of-a-token\n")
    assert wrong.code != 0
    assert "not good any more" in wrong.words
    assert "canary-of-a-token" not in wrong.words
    finished = shell.run(*command, given=provider.refresh_token() + "\n").expect()
    assert "Main is connected." in finished.out
    check_quiet(finished, provider)


def test_a_preset_logs_in_with_tokens_unless_a_password_is_typed(shell: Shell) -> None:
    add = ("account", "add", "--preset", "microsoft365:china", "--user", "news@example.com")
    refused = shell.run(*add).expect(1)
    assert "oauth2_client_id" in refused.err.replace("-", "_")
    assert "Or type a password" in " ".join(refused.words.split())
    shell.run(*add, "--name", "Tokens", "--oauth2-client-id", "app").expect()
    assert re.search(r"microsoft-china +\(preset\)", shell.run("account", "show", "Tokens").expect().words)
    told = shell.run(*add, "--name", "Word", "--password-stdin", given="word").expect().words
    assert "turning logins with a password off" in " ".join(told.split())


def test_nothing_pasted_is_said(shell: Shell) -> None:
    connecting = Connecting(shell, "--paste")
    connecting.link()
    finished = connecting.end("\n")
    assert finished.code == 2
    assert "Nothing was pasted." in finished.words
