"""A copy of an installation sends nothing until somebody says which of the two is the real one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from postroom import Postroom
from postroom.errors import BadInput, Conflict, NotFound, Unauthenticated
from postroom.store.backup import restore
from tests.rigs.sink import Sink


def fill(data: Path, sink: Sink, database: str | None = None, secret: str | None = None) -> int:
    """An installation with one mail sent and one waiting; gives the waiting one's number."""
    with Postroom(database, data=data, worker=False) as postroom:
        values = {"name": "Sink", "host": "127.0.0.1", "port": sink.port, "encryption": "none",
                  "sender_address": "office@example.org"}  # fmt: skip
        if secret is not None:
            values |= {"login": "password", "user": "office"}
        postroom.office.create_account(postroom.actor, values, secret).result()
        postroom.office.change_tenant(postroom.actor, {"mode": "smtp"}).result()
        return postroom.send(to="ok@example.org", subject="Waits", text="…").message_id


def state(postroom: Postroom, number: int) -> str:
    return postroom.reports.message(postroom.actor, number).result().recipients[0].state.value


@pytest.fixture
def original(tmp_path: Path, sink: Sink) -> tuple[Path, int]:
    data = tmp_path / "original"
    return data, fill(data, sink)


def test_a_copied_database_holds_its_queue_and_says_how_much_waited(
    original: tuple[Path, int], tmp_path: Path, sink: Sink
) -> None:
    data, number = original
    shutil.copytree(data, tmp_path / "copy")
    with Postroom(data=tmp_path / "copy", poll_seconds="20ms") as copy:
        clone = copy.office.clone(copy.actor)
        assert clone is not None
        assert clone.waiting == 1
        assert copy.send(to="ok@example.org", subject="New", text="…").state == "silenced"
        assert copy.outbox.test_account(copy.actor, "Sink", "ok@example.org", "T", "…").result().state == "queued"
        assert state(copy, number) == "queued"
    assert not list(sink.deliveries())


def test_the_original_in_its_place_is_no_clone(original: tuple[Path, int]) -> None:
    with Postroom(data=original[0], worker=False) as postroom:
        assert postroom.office.clone(postroom.actor) is None
        with pytest.raises(Conflict):
            postroom.office.confirm_home(postroom.actor, original=True)


def test_confirmed_as_the_original_its_mail_leaves(original: tuple[Path, int], tmp_path: Path, sink: Sink) -> None:
    shutil.move(original[0], tmp_path / "moved")
    with Postroom(data=tmp_path / "moved", poll_seconds="20ms") as moved:
        fingerprint = moved._engine.store.fingerprint
        moved.office.confirm_home(moved.actor, original=True).result()
        sink.wait_for(1)
    with Postroom(data=tmp_path / "moved", worker=False) as again:
        assert again.office.clone(again.actor) is None
        assert again._engine.store.fingerprint == fingerprint


def test_confirmed_as_a_copy_it_is_silent_and_somebody_else(
    original: tuple[Path, int], tmp_path: Path, sink: Sink
) -> None:
    data, number = original
    shutil.copytree(data, tmp_path / "copy")
    with Postroom(data=tmp_path / "copy", poll_seconds="20ms") as copy:
        was = copy._engine.store.fingerprint
        copy.office.confirm_home(copy.actor, original=False).result()
        while state(copy, number) in ("queued", "sending"):
            pass
        assert state(copy, number) == "silenced"
    with Postroom(data=tmp_path / "copy", worker=False) as again:
        assert again._engine.store.fingerprint != was
        assert again.office.clone(again.actor) is None
    assert not list(sink.deliveries())


