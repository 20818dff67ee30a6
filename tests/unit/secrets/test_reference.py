"""References are read strictly, never repeated in a complaint, and lead to nothing of Postroom's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.secrets import Secret
from postroom.secrets.local import Missing, look_up
from postroom.secrets.reference import BadReference, Kind, Reference, parse_reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("env:RELAY_PASSWORD", Reference(Kind.ENV, "RELAY_PASSWORD")),
        (" file:/run/secrets/relay ", Reference(Kind.FILE, "/run/secrets/relay")),
        ("systemd:relay.password", Reference(Kind.SYSTEMD, "relay.password")),
        ("vault:kv/mail/relay#password", Reference(Kind.VAULT, "mail/relay", "kv", "password")),
        ("vault:team/kv//mail/relay#pass word", Reference(Kind.VAULT, "mail/relay", "team/kv", "pass word")),
    ],
)
def test_each_kind_is_understood_and_written_again(text: str, expected: Reference) -> None:
    found = parse_reference(text)
    assert found == expected
    assert parse_reference(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "hunter2", "", "env:", "env:A B", "env:1A", "env:POSTROOM_KEY", "env:postroom_key", "file:relative", "file:/",
        "file:/a/../b", "file:/a//b", "file:/a/", "systemd:a/b", "systemd:..", "systemd:", "vault:kv", "vault:kv/a",
        "vault:kv/a#", "vault:kv/../sys/x#f", "vault:kv/./a#f", "vault:/a#f", "vault:kv/data/a#f", "vault:kv/a?x#f",
        "vault:kv//#f", "env:A\nB", "ENV:A", "https://x", "x" * 2_000, "file:/a\0b", "file:/a\u202eb",
    ],
)  # fmt: skip
def test_what_is_none_is_refused_without_being_repeated(text: str) -> None:
    """Somebody may have typed the password itself into this field."""
    with pytest.raises(BadReference) as caught:
        parse_reference(text)
    assert caught.value.problem
    assert caught.value.mend
    assert len(text) < 9 or text not in str(caught.value)


@given(st.text(max_size=60))
def test_anything_is_a_reference_or_a_complaint(text: str) -> None:
    for prefix in ("", "env:", "file:/", "systemd:", "vault:kv/"):
        try:
            found = parse_reference(prefix + text)
        except BadReference:
            continue
        assert ".." not in found.path.split("/")


# -- looking up on this machine ---------------------------------------------------------------------------------------


def written(path: Path, octets: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(octets)
    path.chmod(mode)
    return path


def found(text: str, environ: dict[str, str] | None = None, key_file: Path | None = None) -> Secret | Missing:
    return look_up(parse_reference(text), environ or {}, key_file)


def why(text: str, environ: dict[str, str] | None = None, key_file: Path | None = None) -> str:
    missing = found(text, environ, key_file)
    assert isinstance(missing, Missing), "it was given"
    assert missing.text.startswith("secret_reference: "), "each names the field to change"
    return missing.text


def test_a_variable_is_read_as_it_is() -> None:
    assert found("env:RELAY", {"RELAY": "s p a c e "}) == Secret("s p a c e ")
    assert "no variable RELAY" in why("env:RELAY", {"OTHER": "x"})
    assert "one line" in why("env:RELAY", {"RELAY": "a\nb"})


def test_a_file_of_one_line_is_read_without_the_line_s_end(tmp_path: Path) -> None:
    for octets in (b"pass w\xc3\xb6rd", b"pass w\xc3\xb6rd\n", b"pass w\xc3\xb6rd\r\n"):
        assert found(f"file:{written(tmp_path / 's', octets)}") == Secret("pass wörd")
    (tmp_path / "link").symlink_to(tmp_path / "s")
    assert isinstance(found(f"file:{tmp_path}/link"), Secret), "as container platforms mount them"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620, 0o660])
def test_a_file_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    said = why(f"file:{written(tmp_path / 's', b'canary-7', mode)}")
    assert "chmod 600" in said
    assert "canary" not in said


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "s", b"canary-7")
    os.chown(path, 12_345, -1) if os.geteuid() == 0 else monkeypatch.setattr(os, "geteuid", lambda: 1 + os.getuid())
    assert "another user" in why(f"file:{path}")


@pytest.mark.parametrize(
    ("octets", "says"), [(b"", "one line"), (b"a\nb", "one line"), (b"\xff", "UTF-8"), (b"x" * 9_000, "one line")]
)
def test_what_is_no_password_is_told_without_being_shown(tmp_path: Path, octets: bytes, says: str) -> None:
    assert says in why(f"file:{written(tmp_path / 's', octets)}")


def test_what_is_no_file_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "plain file" in why(f"file:{tmp_path}/pipe")
    assert "plain file" in why(f"file:{tmp_path}")
    assert "no such thing" in why(f"file:{tmp_path}/nothing")
    assert "plain file" in why("file:/dev/zero")


def test_the_key_ring_is_no_password(tmp_path: Path) -> None:
    """Or whoever may name files could have every stored password sent to himself."""
    ring = written(tmp_path / "keyring.json", b"{}")
    (tmp_path / "link").symlink_to(ring)
    for name in ("keyring.json", "link"):
        assert "key ring" in why(f"file:{tmp_path}/{name}", key_file=ring)


def test_systemd_s_credentials_are_found_where_it_puts_them(tmp_path: Path) -> None:
    written(tmp_path / "relay", b"from systemd\n", 0o440)
    assert found("systemd:relay", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == Secret("from systemd")
    assert "LoadCredential=relay" in why("systemd:relay")
    assert "no such thing" in why("systemd:other", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
