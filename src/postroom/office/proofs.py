"""The office's verbs for proofs: which sender gets through which account, asking for it now, and what applications are
offered.

Rules it keeps: a proof of other settings than those of now is shown as untested; why a sender is refused is told by the
same rule that holds his mail; asking is for the worker, so it is answered at once and done a moment later.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.proof import Pair, Proof, ProofState, ToldBy
from postroom.office.changes import Changes, Ref, number_of, require, tenant_for
from postroom.office.fields import Reading
from postroom.policy.allowed import may_use
from postroom.policy.diagnosis import catalogue
from postroom.policy.proving import account_of, basis_of, may_be_probed, pairs_of, used, wanted
from postroom.policy.rule import Case, Context
from postroom.policy.snapshot import Snapshot
from postroom.policy.tongue import ENGLISH
from postroom.policy.translation import told
from postroom.store import proofs

__all__ = ["OfferedSender", "ProofVerbs", "ProofView"]

_MOST = 200
_NO_CASE = Case(phase="", code=0, enhanced=None, text="", failure=None, in_doubt=False)


@dataclass(frozen=True, slots=True)
class ProofView:
    """One cell of the matrix. `used`: mail takes this way by itself, so it is probed daily; `pending`: it is asked for.

    `words`: the server's, that the state rests on; `title`, `explanation`, `remedy`: of a refusal. `trouble`: why the
    last probe, at `tried_ms`, was not certain. `next_ms`: when it is probed next by itself.
    """

    sender: str
    account_id: int
    account: str
    state: ProofState
    told_ms: int | None
    told_by: ToldBy
    words: str
    diagnosis: str
    title: str
    explanation: str
    remedy: str
    tried_ms: int | None
    trouble: str
    next_ms: int | None
    used: bool
    pending: bool


@dataclass(frozen=True, slots=True)
class OfferedSender:
    """A sender that an application may use, with the proof of the way its mail takes. `why`: what a refusal means."""

    address: str
    name: str
    default: bool
    state: ProofState
    told_ms: int | None
    why: str


class ProofVerbs(Changes):
    def proofs(self, actor: Actor, tenant_id: int | None = None, language: str = ENGLISH) -> Future[list[ProofView]]:
        """The matrix: each address of the tenant over each account that it could leave through."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: self._matrix(c, number, language))

    def prove(
        self,
        actor: Actor,
        sender: str = "",
        account: Ref = "",
        tenant_id: int | None = None,
        language: str = ENGLISH,
    ) -> Future[list[ProofView]]:
        """Asks for a probe now, whatever the mode: of the ways that mail takes by itself, else of what is named.

        Answers with those that are asked for. Raises BadInput for names that there are not, Conflict where none of them
        can be probed.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        snapshot = self.snapshot
        self._existing_tenant(snapshot, number)
        chosen = _chosen(snapshot, number, sender, account)
        ready = [(pair, snapshot.accounts[pair.account_id]) for pair in chosen]
        ready = [(pair, one) for pair, one in ready if may_be_probed(one)][:_MOST]
        if snapshot.clone is not None or not ready:
            raise Conflict(
                "Nothing can be proven now: there is no sender with an account that is complete, switched on, not "
                "paused, and leaves the sender of mail as it is."
            )
        moment = now_ms()

        def work(connection: Connection) -> list[ProofView]:
            for pair, one in ready:
                proofs.ask(connection, pair, basis_of(one), one.probe_address, moment)
            asked = {(pair.address, pair.account_id) for pair, _ in ready}
            found = self._matrix(connection, number, language)
            return [view for view in found if (view.sender, view.account_id) in asked]

        return self._store.write(work)

    def offered_senders(self, actor: Actor, language: str = ENGLISH) -> Future[list[OfferedSender]]:
        """The senders that this application may use, those that are proven first and those refused last."""
        require(actor, Scope.SEND)
        return self._store.read(lambda c: self._offered(c, actor, language))

    def _existing_tenant(self, snapshot: Snapshot, tenant_id: int) -> None:
        if tenant_id not in snapshot.tenants:
            raise Conflict("There is no such tenant here.")

    def _matrix(self, connection: Connection, tenant_id: int, language: str) -> list[ProofView]:
        snapshot = self.snapshot
        known = {proof.pair: proof for proof in proofs.of_tenant(connection, tenant_id)}
        taken = {pair for pair, _ in used(snapshot, tenant_id)}
        probed = set(wanted(snapshot))
        pairs = dict.fromkeys([*pairs_of(snapshot, tenant_id), *taken])
        return [
            _view(
                known.get(pair) or Proof(pair),
                snapshot.accounts[pair.account_id],
                is_used=pair in taken,
                probed=pair in probed,
                language=language,
            )
            for pair in pairs
        ]

    def _offered(self, connection: Connection, actor: Actor, language: str) -> list[OfferedSender]:
        snapshot, tenant_id = self.snapshot, actor.tenant_id
        application = snapshot.applications.get(actor.application_id or 0)
        known = {proof.pair: proof for proof in proofs.of_tenant(connection, tenant_id)}
        default = snapshot.settings(tenant_id).default_sender_id.value
        found = []
        for sender in snapshot.senders.values():
            address = snapshot.addresses.get(sender.id)
            if sender.tenant_id != tenant_id or address is None:
                continue
            if application is not None and not may_use(application, address):
                continue
            account = account_of(snapshot, tenant_id, sender.account_id)
            proof = None if account is None else known.get(Pair(tenant_id, address.spec, account.id))
            state, why = ProofState.UNTESTED, ""
            if proof is not None and account is not None and proof.basis == basis_of(account):
                state = proof.state
                why = _explained(proof, account, language)[0] if state is ProofState.REFUSED else ""
            told_ms = None if proof is None or state is ProofState.UNTESTED else proof.at_ms
            found.append(OfferedSender(address.spec, sender.name, sender.id == default, state, told_ms, why))
        return sorted(found, key=lambda one: (_ORDER[one.state], not one.default, one.address))


_ORDER = {ProofState.PROVEN: 0, ProofState.UNTESTED: 1, ProofState.REFUSED: 2}


def _chosen(snapshot: Snapshot, tenant_id: int, sender: str, account: Ref) -> list[Pair]:
    """The pairs that are meant. Raises BadInput."""
    if not sender and not account:
        return list(dict.fromkeys(pair for pair, _ in used(snapshot, tenant_id)))
    reading = Reading()
    pairs = list(dict.fromkeys([*pairs_of(snapshot, tenant_id), *(pair for pair, _ in used(snapshot, tenant_id))]))
    if sender:
        address = _address(snapshot, tenant_id, sender)
        pairs = [pair for pair in pairs if pair.address == address]
        if not pairs:
            reading.fault("sender", "is no sender of this tenant.", "`postroom proof show --all` lists them.")
    if account and not reading.faults:
        meant = number_of("a", account)
        named = snapshot.account_named(tenant_id, account) if isinstance(account, str) else None
        numbers = {meant, None if named is None else named.id}
        pairs = [pair for pair in pairs if pair.account_id in numbers]
        if not pairs:
            reading.fault(
                "account",
                "is no account that this mail could leave through.",
                "`postroom proof show --all` lists them.",
            )
    if reading.faults:
        raise BadInput(reading.faults)
    return pairs


def _address(snapshot: Snapshot, tenant_id: int, text: str) -> str:
    number = number_of("s", text)
    sender = None if number is None else snapshot.senders.get(number)
    if sender is not None and sender.tenant_id == tenant_id:
        return sender.address
    try:
        return Address.parse(text).spec
    except BadAddress:
        return ""


def _view(proof: Proof, account: Account, *, is_used: bool, probed: bool, language: str) -> ProofView:
    current = proof.basis == basis_of(account)
    state = proof.state if current else ProofState.UNTESTED
    certain = state is not ProofState.UNTESTED
    title, explanation, remedy = _explained(proof, account, language) if state is ProofState.REFUSED else ("", "", "")
    return ProofView(
        proof.pair.address,
        account.id,
        account.name,
        state,
        proof.at_ms if certain else None,
        proof.told_by if certain else ToldBy.NOTHING,
        proof.words if certain else "",
        proof.diagnosis if certain else "",
        title,
        explanation,
        remedy,
        proof.tried_ms if current else None,
        proof.trouble if current else "",
        proof.due_ms if probed else None,
        is_used,
        current and proof.asked,
    )


def _explained(proof: Proof, account: Account, language: str) -> tuple[str, str, str]:
    """What the refusal means. The host and user of an account of the tenant above are not told."""
    rule = catalogue().by_id.get(proof.diagnosis)
    if rule is None:
        return "", "", ""
    own = account.tenant_id == proof.pair.tenant_id
    context = Context(sender=proof.pair.address)
    if own:
        context = Context(host=account.host, port=account.port, user=account.user, sender=proof.pair.address)
    words = told(rule, _NO_CASE, context, language)
    return words.title, words.explanation, words.remedy
