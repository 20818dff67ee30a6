"""How a machine's sendmail is set up: files, aliases, and that a key goes only where it belongs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from postroom.client.errors import Unreachable
from postroom.sendmail.configuration import Configuration, load
from postroom.sendmail.exits import Ending, Exit

KEY = "pr_00000000_of-the-file"


def home(folder: Path, text: str = "", aliases: str = "") -> dict[str, str]:
    """The environment of a user with this file of his own, and of a machine with these aliases."""
    (folder / ".config" / "postroom").mkdir(parents=True)
    (folder / "aliases").write_text(aliases)
    file = folder / ".config" / "postroom" / "sendmail.toml"
    file.write_text(f'aliases_file = "{folder / "aliases"}"\n{text}')
    return {"HOME": str(folder)}


def complaint(environ: dict[str, str], given: str = "") -> str:
    with pytest.raises(Ending) as caught:
        load(given, environ).whereabouts()
    assert caught.value.code is Exit.CONFIG
    return caught.value.text


def test_the_file_says_where(tmp_path: Path) -> None:
    environ = home(tmp_path, f'url = "https://mail.test"\nkey = "{KEY}"\nspool = "/var/spool/x"\n')
    found = load("", environ)
    assert (found.whereabouts().url, found.whereabouts().key) == ("https://mail.test", KEY)
    assert (found.spool, found.private) == (Path("/var/spool/x"), False)
    assert KEY not in repr(found)


def test_a_key_may_have_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    environ = home(tmp_path, f'url = "https://mail.test"\nkey_file = "{tmp_path / "key"}"\n')
    assert load("", environ).whereabouts().key == KEY
    (tmp_path / "key").unlink()
    assert "key can't be read" in complaint(environ)


def test_the_environment_goes_before_the_file_but_not_before_c(tmp_path: Path) -> None:
    environ = home(tmp_path, f'url = "https://file.test"\nkey = "{KEY}"\n')
    environ |= {"POSTROOM_API_URL": "https://env.test", "POSTROOM_API_KEY": "pr_environment"}
    found = load("", environ).whereabouts()
    assert (found.url, found.key) == ("https://env.test", "pr_environment")
    other = tmp_path / "other.toml"
    other.write_text('url = "https://other.test"\n')
    assert "A key for https://other.test is needed" in complaint(environ, str(other)), "not the environment's key"
    assert load("", {**environ, "POSTROOM_API_KEY": ""}) is not None
    assert "key for https://env.test" in complaint({**environ, "POSTROOM_API_KEY": ""}), "not the file's key"


def test_without_any_file_it_is_the_postroom_of_this_machine(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    environ = {"HOME": str(tmp_path), "POSTROOM_DATA": str(data)}
    assert "Say where Postroom is" in complaint(environ)
    (data / "local.json").write_text(json.dumps({"url": "http://127.0.0.1:8025", "key": KEY, "pid": 1}))
    found = load("", environ)
    assert (found.whereabouts().url, found.whereabouts().key) == ("http://127.0.0.1:8025", KEY)
    assert (found.spool, found.private) == (data / "spool", True)
    (data / "local.json").write_text(json.dumps({"url": "", "key": KEY, "pid": 0}))
    with pytest.raises(Unreachable):
        found.whereabouts()


@pytest.mark.parametrize(
    "text", ["nonsense", "urll = 'x'", "url = 1", "aliases = 'x'", 'url = "not an address"\nkey="x"']
)
def test_a_mistake_in_the_file_is_told_and_its_values_are_not(tmp_path: Path, text: str) -> None:
    told = complaint(home(tmp_path, text))
    assert "sendmail.toml" in told or "address" in told
    assert "not an address" not in told
    assert "'x'" not in told


def test_a_file_that_others_may_write_is_not_obeyed(tmp_path: Path) -> None:
    environ = home(tmp_path, f'url = "https://mail.test"\nkey = "{KEY}"\n')
    file = tmp_path / ".config" / "postroom" / "sendmail.toml"
    for mode in (0o622, 0o664):
        file.chmod(mode)
        assert "by others" in complaint(environ)
    file.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(file, 65534, 65534)
        assert "another user" in complaint(environ)


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    assert "can't be read" in complaint({"HOME": str(tmp_path)}, str(tmp_path / "none"))


ALIASES = """\
# who gets what
root: ann, "|/bin/false", /var/mail/file
ann:  ann@x.test,
      \\bob
bob: bob@x.test
postmaster: root
loop: loop
ping: pong
pong: ping
Team: ann, bob
empty:
program: |"/usr/bin/program with, comma"
"""


@pytest.fixture
def aliased(tmp_path: Path) -> Configuration:
    return load("", home(tmp_path, '[aliases]\nteam = "boss@x.test"\nmany = ["a@x.test", "b@x.test"]\n', ALIASES))


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("a@x.test", ("a@x.test",)),
        ("ann", ("ann@x.test", "bob@x.test")),
        ("root", ("ann@x.test", "bob@x.test")),
        ("ROOT", ("ann@x.test", "bob@x.test")),
        ("postmaster", ("ann@x.test", "bob@x.test")),
        ("Team", ("boss@x.test",)),
        ("many", ("a@x.test", "b@x.test")),
        ("loop", ()),
        ("ping", ()),
        ("empty", ()),
        ("program", ()),
        ("nobody", ()),
    ],
)
def test_local_names_are_who_the_aliases_say(aliased: Configuration, address: str, found: tuple[str, ...]) -> None:
    assert aliased.resolve(address) == found


def test_a_domain_is_for_names_without_an_alias(tmp_path: Path) -> None:
    found = load("", home(tmp_path, 'domain = "x.test"\n[aliases]\nroot = "admin"\n'))
    assert found.resolve("root") == ("admin@x.test",)
    assert found.resolve("nobody") == ("nobody@x.test",)
