"""Proofs on both databases: one node probes, late answers to old settings count for nothing, mail proves as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from postroom.model.proof import Pair, Proof, ProofState, ToldBy
from postroom.store import proofs
from tests.store.house import House

PAIR = Pair(1, "shop@example.com", 7)
NOW = 1_700_000_000_000
YES, NO = ProofState.PROVEN, ProofState.REFUSED


def write(house: House, work: Callable[[Connection], Any]) -> Any:
    return house.store.write(work).result()


def row(house: House) -> Proof:
    found = {proof.pair: proof for proof in house.store.read(lambda c: proofs.of_tenant(c, 1)).result()}
    return found[PAIR]


def planned(house: House, basis: str = "one", due: int = NOW) -> Proof:
    write(house, lambda c: proofs.plan(c, PAIR, basis, "", due))
    return row(house)


def settled(house: House, proof: Proof, fence: int, state: ProofState | None = YES, words: str = "250 ok") -> bool:
    return bool(write(house, lambda c: proofs.settle(c, proof, fence, NOW + 9, NOW, state=state, words=words)))


def leased(house: House, proof: Proof, fence: int) -> bool:
    return bool(write(house, lambda c: proofs.lease(c, proof, 60_000, fence)))


def test_only_one_takes_it_and_only_who_has_it_settles_it(house: House) -> None:
    proof = planned(house)
    assert [one.pair for one in house.store.read(lambda c: proofs.due(c, NOW, 9)).result()] == [PAIR]
    assert leased(house, proof, 11)
    assert not leased(house, proof, 12)
    assert house.store.read(lambda c: proofs.due(c, NOW, 9)).result() == []
    assert not settled(house, proof, 12, NO)
    assert settled(house, proof, 11)
    known = row(house)
    assert (known.state, known.told_by, known.words, known.at_ms, known.due_ms) == (
        YES, ToldBy.PROBE, "250 ok", NOW, NOW + 9,
    )  # fmt: skip
    assert not leased(house, proof, 13), "it was done meanwhile"


def test_a_late_answer_to_old_settings_counts_for_nothing(house: House) -> None:
    proof = planned(house)
    assert leased(house, proof, 11)
    fresh = planned(house, basis="two", due=NOW + 5)
    assert not settled(house, proof, 11)
    assert (row(house).state, row(house).due_ms) == (ProofState.UNTESTED, NOW + 5)
    assert leased(house, fresh, 12), "the new settings wait for nobody"
    assert settled(house, fresh, 12, NO)
    assert row(house).state is NO


def test_other_settings_are_untested_again_and_the_same_stay_as_they_are(house: House) -> None:
    proof = planned(house)
    leased(house, proof, 11)
    settled(house, proof, 11)
    planned(house, due=NOW + 100)
    assert row(house).state is YES
    assert row(house).due_ms == NOW + 9, "what is due sooner stays so"
    planned(house, basis="two")
    assert (row(house).state, row(house).words, row(house).at_ms) == (ProofState.UNTESTED, "", None)


def test_what_is_not_certain_changes_nothing_but_when_it_is_asked_again(house: House) -> None:
    proof = planned(house)
    leased(house, proof, 11)
    settled(house, proof, 11)
    write(house, lambda c: proofs.ask(c, PAIR, "one", "", NOW))
    asked = row(house)
    assert asked.asked
    assert leased(house, asked, 12)
    assert settled(house, asked, 12, None, "no answer")
    known = row(house)
    assert (known.state, known.trouble, known.tries, known.asked) == (YES, "no answer", 1, False)


def test_mail_proves_unless_it_is_of_other_settings_or_older(house: House) -> None:
    def told(basis: str, at: int, state: ProofState) -> bool:
        note = write(house, lambda c: proofs.note_mail(c, PAIR, basis, NOW + 99, at, state=state, words="w"))
        return bool(note)

    assert told("one", NOW, YES)
    assert (row(house).state, row(house).told_by, row(house).due_ms) == (YES, ToldBy.MAIL, None)
    planned(house, basis="two")
    assert not told("one", NOW + 1, NO), "of settings that are gone"
    assert row(house).state is ProofState.UNTESTED
    assert told("two", NOW + 2, NO)
    assert not told("two", NOW + 1, YES), "a later answer is known"
    assert (row(house).state, row(house).due_ms) == (NO, NOW + 99)


def test_what_is_gone_is_forgotten_and_what_nobody_uses_waits(house: House) -> None:
    planned(house)
    write(house, lambda c: proofs.unplan(c, PAIR))
    assert row(house).due_ms is None
    write(house, lambda c: proofs.forget(c, [PAIR]))
    assert house.store.read(lambda c: proofs.of_tenant(c, 1)).result() == []
