"""Every table, once. Migrations are checked against this package; the states of `model.state` stand here as CHECKs.

Rules it keeps: every row has its tenant (P8); times are milliseconds UTC. How columns are spelled is `columns`'
business.
"""

from postroom.store.tables.bulk_jobs import bulk_item, bulk_job
from postroom.store.tables.checking import alarm, problem
from postroom.store.tables.columns import metadata
from postroom.store.tables.connecting import agent, connector, connector_event, connector_secret
from postroom.store.tables.feeding import feed, follower, webhook, webhook_delivery, webhook_progress, webhook_secret
from postroom.store.tables.finding import term
from postroom.store.tables.grants import oauth2_grant, oauth2_start
from postroom.store.tables.incoming import incoming, incoming_content
from postroom.store.tables.mail import attempt, content, event, idempotency, message, recipient, rendering, session
from postroom.store.tables.mailboxes import mailbox, mailbox_event, mailbox_state
from postroom.store.tables.names import dkim_key, dns_check
from postroom.store.tables.people import (
    audit,
    challenge,
    passkey,
    person,
    person_link,
    person_session,
    recovery_code,
    role,
)
from postroom.store.tables.proofs import proof
from postroom.store.tables.providers import identity, provider
from postroom.store.tables.recipients import collected, kind, preference, suppression
from postroom.store.tables.running import guess, lane, meta, node, pace
from postroom.store.tables.saved_filters import saved_filter
from postroom.store.tables.settings import (
    account,
    api_key,
    application,
    client_key,
    credential,
    sender,
    tenant,
    version,
)
from postroom.store.tables.staged import staged_step, staged_test
from postroom.store.tables.templates import bulk, layout, template
from postroom.store.tables.unheard import unknown_answer

__all__ = [
    "account",
    "agent",
    "alarm",
    "api_key",
    "application",
    "attempt",
    "audit",
    "bulk",
    "bulk_item",
    "bulk_job",
    "challenge",
    "client_key",
    "collected",
    "connector",
    "connector_event",
    "connector_secret",
    "content",
    "credential",
    "dkim_key",
    "dns_check",
    "event",
    "feed",
    "follower",
    "guess",
    "idempotency",
    "identity",
    "incoming",
    "incoming_content",
    "kind",
    "lane",
    "layout",
    "mailbox",
    "mailbox_event",
    "mailbox_state",
    "message",
    "meta",
    "metadata",
    "node",
    "oauth2_grant",
    "oauth2_start",
    "pace",
    "passkey",
    "person",
    "person_link",
    "person_session",
    "preference",
    "problem",
    "proof",
    "provider",
    "recipient",
    "recovery_code",
    "rendering",
    "role",
    "saved_filter",
    "sender",
    "session",
    "staged_step",
    "staged_test",
    "suppression",
    "template",
    "tenant",
    "term",
    "unknown_answer",
    "version",
    "webhook",
    "webhook_delivery",
    "webhook_progress",
    "webhook_secret",
]
