"""Where the client looks for its Postroom, and that a key goes nowhere but to the address it is meant for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from postroom.client import Client, NotConfigured, Unreachable
from postroom.client.whereabouts import find

KEY, LOCAL_KEY = "pr_given000_secret", "pr_local000_secret"
HERE = "http://127.0.0.1:8025"


def machine(folder: Path, url: str = HERE, key: str = LOCAL_KEY) -> dict[str, str]:
    """The environment of a machine whose Postroom has written this."""
    (folder / "local.json").write_text(json.dumps({"url": url, "key": key, "pid": 1}))
    return {"POSTROOM_DATA": str(folder)}


def test_arguments_go_before_the_environment_and_that_before_this_machine(tmp_path: Path) -> None:
    here = machine(tmp_path)
    elsewhere = {**here, "POSTROOM_API_URL": "https://env.test/", "POSTROOM_API_KEY": KEY}
    assert (find("", "", here).url, find("", "", here).key) == (HERE, LOCAL_KEY)
    assert (find("", "", elsewhere).url, find("", "", elsewhere).key) == ("https://env.test", KEY)
    assert find("https://arg.test", "pr_argument_1", elsewhere).url == "https://arg.test"
    assert find("https://arg.test", "pr_argument_1", elsewhere).key == "pr_argument_1"


def test_the_key_of_this_machine_goes_to_no_other_address(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured):
        find("https://elsewhere.test", "", machine(tmp_path))
    assert find(HERE + "/", "", machine(tmp_path)).key == LOCAL_KEY


def test_a_postroom_that_rests_is_out_of_reach_and_not_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        find("", "", machine(tmp_path, url=""))


def test_after_a_crash_nobody_gets_the_key(tmp_path: Path) -> None:
    """Who listens there now may be anybody."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    for pid in (ended.pid, 0, -1, 2**40):
        (tmp_path / "local.json").write_text(json.dumps({"url": HERE, "key": LOCAL_KEY, "pid": pid}))
        with pytest.raises(Unreachable):
            find("", "", {"POSTROOM_DATA": str(tmp_path)})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"url": 1, "key": 2}', '{"url": "x"}'])
def test_a_damaged_file_is_no_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.json").write_text(text)
    with pytest.raises(NotConfigured):
        find("", "", {"POSTROOM_DATA": str(tmp_path)})


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "ftp://mail.test",
        "http://",
        "http://u:p@mail.test",
        "http://mail.test:0",
        "http://[::1",
        "http://mail.test/?a=b",
        "http://mail.test\r\nX: y",
        "http://m\u00e4il.test",
        "http://a b",
    ],
)
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    with pytest.raises(NotConfigured):
        find(url, KEY, {})


@pytest.mark.parametrize("key", ["short", "pr_with space", "pr_with\nline", "pr_key_m\u00e4il", "x" * 201])
def test_what_is_no_key_is_said_to_be_none_and_is_not_shown(key: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        find(HERE, key, {})
    assert key not in str(caught.value)


def test_no_repr_shows_the_key() -> None:
    client = Client(HERE, KEY)
    assert KEY not in repr(client) + repr(find(HERE, KEY, {}))
    assert HERE in repr(client)


@pytest.mark.parametrize(("url", "local"), [(HERE, True), ("http://localhost:1", True), ("http://[::1]:1", True)])
def test_this_machine_is_told_from_others(url: str, local: bool) -> None:
    assert find(url, KEY, {}).local is local
    assert not find("http://10.0.0.1", KEY, {}).local
