"""Promise P7: a secret opens only for the server it was typed for, and never is a key ring silently made anew."""

from __future__ import annotations

import base64
import json
import os
import pickle
import stat
import traceback
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from postroom.errors import Conflict, KeyUnreadable, SecretSealed
from postroom.model.account import Account, CertificateCheck, Encryption
from postroom.secrets import KeyRing, SealedTo, Secret
from postroom.secrets.key import Key
from postroom.settings import Hidden

CANARY = "corr3ct-h0rse"
NO_KEY = Hidden("")
TO = SealedTo(tenant_id=7, account_id=9, host="mail.example.com", port=587, encryption="starttls", user="app")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keyring.json"


@pytest.fixture
def ring(file: Path) -> KeyRing:
    return KeyRing.load(file, NO_KEY, sealed_exist=False)


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value}x"


def frames_below(error: BaseException) -> str:
    """The traceback as a crash report shows it, with the locals of every frame but the test's own."""
    assert error.__traceback__ is not None
    below = error.with_traceback(error.__traceback__.tb_next)
    shown = "".join(traceback.TracebackException.from_exception(below, capture_locals=True).format())
    assert "cls = " in shown or "self = " in shown
    return shown


class TestEnvelope:
    def test_it_opens_for_what_it_was_typed_for(self, ring: KeyRing) -> None:
        for text in (CANARY, "", "pässwörd 密码", "x" * 100_000):
            assert ring.open(ring.seal(text, TO), TO) == Secret(text)
            assert ring.open(ring.seal(Secret(text), TO), TO).reveal() == text

    @pytest.mark.parametrize("name", [field.name for field in fields(SealedTo)])
    def test_it_opens_for_nothing_else(self, ring: KeyRing, name: str) -> None:
        """Host, port, encryption, user and all that decides who could listen: each of them alone."""
        sealed = ring.seal(CANARY, TO)
        other = replace(TO, **{name: changed(getattr(TO, name))})
        with pytest.raises(SecretSealed) as caught:
            ring.open(sealed, other)
        assert caught.value.fields == {"tenant_id": other.tenant_id, "account_id": other.account_id}
        assert ring.open(sealed, TO) == Secret(CANARY)

    def test_fields_can_not_be_shifted_into_each_other(self, ring: KeyRing) -> None:
        """Associated data are unambiguous: `ab` + `c` is not `a` + `bc`, and no field can play another."""
        pairs = [
            (replace(TO, host="ab", user="c"), replace(TO, host="a", user="bc")),
            (replace(TO, user='x","token_url":"y'), replace(TO, user="x", token_url="y")),
            (replace(TO, host="", user="mail"), replace(TO, host="mail", user="")),
            (replace(TO, tenant_id=1, account_id=23), replace(TO, tenant_id=12, account_id=3)),
        ]
        for one, other in pairs:
            with pytest.raises(SecretSealed):
                ring.open(ring.seal(CANARY, one), other)

    def test_every_altered_octet_is_noticed(self, ring: KeyRing) -> None:
        sealed = ring.seal(CANARY, TO)
        for at in range(len(sealed)):
            altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
            with pytest.raises((SecretSealed, KeyUnreadable)):
                ring.open(altered, TO)

    @pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" * 60, b"\x01" * 36, CANARY.encode()])
    def test_what_is_no_envelope_does_not_open(self, ring: KeyRing, sealed: bytes) -> None:
        with pytest.raises(SecretSealed):
            ring.open(sealed, TO)

    def test_the_same_secret_never_looks_the_same(self, ring: KeyRing) -> None:
        assert len({ring.seal(CANARY, TO) for _ in range(50)}) == 50

    def test_the_text_is_not_in_it(self, ring: KeyRing) -> None:
        assert CANARY.encode() not in ring.seal(CANARY, TO)

    def test_text_that_is_no_text_is_refused(self, ring: KeyRing) -> None:
        with pytest.raises(ValueError, match="UTF-8"):
            ring.seal("\udcff", TO)

    def test_it_is_taken_from_an_account_with_all_that_matters(self) -> None:
        account = Account(
            id=9, tenant_id=7, name="n", host="h", port=25, encryption=Encryption.NONE, user="u",
            certificate_check=CertificateCheck.OWN_CA, certificate_authority="pem", certificate_pin="pin",
            allow_clear_login=True, connector_id=3,
        )  # fmt: skip
        assert SealedTo.of(account) == SealedTo(7, 9, "h", 25, "none", "u", "", "own-ca", "pem", "pin", True, "3")
        assert SealedTo.of(replace(account, name="m", enabled=False)) == SealedTo.of(account), (
            "a new name is no new server"
        )

    def test_nothing_of_it_shows_in_tracebacks(self, ring: KeyRing, file: Path) -> None:
        material = json.loads(file.read_text())["keys"][0]["key"]
        sealed = ring.seal(CANARY, TO)
        with pytest.raises(SecretSealed) as caught:
            ring.open(sealed, replace(TO, host="evil.example"))
        shown = frames_below(caught.value)
        assert "evil.example" in shown
        for secret in (CANARY, material, repr(base64.b64decode(material))[2:-1]):
            assert secret not in shown


