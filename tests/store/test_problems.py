"""The settings check in the office, on both databases: what it finds, since when, and what is told to whom."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Forbidden, NotFound
from postroom.model.account import AccountState
from postroom.model.application import Actor, Scope
from postroom.model.problem import Finding, Problem, Weight
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.office.alarm_way import Letter
from postroom.office.checks import machine
from postroom.office.checks.letter import write
from postroom.store import problems, turns
from postroom.store.problems import News
from postroom.wire import sightings
from tests.store.house import ADMIN, DAY_MS, House, tenant_admin

S = State
MINUTE = 60_000


def found(house: House, actor: Actor = ADMIN, **more: Any) -> dict[str, Problem]:
    """What there is, by check; the machine's own business is left out."""
    looked = house.office.problems(actor, **more).result()
    own = {"sqlite-known-fault", "python-known-fault", "worker-missing", "disk-full"}
    return {one.finding.check: one for one in looked.problems if one.finding.check not in own}


def noted(house: House, findings: Iterable[Finding], at_ms: int, place: str = "") -> News:
    given = list(findings)
    return house.store.write(lambda c: problems.note(c, given, at_ms, 10 * MINUTE, place)).result()


def test_a_fresh_installation_is_silent_and_says_so(house: House) -> None:
    assert set(found(house)) == {"mode-silent"}
    house.office.change_tenant(ADMIN, {"mode": "smtp"}).result()
    assert set(found(house)) == {"no-default-account", "alarm-has-no-reader"}
    house.account("main", login="password", user="u", secret="x")
    house.office.change_tenant(ADMIN, {"alarm_to": "ops@example.com"}).result()
    assert found(house) == {}


def test_accounts_are_looked_at_whatever_is_wrong_with_them(house: House) -> None:
    main = house.account("main", login="password", user="u")
    house.account("open", encryption="none")
    house.office.pause_for(main, "535 5.7.8 wrong password").result()
    there = found(house)
    assert {"account-password-missing", "account-paused", "account-unencrypted"} <= set(there)
    paused = there["account-paused"]
    assert paused.weight is Weight.PROBLEM
    assert paused.finding.values == {"name": "main", "why": "535 5.7.8 wrong password"}
    assert house.office.snapshot.accounts[main].state is AccountState.PAUSED


def test_a_secret_that_no_key_opens_is_found_without_sending_anything(house: House) -> None:
    main = house.account("main", login="password", user="u", secret="x")
    house.sql("UPDATE account SET host = 'other.example.com', version = version + 1 WHERE id = :id", id=main)
    house.sql("UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE name = 'settings_version'")
    house.office.change_tenant(ADMIN, {"log_days": 90}).result()  # the snapshot is read anew
    assert "not typed for" in found(house)["secret-unreadable"].finding.values["why"]


def test_mail_that_does_not_move_is_counted(house: House) -> None:
    moment = now_ms()
    for state in (S.HELD, S.HELD, S.UNKNOWN):
        house.mail(("a@example.org", state))
    house.mail("b@example.org", at_ms=moment - 2 * DAY_MS)
    there = found(house)
    assert there["mail-held"].finding.values == {"count": "2"}
    assert there["mail-unknown"].finding.values == {"count": "1"}
    assert "mail-waits-long" in there
    tenant = house.tenant("acme")
    assert found(house, tenant) == {}, "each his own"


def test_the_operator_sees_all_tenants_together_and_a_tenant_only_itself(house: House) -> None:
    tenant = house.tenant("acme")
    house.office.change_tenant(tenant, {"mode": "disabled"}).result()
    assert set(found(house, ADMIN, everywhere=True)) == {"mode-silent", "mode-disabled"}
    assert set(found(house, tenant, everywhere=True)) == {"mode-disabled"}
    with pytest.raises(NotFound):
        house.office.problems(tenant, INSTALLATION)
    with pytest.raises(Forbidden):
        house.office.problems(Actor(INSTALLATION, frozenset({Scope.READ})))


def test_since_when_it_is_so_is_kept_over_restarts_and_flapping_is_one_problem(house: House) -> None:
    one, begin = Finding("mode-silent", INSTALLATION), 1_000_000
    assert [each.key for each in noted(house, [one], begin).began] == ["mode-silent"]
    assert noted(house, [one], begin + MINUTE) == News()
    assert noted(house, [], begin + 2 * MINUTE) == News(), "not yet certainly over"
    assert noted(house, [one], begin + 9 * MINUTE) == News(), "it came back: nothing new"
    (kept,) = house.store.read(problems.all_problems).result()
    assert (kept.since_ms, kept.ended_ms) == (begin, None)
    noted(house, [], begin + 20 * MINUTE)
    over = noted(house, [], begin + 31 * MINUTE)
    assert [(each.key, each.ended_ms) for each in over.ended] == [("mode-silent", begin + 20 * MINUTE)]
    assert noted(house, [], begin + 32 * MINUTE) == News(), "it is told once"
    assert [each.since_ms for each in noted(house, [one], begin + 60 * MINUTE).began] == [begin + 60 * MINUTE]
    noted(house, [], begin + 61 * MINUTE)
    noted(house, [], begin + 80 * MINUTE)
    noted(house, [], begin + 100 * DAY_MS)
    assert house.store.read(problems.all_problems).result() == [], "old ones are forgotten"


