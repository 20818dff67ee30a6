"""Senders that a server has refused for certain: its last word in the proofs (see `store.proofs`)."""

from __future__ import annotations

from collections.abc import Iterator

from postroom.ids import encode
from postroom.model.problem import Finding
from postroom.model.proof import ProofState
from postroom.office.checks.circumstances import Circumstances
from postroom.store import proofs

__all__ = ["look"]


def look(at: Circumstances) -> Iterator[Finding]:
    there = set(at.tenants)
    for proof in proofs.all_proofs(at.connection):
        account = at.snapshot.accounts.get(proof.pair.account_id)
        if proof.state is not ProofState.REFUSED or account is None or proof.pair.tenant_id not in there:
            continue
        subject = f"{encode('a', account.id)} {proof.pair.address}"
        values = {"name": proof.pair.address, "account": account.name, "why": proof.words}
        yield Finding("sender-refused", proof.pair.tenant_id, subject, values)
