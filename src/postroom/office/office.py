"""The facade for settings and people: everything doors may do with tenants, accounts, senders, applications, users.

Each group of verbs has a module of its own; this puts them together and adds what needs all of them.
"""

from __future__ import annotations

from postroom.errors import BadInput
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft
from postroom.office.account_life import AccountLifeVerbs
from postroom.office.alarm_way import AlarmVerbs
from postroom.office.as_code import AsCodeVerbs
from postroom.office.audit import AuditVerbs
from postroom.office.by_provider import ByProviderVerbs
from postroom.office.changes import require, tenant_for
from postroom.office.discovering import DiscoveringVerbs
from postroom.office.dkim import DkimVerbs
from postroom.office.dns_checks import DnsVerbs
from postroom.office.filters import FilterVerbs
from postroom.office.first_run import FirstRunVerbs
from postroom.office.grants import GrantVerbs
from postroom.office.installation import InstallationVerbs
from postroom.office.leaving import LeavingVerbs
from postroom.office.link_way import LinkWayVerbs
from postroom.office.own_profile import OwnProfileVerbs
from postroom.office.preferences import PreferenceVerbs
from postroom.office.problems import ProblemVerbs
from postroom.office.proofs import ProofVerbs
from postroom.office.ready import ReadyVerbs
from postroom.office.suppressions import SuppressionVerbs
from postroom.office.trusting import TrustingVerbs
from postroom.office.trying import TryingVerbs
from postroom.policy.explain_template import template_step
from postroom.policy.route import Explanation, Route, explain, route

__all__ = ["Office"]


class Office(
    AsCodeVerbs,
    AccountLifeVerbs,
    ProblemVerbs,
    AlarmVerbs,
    GrantVerbs,
    TrustingVerbs,
    DiscoveringVerbs,
    DkimVerbs,
    ProofVerbs,
    DnsVerbs,
    LeavingVerbs,
    LinkWayVerbs,
    PreferenceVerbs,
    ReadyVerbs,
    SuppressionVerbs,
    ByProviderVerbs,
    FilterVerbs,
    FirstRunVerbs,
    OwnProfileVerbs,
    AuditVerbs,
    TryingVerbs,
    InstallationVerbs,
):
    """Made once a process: `Office(store, ring, settings)`. The first one ever founds the installation, in silent mode.

    Verbs take who asks first, and check the right: SETTINGS_READ to look, SETTINGS_WRITE to change, and rights of their
    own for applications and keys, users, tenants and the audit trail. What people do with their own needs none. They
    answer with futures; Forbidden and most of BadInput are raised at once, the rest comes through the future.
    """

    def explain(self, actor: Actor, draft: Draft, tenant_id: int | None = None) -> list[Explanation]:
        """Which way this message would go, and where each value comes from. Nothing is sent.

        Raises BadInput with what would keep it from being accepted.
        """
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        way = route(self.snapshot, number, draft)
        if not isinstance(way, Route):
            raise BadInput(way)
        return [*template_step(self.snapshot, number, draft), *explain(way)]
