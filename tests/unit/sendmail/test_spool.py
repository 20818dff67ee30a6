"""What is kept is whole or was never promised; what is damaged is set aside; nobody else's file is trusted."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from postroom.sendmail.spool import Damaged, Kept, Mail, Spool, SpoolUnusable, new_key

ROOT = os.geteuid() == 0


def a_mail(octets: bytes = b"To: a\r\n\r\nBody\r\n", sender: str | None = "s@x.test") -> Mail:
    return Mail(new_key(), octets, ("a@x.test", "b@x.test"), sender)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", private=True)


def only(spool: Spool) -> Kept:
    (kept,) = spool.waiting()
    return kept


@pytest.mark.parametrize("sender", ["s@x.test", "", None])
def test_what_is_kept_comes_back_as_it_was(spool: Spool, sender: str | None) -> None:
    mail = a_mail(b"To: a\r\n\r\n\x00\xff\n\n", sender)
    spool.keep(mail)
    assert only(spool).open(own=True) == mail
    spool.done(only(spool))
    assert spool.waiting() == []


def test_it_is_its_users_alone(spool: Spool) -> None:
    old = os.umask(0)
    try:
        spool.keep(a_mail())
    finally:
        os.umask(old)
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only(spool).path.stat().st_mode) == 0o600


def test_the_oldest_goes_first(spool: Spool) -> None:
    mails = [Mail(f"sendmail-{at:013d}-{'0' * 16}", b"") for at in (1_900_000_000_000, 1_700_000_000_000)]
    for mail in mails:
        spool.keep(mail)
    assert [kept.path.stem for kept in spool.waiting()] == [mails[1].key, mails[0].key]


def test_only_our_own_files_are_looked_at(spool: Spool) -> None:
    spool.keep(a_mail())
    for name in ("README", "x.mail", ".sendmail-half", "sendmail-1-2.mail", f"{new_key()}.mail~"):
        (spool.folder / name).write_bytes(b"")
    assert len(spool.waiting()) == 1


@pytest.mark.parametrize("cut", [0, 1, 20, -1, -3])
def test_a_file_that_lost_its_end_is_damaged(spool: Spool, cut: int) -> None:
    spool.keep(a_mail())
    path = only(spool).path
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(Damaged):
        only(spool).open(own=True)


def test_a_changed_octet_is_seen(spool: Spool) -> None:
    spool.keep(a_mail())
    path = only(spool).path
    octets = path.read_bytes()
    for place in (len(octets) - 2, octets.index(b"a@x.test") - 1):
        path.write_bytes(octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :])
        with pytest.raises(Damaged):
            only(spool).open(own=True)


@pytest.mark.parametrize("head", [b"{}", b"[]", b"null", b"\xff", b'{"version":1}', b"[" * 9_000, b'{"to":"x"}'])
def test_a_head_that_is_none_is_damaged(spool: Spool, head: bytes) -> None:
    spool.keep(a_mail())
    only(spool).path.write_bytes(head + b"\nBody")
    with pytest.raises(Damaged):
        only(spool).open(own=True)


def test_a_file_under_another_name_is_damaged(spool: Spool) -> None:
    """A copy would be another message: its name is its key."""
    spool.keep(a_mail())
    only(spool).path.rename(spool.folder / f"{new_key()}.mail")
    with pytest.raises(Damaged):
        only(spool).open(own=True)


def test_no_link_is_followed_and_nothing_but_a_file_is_read(spool: Spool, tmp_path: Path) -> None:
    spool.keep(a_mail())
    path = only(spool).path
    secret = tmp_path / "secret"
    path.rename(secret)
    path.symlink_to(secret)
    with pytest.raises(Damaged):
        only(spool).open(own=True)
    path.unlink()
    os.link(secret, path)
    with pytest.raises(Damaged):
        only(spool).open(own=True)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(Damaged):
        only(spool).open(own=True)


def test_what_is_set_aside_is_still_there_with_the_reason(spool: Spool) -> None:
    spool.keep(a_mail())
    kept = only(spool)
    octets = kept.path.read_bytes()
    spool.set_aside(kept, "Damaged: so and so.", folder="damaged")
    assert spool.waiting() == []
    aside = spool.folder / "damaged" / kept.path.name
    assert aside.read_bytes() == octets
    assert aside.with_name(f"{aside.name}.why").read_text() == "Damaged: so and so.\n"
    spool.set_aside(kept, "again", folder="damaged")


def test_a_writer_that_died_leaves_nothing_that_counts(spool: Spool) -> None:
    spool.keep(a_mail())
    half = spool.folder / f".{new_key()}"
    half.write_bytes(b"half a mai")
    assert spool.set_forgotten_aside() == 0, "its writer may still be at it"
    os.utime(half, (1, 1))
    assert spool.set_forgotten_aside() == 1
    assert (spool.folder / "damaged" / half.name).read_bytes() == b"half a mai"
    assert len(spool.waiting()) == 1


def test_one_hands_over_at_a_time(spool: Spool) -> None:
    spool.keep(a_mail())
    with spool.locked() as first, spool.locked() as second:
        assert (first, second) == (True, False)
    with spool.locked() as again:
        assert again


def test_a_spool_that_is_not_there_is_empty(spool: Spool) -> None:
    assert spool.waiting() == []
    with spool.locked() as ours:
        assert not ours


# -- a folder that several users write to -----------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path: Path) -> Spool:
    """As docs/sendmail.md says: sticky, for all to write, for its owner to read, files for its group."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o3733)
    return Spool(folder, private=False)