def test_each_machine_ends_only_what_it_found_itself_and_one_that_is_gone_is_forgotten(house: House) -> None:
    disk, begin = Finding("disk-full", INSTALLATION, "one /data"), 1_000_000
    noted(house, [disk], begin, "one")
    noted(house, [], begin + 20 * MINUTE, "two")
    assert noted(house, [], begin + 40 * MINUTE).ended == []
    assert "disk-full:one /data" in {one.key for one in house.office.problems(ADMIN).result().problems}
    noted(house, [], begin + 2 * DAY_MS, "two")
    assert [each.key for each in noted(house, [], begin + 2 * DAY_MS + 20 * MINUTE, "two").ended] == [disk.key]


def test_what_is_looked_at_for_all_is_looked_at_by_one(house: House) -> None:
    def turn(worker: str, lease_ms: int) -> bool:
        return house.store.write(lambda c: turns.take_turn(c, "checks", worker, lease_ms)).result()

    assert turn("a", 60_000)
    assert not turn("b", 60_000)
    assert turn("a", 0), "who has it keeps it"
    assert turn("b", 60_000), "and when he is gone another takes it"


def test_what_is_shown_is_looked_at_afresh_and_what_is_over_is_told_with_its_time(house: House) -> None:
    seen = house.office.look_around(everything=True).result()
    assert "mode-silent" in {one.key for one in house.office.note_problems(seen).result().began}
    house.office.change_tenant(ADMIN, {"mode": "smtp"}).result()
    assert "mode-silent" not in found(house)
    house.office.note_problems(house.office.look_around(everything=True).result()).result()
    looked = house.office.problems(ADMIN).result()
    assert [one.key for one in looked.over] == ["mode-silent"]
    assert looked.over[0].ended_ms is not None


# -- letters ----------------------------------------------------------------------------------------------------------


def sending(house: House) -> int:
    """An installation that sends, and tells its operator; with a connector-less account that works."""
    main = house.account("main", sender_address="post@example.com")
    house.office.change_tenant(ADMIN, {"mode": "smtp", "alarm_to": ["ops@example.com"]}).result()
    return main


def letters(house: House) -> list[Letter]:
    seen = house.office.look_around(everything=True).result()
    house.office.note_problems(seen, settle_ms=0).result()
    return house.office.letters_due(gap_ms=0).result()


def test_new_problems_are_told_once_and_recovery_once(house: House) -> None:
    sending(house)
    tenant = house.tenant("acme")
    house.account("own", tenant, login="password", user="u")
    (first,) = [one for one in letters(house) if one.tenant_id == tenant.tenant_id]
    assert [one.finding.check for one in first.new] == ["account-password-missing"]
    assert first.readers == ("ops@example.com",), "whoever has nobody of his own is told by the installation"
    house.office.note_letter(first, "").result()
    assert [one for one in letters(house) if one.tenant_id == tenant.tenant_id] == []
    house.office.change_account(tenant, "own", {"secret": "x"}).result()
    house.office.note_problems(house.office.look_around(everything=True).result(), settle_ms=0).result()
    (second,) = [one for one in letters(house) if one.tenant_id == tenant.tenant_id]
    assert ([one.finding.check for one in second.over], second.new) == (["account-password-missing"], ())
    house.office.note_letter(second, "").result()
    assert [one for one in letters(house) if one.tenant_id == tenant.tenant_id] == []


def test_a_letter_never_leaves_through_a_broken_account(house: House) -> None:
    main = sending(house)
    house.office.pause_for(main, "535 wrong password").result()
    (letter,) = letters(house)
    assert letter.trouble == "alarm-has-no-account"
    house.office.note_letter(letter, letter.trouble).result()
    assert "alarm-has-no-account" in found(house)
    house.account("second", sender_address="second@example.com")
    (again,) = letters(house)
    assert (again.name, again.trouble) == ("second", "")
    tenant = house.tenant("acme")
    house.account("own", tenant, sender_address="a@example.net", login="password", user="u")
    house.office.change_account(ADMIN, "main", {"enabled": True}).result()
    house.office.resume_account(ADMIN, "main").result()
    (theirs,) = [one for one in letters(house) if one.tenant_id == tenant.tenant_id]
    assert theirs.name == "main", "the installation's default mailbox, for the tenant's own can't"


