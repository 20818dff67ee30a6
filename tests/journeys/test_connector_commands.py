"""`postroom connector …` on the command line, as it is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs.fixtures import require
from tests.rigs.postroom import Postroom
from tests.rigs.shell import Shell
from tests.rigs.sink import Sink
from tests.rigs.socks import Microsocks
from tests.rigs.sshd import Sshd

WORD = "canary-of-the-command-line"


@pytest.fixture
def shell(make_postroom: Callable[..., Postroom], tmp_path: Path) -> Shell:
    postroom = make_postroom().start()
    return Shell(postroom.environment(), tmp_path)


def test_a_proxy_from_add_to_delete(shell: Shell, sink: Sink, tmp_path: Path) -> None:
    require("microsocks")
    (tmp_path / "word").write_text(f"{WORD}\n")
    with Microsocks(tmp_path, "ann", WORD) as proxy:
        place = ("--name", "office", "--host", "127.0.0.1", "--port", str(proxy.port), "--user", "ann")
        added = shell.run("connector", "add", "socks5", *place, "--password-file", str(tmp_path / "word")).expect()
        assert "ready" in added.out
        tried = shell.run("connector", "test", "office", "127.0.0.1", str(sink.port)).expect()
        assert "The way works: through the connector office" in tried.out.replace("\n", " ")
        wrong = shell.run("connector", "test", "office", "127.0.0.1", "1").expect(1)
        assert "Check the account's host and port" in wrong.out.replace("\n", " ")
    gone = shell.run("connector", "test", "office").expect(1)
    assert "Check the connector's host and port" in gone.out.replace("\n", " ")
    shell.run("account", "add", "--name", "main", "--host", "127.0.0.1", "--connector", "office").expect()
    assert "office" in shell.run("account", "show", "main").expect().out
    kept = shell.run("connector", "delete", "office").expect(1)
    assert "main go through it" in kept.err
    shell.run("account", "edit", "main", "--unset", "connector").expect()
    shell.run("connector", "edit", "office", "--user", "bob").expect()
    assert "VERSION" in shell.run("history", "list", "connector", "office").expect().out
    shell.run("connector", "delete", "office").expect()
    every = [shell.run("connector", *words) for words in (("list",), ("show", "office"))]
    assert WORD not in "".join(one.out + one.err for one in (added, tried, wrong, gone, kept, *every))


def test_a_host_key_is_shown_and_confirmed(shell: Shell, sink: Sink, tmp_path: Path) -> None:
    require("sshd")
    with Sshd([f"127.0.0.1:{sink.port}"]) as sshd:
        key = str(sshd.folder / "user_key")
        place = ("--name", "jump", "--host", "127.0.0.1", "--port", str(sshd.port), "--user", sshd.user)
        added = shell.run("connector", "add", "ssh", *place, "--private-key-file", key).expect()
        assert "not confirmed" in added.out.replace("\n", " ")
        shown = shell.run("connector", "test", "jump").expect(1)
        assert "connector trust jump" in shown.out.replace("\n", " ")
        unsure = shell.run("connector", "trust", "jump").expect(2)
        assert sshd.fingerprint in unsure.err
        shell.run("connector", "trust", "jump", sshd.fingerprint).expect()
        shell.run("connector", "test", "jump", "127.0.0.1", str(sink.port)).expect()
        assert "works" not in shell.run("connector", "log", "jump").expect().out
        assert sshd.fingerprint in shell.run("export").expect().out
        assert "PRIVATE KEY" not in shell.run("export").expect().out


def test_an_agents_key_is_shown_once_and_what_it_lacks_is_said(shell: Shell) -> None:
    added = shell.run("connector", "add", "agent", "--name", "cellar").expect()
    assert "POSTROOM_LISTEN_AGENTS" in added.out
    made = shell.run("connector", "add-agent", "cellar", "one").expect().out
    key = next(word for word in made.split() if word.startswith("pa_"))
    shown = shell.run("connector", "show", "cellar").expect().out
    assert "away" in shown
    assert key not in shown
    assert "revoked" in shell.run("connector", "revoke-agent", "cellar", "one").expect().out
    told = shell.run("connector", "run", "--to", "nowhere", "--allow", "x").expect(2)
    for field in ("to:", "key:", "allow:"):
        assert field in told.err