def test_the_guard_can_be_turned_off_where_the_place_changes_with_every_start(
    tmp_path: Path, original: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(original[0], tmp_path / "moved")
    monkeypatch.setenv("POSTROOM_CLONE_GUARD", "off")
    with Postroom(data=tmp_path / "moved", worker=False) as moved:
        assert moved.office.clone(moved.actor) is None
    monkeypatch.delenv("POSTROOM_CLONE_GUARD")
    with Postroom(data=tmp_path / "moved", worker=False) as again:
        assert again.office.clone(again.actor) is None, "it is its home now"


def test_a_backup_under_load_is_whole_and_restores_as_a_held_copy(
    tmp_path: Path, sink: Sink, database_url: str
) -> None:
    """On either database; secrets stay sealed in it, and the key ring is not in it."""
    data = tmp_path / "original"
    number = fill(data, sink, database_url, "s3cret-canary")
    with Postroom(database_url, data=data, worker=False) as postroom:
        backup = postroom.office.back_up(postroom.actor)
        for n in range(50):
            postroom.send(to=f"r{n}@example.org", text="…")
        made = backup.result()
    assert b"s3cret-canary" not in made.file.read_bytes()
    assert made.file.stat().st_mode & 0o077 == 0
    count = restore(made.file, f"sqlite:///{tmp_path}/restored/postroom.db")
    assert count == made.messages >= 1
    (tmp_path / "restored").chmod(0o700)
    shutil.copy(data / "keyring.json", tmp_path / "restored")
    with Postroom(data=tmp_path / "restored", poll_seconds="20ms") as restored:
        assert restored.office.clone(restored.actor) is not None
        assert state(restored, number) == "queued"
        restored.office.confirm_home(restored.actor, original=True).result()
        restored.office.refresh().result()
        account = restored.office.find_account(restored.actor, "Sink")
        secret = restored.office.open_secret(account)
        assert secret is not None
        assert secret.reveal() == "s3cret-canary"


def test_nobody_is_signed_in_by_a_backup_and_no_link_opens_anything(tmp_path: Path) -> None:
    """A33: who gets hold of it, or restores it, takes nobody's place."""
    with Postroom(data=tmp_path / "original", worker=False) as postroom:
        office = postroom.office
        link = office.create_user(postroom.actor, {"login": "ann", "roles": ["administrator"]}).result()
        office.redeem(link.token, "four words in a row").result()
        signed_in = office.sign_in("ann", "four words in a row").result()
        other = office.create_user(postroom.actor, {"login": "bob", "roles": ["administrator"]}).result()
        made = office.back_up(postroom.actor).result()
    restore(made.file, f"sqlite:///{tmp_path}/restored/postroom.db")
    shutil.copy(tmp_path / "original" / "keyring.json", tmp_path / "restored")
    (tmp_path / "restored").chmod(0o700)
    with Postroom(data=tmp_path / "restored", worker=False) as restored:
        with pytest.raises(Unauthenticated):
            restored.office.authenticate(signed_in.token).result()
        with pytest.raises(NotFound):
            restored.office.redeem(other.token, "four other words in a row").result()


def test_what_is_no_backup_and_what_is_in_use_is_refused(tmp_path: Path, original: tuple[Path, int]) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"no database" * 100)
    with pytest.raises(BadInput):
        restore(wrong, f"sqlite:///{tmp_path}/new.db")
    with Postroom(data=original[0], worker=False) as postroom:
        made = postroom.office.back_up(postroom.actor).result()
    with pytest.raises(Conflict):
        restore(made.file, f"sqlite:///{original[0]}/postroom.db")


def test_a_backup_of_postgresql_goes_back_into_postgresql(tmp_path: Path, sink: Sink, postgres_url: str) -> None:
    number = fill(tmp_path / "original", sink)
    with Postroom(data=tmp_path / "original", worker=False) as postroom:
        made = postroom.office.back_up(postroom.actor).result()
    restore(made.file, postgres_url)
    with Postroom(postgres_url, data=tmp_path / "original", worker=False) as restored:
        assert state(restored, number) == "queued"
        assert restored.office.clone(restored.actor) is not None