class TestFile:
    def test_the_first_start_makes_it_for_the_owner_only(self, ring: KeyRing, file: Path) -> None:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert [path.name for path in file.parent.iterdir()] == ["keyring.json"]
        assert len(ring.keys) == 1

    def test_the_next_start_reads_the_same(self, ring: KeyRing, file: Path) -> None:
        again = KeyRing.load(file, NO_KEY, sealed_exist=True)
        assert again.open(ring.seal(CANARY, TO), TO) == Secret(CANARY)
        assert again.current.created_ms == ring.current.created_ms > 0

    def test_it_is_never_made_anew_when_secrets_need_it(self, file: Path) -> None:
        with pytest.raises(KeyUnreadable, match=r"There is no key ring .* Put the key file .* back from its backup"):
            KeyRing.load(file, NO_KEY, sealed_exist=True)
        assert not file.parent.exists()

    @pytest.mark.parametrize(
        "content",
        [
            b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe\x00", b"{}", b"[" * 100_000,
            b'{"postroom_key_ring": 2, "current": "a", "keys": []}',
            b'{"postroom_key_ring": 1, "current": "a", "keys": []}',
            b'{"postroom_key_ring": 1, "current": "a", "keys": [{"id": "a", "key": 5, "created": "x"}]}',
            b'{"postroom_key_ring": 1, "current": "a", "keys": 7}',
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("sealed_exist", [True, False])
    def test_a_damaged_file_stays_and_stops_the_start(self, file: Path, content: bytes, sealed_exist: bool) -> None:
        file.parent.mkdir()
        file.touch(0o600)
        file.write_bytes(content)
        with pytest.raises(KeyUnreadable, match="damaged or not a key ring"):
            KeyRing.load(file, NO_KEY, sealed_exist=sealed_exist)
        assert file.read_bytes() == content

    def test_a_key_that_lost_a_letter_is_no_other_key(self, ring: KeyRing, file: Path) -> None:
        content = json.loads(file.read_text())
        key = content["keys"][0]["key"]
        content["keys"][0]["key"] = ("B" if key[0] == "A" else "A") + key[1:]
        file.write_text(json.dumps(content))
        with pytest.raises(KeyUnreadable) as caught:
            KeyRing.load(file, NO_KEY, sealed_exist=False)
        shown = frames_below(caught.value)
        assert key[1:20] not in shown

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
    def test_a_file_that_others_can_read_is_refused(self, ring: KeyRing, file: Path, mode: int) -> None:
        file.chmod(mode)
        with pytest.raises(KeyUnreadable, match="chmod 600"):
            KeyRing.load(file, NO_KEY, sealed_exist=True)

    @pytest.mark.parametrize("kind", ["directory", "dangling link", "loop"])
    def test_what_is_no_file_is_not_replaced(self, file: Path, kind: str) -> None:
        file.parent.mkdir()
        if kind == "directory":
            file.mkdir()
        else:
            file.symlink_to(file if kind == "loop" else "nowhere")
        with pytest.raises(KeyUnreadable):
            KeyRing.load(file, NO_KEY, sealed_exist=False)
        assert file.is_dir() or file.is_symlink()

    def test_a_place_that_can_not_be_written_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "in-the-way").write_text("")
        with pytest.raises(KeyUnreadable, match=r"can't be (read|written): Not a directory"):
            KeyRing.load(tmp_path / "in-the-way" / "keyring.json", NO_KEY, sealed_exist=False)

    def test_what_a_crash_left_is_no_danger(self, file: Path) -> None:
        file.parent.mkdir()
        left = file.with_name("keyring.json.new")
        left.write_text("half")
        left.chmod(0o666)
        KeyRing.load(file, NO_KEY, sealed_exist=False)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert not left.exists()


class TestRotation:
    def test_a_new_key_seals_and_the_old_one_still_opens(self, ring: KeyRing, file: Path) -> None:
        old = ring.seal(CANARY, TO)
        key = ring.rotate()
        assert ring.current is key
        assert len(ring.keys) == 2
        assert not ring.is_current(old, TO)
        resealed = ring.reseal(old, TO)
        assert ring.is_current(resealed, TO)
        again = KeyRing.load(file, NO_KEY, sealed_exist=True)
        assert again.current.id == key.id
        assert again.open(old, TO) == again.open(resealed, TO) == Secret(CANARY)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_resealing_does_not_change_what_it_is_for(self, ring: KeyRing) -> None:
        with pytest.raises(SecretSealed):
            ring.reseal(ring.seal(CANARY, TO), replace(TO, host="evil.example"))

    def test_two_processes_lose_no_key(self, ring: KeyRing, file: Path) -> None:
        other = KeyRing.load(file, NO_KEY, sealed_exist=True)
        ring.rotate()
        other.rotate()
        sealed = other.seal(CANARY, TO)
        assert ring.open(sealed, TO) == Secret(CANARY), "a key it does not know yet is looked for in the file"
        assert len(ring.keys) == len(other.keys) == 3

    def test_a_key_that_is_gone_is_named(self, ring: KeyRing, tmp_path: Path) -> None:
        foreign = KeyRing.load(tmp_path / "other" / "ring.json", NO_KEY, sealed_exist=False)
        sealed = foreign.seal(CANARY, TO)
        with pytest.raises(KeyUnreadable, match=foreign.current.name):
            ring.open(sealed, TO)

    def test_a_failed_write_changes_nothing(self, ring: KeyRing, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = file.read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(KeyUnreadable, match="No space left"):
            ring.rotate()
        assert file.read_bytes() == before
        assert len(ring.keys) == 1


class TestEnvironment:
    def test_the_first_key_seals_and_all_open(self, ring: KeyRing, file: Path) -> None:
        first = json.loads(file.read_text())["keys"][0]["key"]
        old = ring.seal(CANARY, TO)
        newer = base64.urlsafe_b64encode(os.urandom(32)).decode()
        moved = KeyRing.load(file.with_name("none"), Hidden(f"{newer}, {first}"), sealed_exist=True)
        assert moved.open(old, TO) == Secret(CANARY), "the same key has the same id in a file and in the environment"
        assert not moved.is_current(old, TO)
        assert moved.is_current(moved.seal(CANARY, TO), TO)
        assert not file.with_name("none").exists()

    @pytest.mark.parametrize("text", [CANARY, ",", base64.b64encode(b"x" * 31).decode(), "AAAA" * 100])
    def test_a_bad_key_is_refused_without_showing_it(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(KeyUnreadable) as caught:
            KeyRing.load(tmp_path / "ring", Hidden(text), sealed_exist=False)
        shown = frames_below(caught.value)
        assert text == "," or text not in shown

    def test_rotation_is_the_operators(self, tmp_path: Path) -> None:
        ring = KeyRing.load(tmp_path / "ring", Hidden(base64.b64encode(bytes(32)).decode()), sealed_exist=False)
        with pytest.raises(Conflict, match="Put a new one in front"):
            ring.rotate()


def test_keys_and_rings_do_not_show_their_material(ring: KeyRing, file: Path) -> None:
    text = json.loads(file.read_text())["keys"][0]["key"]
    for shown in (repr(ring), str(ring.keys), repr(ring.current), f"{ring.current}"):
        assert text not in shown
        assert ring.current.name in shown
    for thing in (ring, ring.current):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
    assert Key.from_text(text).id == ring.current.id