def test_users_who_manage_settings_are_written_to_and_what_lasts_is_listed_weekly(house: House) -> None:
    house.account("main", sender_address="post@example.com", encryption="none")
    house.office.change_tenant(ADMIN, {"mode": "smtp", "language": "de"}).result()
    for login, role in (("ann", "mail-administrator"), ("bob", "reader"), ("eve", "administrator")):
        values = {"login": login, "roles": [role], "email": f"{login}@example.com"}
        house.office.create_user(ADMIN, values).result()
    (letter,) = letters(house)
    assert letter.readers == ("ann@example.com", "eve@example.com")
    subject, text = write(letter.new, letter.over, letter.lasting, letter.language)
    assert "main: Mails gehen unverschlüsselt hinaus" in text
    assert subject.startswith("Postroom: ")
    house.office.note_letter(letter, "").result()
    assert letters(house) == []
    house.sql("UPDATE alarm SET listed_ms = listed_ms - :week, mailed_ms = mailed_ms - :week", week=7 * DAY_MS)
    (reminder,) = letters(house)
    assert reminder.reminds
    assert "account-unencrypted" in {one.finding.check for one in reminder.lasting}


def test_where_nothing_leaves_nobody_is_written_to(house: House) -> None:
    sending(house)
    house.office.change_tenant(ADMIN, {"mode": "silent"}).result()
    assert letters(house) == []


def test_what_grows_heavier_is_news(house: House) -> None:
    sending(house)
    light = Finding("application-secret-ends", INSTALLATION, "a_1", {"name": "x", "day": "2026-12-20"})
    heavy = Finding("application-secret-ends", INSTALLATION, "a_1", {"name": "x", "day": "2026-12-20"}, Weight.PROBLEM)
    noted(house, [light], now_ms())
    (letter,) = house.office.letters_due(0).result()
    house.office.note_letter(letter, "").result()
    assert house.office.letters_due(0).result() == []
    noted(house, [heavy], now_ms())
    (letter,) = house.office.letters_due(0).result()
    assert [one.weight for one in letter.new] == [Weight.PROBLEM]


def test_a_letter_is_bounded_whatever_there_is_to_tell() -> None:
    many = [
        Problem(Finding("account-paused", 1, f"a_{n}", {"name": "x" * 500, "why": "y" * 5_000}), Weight.PROBLEM, 0, 0)
        for n in range(300)
    ]
    subject, text = write(many, [], [], "en")
    assert len(subject) < 200
    assert len(text) < 100_000
    assert "… and 250 more." in text


# -- this machine -----------------------------------------------------------------------------------------------------


def test_a_clock_is_called_wrong_only_when_several_agree(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(seen: dict[str, int]) -> list[str]:
        monkeypatch.setattr(sightings, "_seen", {host: (now_ms(), seconds) for host, seconds in seen.items()})
        return [key for key in found(house) if key.startswith("clock")]

    assert told({}) == []
    assert told({"a": 2, "b": -3}) == []
    assert told({"a": 4000}) == ["clock-doubtful"]
    assert told({"a": 4000, "b": 4003}) == ["clock-wrong"]
    assert told({"a": 4000, "b": 4003, "c": 0, "d": 1}) == ["clock-doubtful"], "as many say that it is right"


def test_a_date_of_a_web_server_is_seen_and_what_is_none_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "_seen", {})
    sightings.note("a", "Fri, 20 Nov 2020 16:34:11 GMT")
    for nonsense in ("", "yesterday", "Fri, 99 Nov 2020 16:34:11 GMT", "\0" * 5_000):
        sightings.note("b", nonsense)
    assert list(sightings.seen()) == ["a"]
    assert sightings.seen()["a"] < -100_000_000
    for n in range(200):
        sightings.note(f"host{n}", "Fri, 20 Nov 2020 16:34:11 GMT")
    assert len(sightings.seen()) == 50


def test_known_faults_of_versions_are_notes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.sqlite3, "sqlite_version_info", (3, 51, 2))
    monkeypatch.setattr(machine.sys, "version_info", (3, 12, 12))
    looked = house.office.problems(ADMIN).result()
    weights = {one.finding.check: one.weight for one in looked.problems}
    assert weights["python-known-fault"] is Weight.NOTE
    assert ("sqlite-known-fault" in weights) == house.store.sqlite
    monkeypatch.setattr(machine.sqlite3, "sqlite_version_info", (3, 51, 3))
    monkeypatch.setattr(machine.sys, "version_info", (3, 12, 13))
    checks = {one.finding.check for one in house.office.problems(ADMIN).result().problems}
    assert not {"python-known-fault", "sqlite-known-fault"} & checks
    assert sqlite3.sqlite_version


def test_little_room_on_the_disk_is_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        total, free = 10**11, 100 * 1024 * 1024

    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: Usage)
    (one,) = [p for p in house.office.problems(ADMIN).result().problems if p.finding.check == "disk-full"]
    assert one.weight is Weight.PROBLEM
    assert one.finding.values["free"] == "100 MiB"


def test_a_tenant_that_goes_takes_its_problems_along(house: House) -> None:
    tenant = house.tenant("acme")
    noted(house, [Finding("mode-silent", tenant.tenant_id)], now_ms())

    def rows(connection: Connection) -> list[Problem]:
        return problems.of_tenant(connection, tenant.tenant_id)

    assert len(house.store.read(rows).result()) == 1
    assert tenant_admin(tenant.tenant_id) == tenant
    house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme").result()
    assert house.store.read(rows).result() == []
