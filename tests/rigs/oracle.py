"""The oracle: what was promised, what arrived, and what Postroom says of it, held against each other.

lost          acknowledged, and either unknown to Postroom, or called sent without having arrived
unfinished    acknowledged and still on its way, when the test thought that everything had settled
repeated      arrived more often than Postroom's journal has doubts for (a doubt explains one more copy)
strays        arrived at somebody it was not meant for
altered       copies of one message that are not the same bytes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.rigs.ledger import Acknowledged
from tests.rigs.postroom import Api
from tests.rigs.sink import Record

__all__ = ["Account", "Findings", "account_of", "judge"]

_ON_ITS_WAY = frozenset({"queued", "sending", "deferred"})


@dataclass(frozen=True, slots=True)
class Account:
    """What Postroom says of one message: recipient → state, and recipient → how often its outcome was unknown."""

    states: Mapping[str, str]
    doubts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong; empty when nothing is. `explained` is not wrong: second copies with a doubt in the journal."""

    lost: list[str]
    unfinished: list[str]
    repeated: list[str]
    strays: list[str]
    altered: list[str]
    explained: list[str]

    @property
    def wrong(self) -> dict[str, list[str]]:
        names = ("lost", "unfinished", "repeated", "strays", "altered")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def assert_nothing_wrong(self) -> None:
        assert not self.wrong, "\n".join(f"{name}: {found[:10]}" for name, found in self.wrong.items())


def account_of(api: Api, message: str) -> Account:
    """Asks Postroom, by its API, for a message's states and for the doubts in its timeline."""
    found = api.get(f"/v1/messages/{message}").expect(200)
    names = {recipient["n"]: recipient["address"] for recipient in found["recipients"]}
    states = {recipient["address"]: recipient["state"] for recipient in found["recipients"]}
    events = api.get(f"/v1/messages/{message}/timeline").expect(200)["events"]
    doubts = Counter(names[event["n"]] for event in events if event["kind"] == "unknown" and event["n"] is not None)
    return Account(states, doubts)


def judge(
    acknowledged: Iterable[Acknowledged],
    intended: Mapping[str, tuple[str, ...]],
    accounts: Mapping[str, Account],
    taken: Iterable[Record],
) -> Findings:
    """`accounts`: by message id. `taken`: what the sink took. What was never acknowledged may arrive or not."""
    records = list(taken)
    copies = Counter(address for record in records for address in record.recipients)
    findings = Findings([], [], [], [], _altered(records), [])
    _find_strays(records, intended, findings)
    doubts: Counter[str] = Counter()
    for account in accounts.values():
        doubts.update(account.doubts)
    for promise in acknowledged:
        _check_promise(promise, accounts.get(promise.message), copies, findings)
    for address, number in copies.items():
        if number > 1 + doubts[address]:
            findings.repeated.append(f"{address}: {number} copies, {doubts[address]} doubts")
        elif number > 1:
            findings.explained.append(address)
    return findings


def _check_promise(promise: Acknowledged, account: Account | None, copies: Counter[str], findings: Findings) -> None:
    if account is None:
        findings.lost.append(f"{promise.intent} ({promise.message}): Postroom does not know it")
        return
    for address in promise.recipients:
        state = account.states.get(address)
        if state is None:
            findings.lost.append(f"{address}: no such recipient of {promise.message}")
        elif state in _ON_ITS_WAY:
            findings.unfinished.append(f"{address}: {state}")
        elif state == "sent" and not copies[address]:
            findings.lost.append(f"{address}: called sent, never arrived")


def _find_strays(records: list[Record], intended: Mapping[str, tuple[str, ...]], findings: Findings) -> None:
    """A recipient nobody intended, or one who got another's message (by Message-ID)."""
    intent_of = {address: intent for intent, addresses in intended.items() for address in addresses}
    first: dict[str, str] = {}
    for record in records:
        for address in record.recipients:
            intent = intent_of.get(address)
            if intent is None:
                findings.strays.append(f"{address}: not addressed by anybody")
            elif record.message_id and first.setdefault(record.message_id, intent) != intent:
                findings.strays.append(f"{address}: got {record.message_id}, the message of {first[record.message_id]}")


def _altered(records: list[Record]) -> list[str]:
    hashes: dict[str, set[str]] = {}
    for record in records:
        if record.message_id:
            hashes.setdefault(record.message_id, set()).add(record.sha256)
    return [f"{name}: {len(found)} different contents" for name, found in hashes.items() if len(found) > 1]
