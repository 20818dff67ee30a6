"""The pages of the set-up, one list of all modules: accounts, senders, connectors, kinds, recipients, applications,
people, audit."""

from __future__ import annotations

from postroom.web.console import (
    account_discovery,
    account_edit,
    account_list,
    account_shown,
    account_trust,
    applications,
    as_file,
    audit,
    connectors,
    dkim,
    history,
    kinds,
    mailboxes,
    proofs,
    providers,
    recipients,
    roles,
    senders,
    settings_check,
    suppressions,
    tenants,
    trials,
    users,
    webhooks,
)

__all__ = ["PARTS"]

PARTS = (
    account_list.pages,
    account_discovery.pages,
    account_edit.pages,
    account_shown.pages,
    account_trust.pages,
    trials.pages,
    senders.pages,
    proofs.pages,
    dkim.pages,
    connectors.pages,
    mailboxes.pages,
    applications.pages,
    tenants.pages,
    users.pages,
    roles.pages,
    providers.pages,
    audit.pages,
    kinds.pages,
    recipients.pages,
    suppressions.pages,
    webhooks.pages,
    settings_check.pages,
    as_file.pages,
    history.pages,
)
"""In this order: `/accounts/new` and `/accounts/discover` have to come before `/accounts/{account}`."""
