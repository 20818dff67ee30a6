"""What an agent is told: by options, environment and file, all mistakes at once, and never its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.agent.configuration import PREFIX, configuration
from postroom.agent.greeting import answer_of, hello, key_in, no, yes
from postroom.errors import BadSettings

KEY = f"pa_01234567_{'k' * 43}"
GOOD = {"to": ["postroom.test:8443"], "key": KEY, "allow": ["mail.lan:25"]}


def test_options_beat_the_environment_and_that_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(f'to = ["file.test:1"]\nkey = "{KEY}"\nallow = ["file.lan:25"]\npin = "{"ab" * 32}"\n')
    environ = {f"{PREFIX}TO": "env.test:2, [2001:db8::1]:3", f"{PREFIX}ALLOW": "env.lan:25"}
    found = configuration({"allow": ["option.lan:25"], "pin": "SHA256:" + "CD" * 32, "to": None}, environ, file)
    assert found.to == (("env.test", 2), ("2001:db8::1", 3))
    assert found.allowed.name("option.lan", 25)
    assert not found.allowed.name("env.lan", 25)
    assert (found.key, found.pin) == (KEY, "cd" * 32)
    assert KEY not in repr(found)


def test_the_key_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    given = {**GOOD, "key": "", "key_file": tmp_path / "key"}
    assert configuration(given, {}).key == KEY


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('allow = "x:25"\nspeed = 3\n')
    given = {"to": ["no-port"], "key": "secret-thing", "allow": ["a:b"], "pin": "12", "ca": tmp_path / "none.pem"}
    with pytest.raises(BadSettings) as caught:
        configuration(given, {}, file)
    assert {fault.field for fault in caught.value.faults} == {"speed", "to", "key", "allow", "pin", "ca"}
    assert "secret-thing" not in str(caught.value)


def test_nothing_given_says_what_is_needed() -> None:
    with pytest.raises(BadSettings) as caught:
        configuration({}, {})
    assert [fault.field for fault in caught.value.faults] == ["to", "key", "allow"]


def test_the_words_at_the_door() -> None:
    assert key_in(hello(KEY).removesuffix(b"\r\n")) == KEY
    for line in (b"", b"GET / HTTP/1.1", b"POSTROOM-AGENT 1", b"POSTROOM-AGENT 2 x", b"POSTROOM-AGENT 1 a b"):
        assert key_in(line) is None
    assert answer_of(yes("Büro\r\nNO").removesuffix(b"\r\n")) == (True, "B\\xfcro\\r\\nNO")
    assert answer_of(no("why").removesuffix(b"\r\n")) == (False, "why")
    assert answer_of(b"SSH-2.0-x") is None
