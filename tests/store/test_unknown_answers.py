"""Answers that no rule knows are counted, for each tenant by itself, within bounds; and told again in German."""

from __future__ import annotations

from postroom.deliver.conclude import Ending
from postroom.model.attempt import Result
from postroom.model.state import State
from postroom.policy.rule import Context
from postroom.policy.verdict import judge
from postroom.store import unknown_answers
from postroom.store.unknown_answers import MOST, Kind, UnknownAnswer
from postroom.work.unheard import Unheard
from tests.store.house import ADMIN, House

KIND = Kind(1, "exim", "rcpt", 550, "", "recipient-refused")


def ending(text: str, code: int = 550, phase: str = "rcpt", family: str = "exim") -> Ending:
    result = Result(phase, code, "", text)
    return Ending(0, "a@example.org", "failed", result.words, judge(result, Context(family)), None, result, family)


def test_only_what_no_rule_knows_is_counted_and_never_its_words() -> None:
    unheard = Unheard()
    unheard.note(7, [ending("Go away, ann@example.org"), ending("Unrouteable address"), ending("Go away")])
    assert unheard.take() == {Kind(7, "exim", "rcpt", 550, "", "recipient-refused"): 2}
    assert unheard.take() == {}


def test_a_server_that_invents_codes_does_not_fill_the_memory() -> None:
    unheard = Unheard()
    for code in range(400, 600):
        for phase in ("mail", "rcpt", "data", "dot"):
            unheard.note(1, [ending("x", code, phase)])
    counts = unheard.take()
    assert len(counts) == 500
    unheard.back(counts)
    unheard.back(counts)
    assert set(unheard.take().values()) == {2}


def test_counts_add_up_and_belong_to_their_tenant(house: House) -> None:
    other = house.tenant("other")
    mine = KIND._replace(tenant_id=ADMIN.tenant_id)
    house.store.write(lambda c: unknown_answers.count(c, {mine: 2}, 1_000)).result()
    house.store.write(lambda c: unknown_answers.count(c, {mine: 3, mine._replace(code=0): 1}, 2_000)).result()
    assert house.reports.unknown_answers(ADMIN).result() == [
        UnknownAnswer("exim", "rcpt", 550, "", "recipient-refused", 5, 1_000, 2_000),
        UnknownAnswer("exim", "rcpt", 0, "", "recipient-refused", 1, 2_000, 2_000),
    ]
    assert house.reports.unknown_answers(other).result() == []


def test_the_table_has_a_bound_for_each_tenant(house: House) -> None:
    mine = KIND._replace(tenant_id=ADMIN.tenant_id)
    many = {mine._replace(enhanced=f"5.9.{number}"): 1 for number in range(MOST + 20)}
    house.store.write(lambda c: unknown_answers.count(c, many, 1_000)).result()
    house.store.write(lambda c: unknown_answers.count(c, dict.fromkeys(list(many)[:3], 4), 2_000)).result()
    found = house.reports.unknown_answers(ADMIN).result()
    assert len(found) == MOST
    assert [one.times for one in found[:4]] == [5, 5, 5, 1]


def test_a_message_is_explained_in_german_with_what_mends_it(house: House) -> None:
    account = house.account("Main", encryption="none", port=25)
    told = {"diagnosis": "needs-starttls", "reason": "needs-starttls", "account_id": account, "reply": "530 no"}
    number = house.mail(("ann@example.org", State.DEFERRED, told))
    german = house.reports.message(ADMIN, number, language="de").result().recipients[0]
    english = house.reports.message(ADMIN, number).result().recipients[0]
    assert german.explanation.startswith("Der Server spricht nur über eine verschlüsselte Verbindung.")
    assert english.explanation.startswith("The server only talks over an encrypted connection.")
    assert german.reply == english.reply == "530 no"
    assert german.field == "encryption"
    assert german.apply == {"encryption": "starttls"}


def test_why_an_account_is_paused_is_told_in_german_and_somebodys_own_words_stay(house: House) -> None:
    account = house.account("Main")
    number = house.mail(("ann@example.org", State.QUEUED, {"account_id": account}))
    house.office.pause_for(account, "The server refused the user name or password.").result()
    german = house.reports.message(ADMIN, number, language="de").result().recipients[0]
    assert german.explanation == "Das Konto Main ist angehalten: Der Server hat Benutzername oder Kennwort abgelehnt."
    house.office.resume_account(ADMIN, account).result()
    house.office.pause_account(ADMIN, account, "Being moved").result()
    german = house.reports.message(ADMIN, number, language="de").result().recipients[0]
    assert german.explanation == "Das Konto Main ist angehalten: Being moved"
