"""What was found in the DNS is looked at again after a day, forgotten with its sender, and told as a problem."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from postroom.policy.checks import told
from postroom.settings import NameServer
from tests.rigs.names import NameServerRig
from tests.store.house import ADMIN, DAY_MS, House


@pytest.fixture
def names(house: House) -> Iterator[NameServerRig]:
    """A name server, and an office that asks it."""
    zone = {"good.test": {"TXT": ['"v=spf1 ip4:192.0.2.25 ~all"'], "MX": ["10 mail.good.test."]}}
    with NameServerRig(zone) as rig:
        object.__setattr__(house.office._settings, "dns_servers", (NameServer(rig.host, rig.port),))
        yield rig


def prepared(house: House) -> None:
    house.account("relay")
    for address in ("first@good.test", "news@good.test"):
        house.office.create_sender(ADMIN, {"address": address}).result()


def look(house: House) -> list[str]:
    """The faults of what is found now."""
    asked = {"sender": "news@good.test", "addresses": ["192.0.2.25"]}
    check = asyncio.run(house.office.check_dns(ADMIN, asked))
    return [one.id for one in check.findings if one.severity == "fault"]


def a_day_passes(house: House) -> None:
    house.sql("UPDATE dns_check SET checked_ms = checked_ms - :day", day=DAY_MS + 1)


def problems(house: House) -> list[tuple[str, str]]:
    found = house.office.problems(ADMIN).result().problems
    return [(one.finding.check, one.finding.values.get("name", "")) for one in found]


def test_what_was_looked_at_is_looked_at_again_in_the_same_way(house: House, names: NameServerRig) -> None:
    prepared(house)
    assert look(house) == []
    assert asyncio.run(house.office.check_dns_again()) == 0, "not yet"
    a_day_passes(house)
    names.zone["good.test"] = {"TXT": ['"v=spf1 -all"'], "MX": ["10 mail.good.test."]}
    assert asyncio.run(house.office.check_dns_again()) == 1
    (kept,) = house.office.dns_checks(ADMIN).result()
    assert kept.addresses == ("192.0.2.25",)
    assert "spf-lacks-address" in [one.id for one in kept.findings]
    assert ("sender-not-proven", "news@good.test") in problems(house)
    assert asyncio.run(house.office.check_dns_again()) == 0, "not again the same day"


def test_a_sender_that_is_gone_is_not_looked_at_any_more(house: House, names: NameServerRig) -> None:
    prepared(house)
    look(house)
    house.office.delete_sender(ADMIN, "news@good.test").result()
    a_day_passes(house)
    names.asked.clear()
    asyncio.run(house.office.check_dns_again())
    assert names.asked == []
    assert house.sql("SELECT * FROM dns_check") == []


def test_the_settings_check_tells_of_keys_whose_record_is_gone(house: House, names: NameServerRig) -> None:
    view = asyncio.run(house.office.create_dkim_key(ADMIN, {"domain": "good.test", "algorithm": "ed25519"}))
    assert "dkim-waits" not in dict(problems(house)), "there is a day's time for that"
    names.zone[view.record.name] = {"TXT": [f'"{view.record.value}"']}
    asyncio.run(house.office.check_dkim_key(ADMIN, view.key.id))
    assert not {"dkim-record-gone", "dkim-stopped", "dkim-waits"} & set(dict(problems(house)))
    del names.zone[view.record.name]
    asyncio.run(house.office.check_dkim_key(ADMIN, view.key.id))
    assert ("dkim-record-gone", "good.test") in problems(house)
    house.sql("UPDATE dkim_key SET state = 'missing'")
    house.office.change_tenant(ADMIN, {"log_days": 66}).result()
    assert ("dkim-stopped", "good.test") in problems(house)
    house.sql("UPDATE dkim_key SET state = 'waiting', created_ms = 1")
    house.office.change_tenant(ADMIN, {"log_days": 67}).result()
    assert ("dkim-waits", "good.test") in problems(house)


def test_every_pair_in_use_is_looked_at_without_being_asked_for(house: House, names: NameServerRig) -> None:
    prepared(house)
    house.office.change_tenant(ADMIN, {"mode": "smtp"}).result()
    assert asyncio.run(house.office.check_dns_again()) == 0, "a sender may still be in the making"
    assert names.asked == []
    looked = 0
    while done := asyncio.run(house.office.check_dns_again()):
        looked += done
    kept = {one.sender for one in house.office.dns_checks(ADMIN).result()}
    assert {"first@good.test", "news@good.test"} <= kept
    assert looked == len(kept)
    assert asyncio.run(house.office.check_dns_again()) == 0, "once, and then daily"


def test_the_settings_check_says_in_the_reader_s_language_what_is_wrong_in_the_dns(
    house: House, names: NameServerRig
) -> None:
    prepared(house)
    names.zone["good.test"] = {"TXT": ['"v=spf1 +all"'], "MX": ["10 mail.good.test."]}
    look(house)
    house.office.note_problems(house.office.look_around(everything=True).result()).result()
    found = {one.finding.check: one.finding for one in house.office.problems(ADMIN).result().problems}
    english, german = (told(found["sender-not-proven"], language).what for language in ("en", "de"))
    assert "The SPF record of good.test allows everybody to send" in english
    assert "Der SPF-Eintrag von good.test lässt jeden senden" in german