def test_in_a_shared_folder_the_group_may_read_and_nobody_else(shared: Spool) -> None:
    shared.keep(a_mail())
    found = only(shared).path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert found.st_gid == shared.folder.stat().st_gid
    assert not shared.own
    assert only(shared).open(own=False).to == ("a@x.test", "b@x.test")


@pytest.mark.parametrize("mode", [0o777, 0o2777, 0o775, 0o733])
def test_a_folder_where_others_could_take_mail_away_is_not_used(shared: Spool, mode: int) -> None:
    shared.folder.chmod(mode)
    with pytest.raises(SpoolUnusable, match="sticky"):
        shared.keep(a_mail())


def test_a_folder_of_ones_own_is_nobody_elses(shared: Spool) -> None:
    with pytest.raises(SpoolUnusable):
        Spool(shared.folder, private=True).keep(a_mail())


def test_a_folder_somebody_prepared_is_not_written_into(shared: Spool, tmp_path: Path) -> None:
    """Who may write to the spool could put a link where the damaged ones go."""
    shared.keep(a_mail())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (shared.folder / "damaged").symlink_to(elsewhere)
    with pytest.raises(SpoolUnusable):
        shared.set_aside(only(shared), "x", folder="damaged")
    assert list(elsewhere.iterdir()) == []
    assert len(shared.waiting()) == 1


@pytest.mark.skipif(not ROOT, reason="only root can be somebody else")
def test_another_user_may_add_and_neither_look_nor_take(shared: Spool) -> None:
    for parent in shared.folder.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/") and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    shared.keep(a_mail())
    words = (
        "import os, sys\n"
        "from pathlib import Path; from postroom.sendmail.spool import Mail, Spool, new_key\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "folder, kept = map(Path, sys.argv[1:]); spool = Spool(folder, private=False)\n"
        "spool.keep(Mail(new_key(), b'theirs', ('a@x.test',)))\n"
        "away = lambda: kept.rename(folder / 'x')\n"
        "for trick in (lambda: list(folder.iterdir()), kept.read_bytes, kept.unlink, away):\n"
        "    try: trick()\n"
        "    except PermissionError: print('no', end=' ')\n"
        "print(spool.waiting())\n"
    )
    command = [sys.executable, "-c", words, str(shared.folder), str(only(shared).path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "no no no no []\n", done.stderr
    theirs = next(kept for kept in shared.waiting() if kept.path.stat().st_uid == 65534)
    assert theirs.open(own=False).octets == b"theirs"
    assert theirs.path.stat().st_gid == shared.folder.stat().st_gid


def test_a_folder_that_is_not_there_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(SpoolUnusable):
        Spool(tmp_path / "none", private=False).keep(a_mail())
