"""The audit trail: complete, truthful about before and after, silent about secrets, and append-only."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest

from postroom.errors import Forbidden, NotFound, PostroomError, StoreUnavailable
from postroom.intake.placement import NoPlacement
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.clone import Clone
from postroom.model.proof import Pair
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.office import Office
from postroom.office.audit import Looking
from postroom.office.preferences import Reader
from postroom.outbox import Outbox
from postroom.policy.proving import account_of
from postroom.secrets import Secret
from tests.store.house import ADMIN, House
from tests.store.test_signing_in import OTHER, PASSWORD, person, signed_in, verbs

S = State


def outbox_of(house: House) -> Outbox:
    return Outbox(house.store, house.office, house.settings, MailLog(None), NoPlacement())


def since(house: House, known: int) -> list[Entry]:
    """The entries that were written after so many, the oldest first."""
    entries = house.office.audit(ADMIN, limit=1000).result().entries
    return list(reversed(entries[: len(entries) - known]))


def test_an_entry_says_who_from_where_and_what_was_before_and_after(house: House) -> None:
    by = Actor(INSTALLATION, frozenset({Scope.ADMIN}), name="ada", user_id=5, door="api", address="192.0.2.1")
    house.account("main", by, user="u", login="password", secret="hush-one")
    house.office.change_account(by, "main", {"host": "other.example.com", "secret": "hush-two"}).result()
    entry = house.office.audit(ADMIN, Looking(verb="account.changed")).result().entries[0]
    assert (entry.who_kind, entry.who_id, entry.who, entry.door, entry.address) == (
        "user", 5, "ada", "api", "192.0.2.1",
    )  # fmt: skip
    assert entry.before == {"host": "smtp.example.com", "secret": "kept"}
    assert entry.after == {"host": "other.example.com", "secret": "replaced"}
    assert "hush" not in repr(house.sql("SELECT * FROM audit"))


def test_a_change_that_fails_and_one_that_changes_nothing_leave_no_entry(house: House) -> None:
    house.account("main")
    known = len(verbs(house))
    with pytest.raises(PostroomError):
        house.office.create_account(ADMIN, {"name": "main", "host": "smtp.example.com"}).result()
    house.office.change_tenant(ADMIN, {"mode": "silent"}).result()
    assert len(verbs(house)) == known


def test_what_postroom_does_by_itself_is_told_as_such(house: House) -> None:
    account = house.account("main")
    house.office.pause_for(account, "wrong password").result()
    entry = house.office.audit(ADMIN, Looking(verb="account.changed")).result().entries[0]
    assert (entry.who_kind, entry.who) == ("postroom", "")
    assert entry.after["paused_reason"] == "wrong password"


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_or_delete_an_entry(house: House, statement: str) -> None:
    house.account("main")
    before = house.sql("SELECT * FROM audit ORDER BY id")
    with pytest.raises(PostroomError, match="append-only"):
        house.sql(statement)
    assert house.sql("SELECT * FROM audit ORDER BY id") == before


def test_every_look_at_a_content_is_noted_before_it_is_shown_and_a_refused_one_is_no_look(house: House) -> None:
    number = house.mail("a@example.org", subject="Invoice")
    reader = Actor(INSTALLATION, frozenset({Scope.CONTENT}), name="eve")
    assert house.reports.content(reader, number).result() == b"bytes"
    entry = house.office.audit(ADMIN, Looking(verb="message")).result().entries[0]
    assert (entry.verb, entry.who, entry.thing_id) == ("message.content-seen", "eve", number)
    assert "Invoice" not in repr(entry), "who may see the trail may not see messages by it"
    known = len(verbs(house))
    with pytest.raises(NotFound):
        house.reports.content(reader, number + 1).result()
    with pytest.raises(Forbidden):
        house.reports.content(reader, house.mail("a@example.org", secret=True)).result()
    assert len(verbs(house)) == known


def test_a_copy_to_somebody_else_needs_the_right_to_see_contents(house: House) -> None:
    house.account("main", sender_address="shop@example.com")
    house.office.change_tenant(ADMIN, {"mode": "smtp"}).result()
    actor = Actor(INSTALLATION, frozenset({Scope.ACT}), name="eve")
    number = house.mail(("a@example.org", S.FAILED))
    outbox = outbox_of(house)
    for call in (outbox.resend, outbox.release):
        with pytest.raises(Forbidden):
            call(actor, number, ["eve@example.org"])
    secret = house.mail(("a@example.org", S.SILENCED), secret=True)
    with pytest.raises(Forbidden):
        outbox.resend(ADMIN, secret, ["eve@example.org"]).result()
    assert outbox.release_all(ADMIN, ["eve@example.org"]).result() == 0
    outbox.resend(actor, number).result()
    entry = house.office.audit(ADMIN, Looking(verb="message.resent")).result().entries[0]
    assert (entry.who, entry.thing_id) == ("eve", number)


# -- complete ---------------------------------------------------------------------------------------------------------

# What changes nothing, or is no person's act. Everything else that is public has to leave an entry.
CLOUD = {
    "name": "cloud", "host": "smtp.office365.com", "user": "me@example.com", "login": "oauth2",
    "oauth2_provider": "microsoft", "oauth2_tenant": "example.com", "oauth2_client_id": "postroom",
}  # fmt: skip
BOX = {"name": "Bounces", "host": "imap.example.com", "user": "bounces@example.com"}
HOOK = {"name": "Hook", "url": "https://hooks.example.com/in"}
PROVIDER = {"name": "Corporate", "issuer": "https://login.example.com", "client_id": "postroom"}
LOOKING = {
    "filters", "saved_filter",
    "accounts", "account", "account_end", "find_account", "loses_secret", "applications", "audit", "explain",
    "keys", "me", "recovery_codes_left", "roles",
    "sender", "senders", "sessions", "sessions_of", "tenant", "tenants", "user", "users", "version", "versions",
    "snapshot", "refresh", "clone", "compare", "export", "plan", "open_secret", "authenticate", "authenticated",
    "may_send", "passkeys", "passkeys_of", "ask_passkey", "provider", "providers", "check_provider", "offered",
    "begin_by_provider", "identities_of", "look_at_certificate", "open_client_key", "link_way",
    "connector", "connectors", "connector_log", "agents_elsewhere", "authenticate_agent", "deleted", "deleted_versions",
    "kind", "kinds", "preference", "suppressions", "reader", "own_preference", "personal_link", "file_link",
    "linked_file", "preference_link",
    "template", "templates", "layout", "layouts", "preview_template", "ready_templates", "preview_ready",
    "open_connector_secret", "still_wanted", "way_of", "grant", "oauth_account", "take_consent",
    "dkim_key", "dkim_keys", "open_dkim_key",
    "discover", "searched", "quiet_way_of", "first_run_token", "first_run_open", "proofs", "offered_senders",
    "dns_checks", "check_dns", "check_recipient",
    "webhook", "webhooks", "webhook_deliveries", "webhook_secrets", "stop_webhook",
    "mailbox", "mailboxes", "mailbox_log", "fetch_mailbox",
    "problems", "look_around", "note_problems", "letters_due", "note_letter",
}  # fmt: skip
MAIL = {"send_digest", "wake", "post", "submit", "send", "send_many", "test_account", "attach", "close"}


TESTING = {"account_to_try", "mailbox_to_try", "prefilled_test", "prepare_test", "accept_test", "sign_test"}
"""Parts of the test of an account, which tells the trail itself (`account.tested`)."""


def _acts(house: House) -> dict[str, tuple[Callable[[], Any], str]]:
    """Verb of a facade → a call of it that does something, and what the trail says then."""
    office, outbox = house.office, outbox_of(house)
    state: dict[str, Any] = {}

    def signed(login: str) -> Actor:
        return signed_in(house, login)[1]

    def second_factor() -> Any:
        from postroom.clock import now_ms
        from postroom.office.second_factor import STEP_SECONDS, code_at

        actor = signed("self")
        state["actor"] = actor
        setup = office.begin_second_factor(actor, PASSWORD).result()
        return office.confirm_second_factor(actor, code_at(setup.secret, now_ms() // 1000 // STEP_SECONDS))

    def second_step() -> Any:
        pending = office.sign_in("self", PASSWORD).result()
        code = office.renew_recovery_codes(state["actor"], PASSWORD).result()[0]
        return office.second_step(pending.token, code)

    def key() -> str:
        return office.create_key(ADMIN, "shop", ["messages:send"]).result().key.prefix

    def begin_consent() -> Any:
        office.create_account(ADMIN, CLOUD).result()
        return office.begin_consent(ADMIN, "cloud", "http://localhost:8400/")

    def note_granted() -> Any:
        return office.note_granted(
            ADMIN, office.find_account(ADMIN, "cloud"), Secret("refresh"), Secret("access"), 2**42
        )

    held = lambda: house.mail(("a@example.org", S.HELD))  # noqa: E731  (a word for what follows)
    waiting = lambda: house.mail("a@example.org")  # noqa: E731
    return {
        "change_tenant": (lambda: office.change_tenant(ADMIN, {"mode": "smtp"}), "tenant.changed"),
        "create_tenant": (lambda: office.create_tenant(ADMIN, "acme"), "tenant.created"),
        "create_account": (
            lambda: office.create_account(ADMIN, {"name": "two", "host": "h.example"}), "account.created",
        ),
        "change_account": (lambda: office.change_account(ADMIN, "two", {"host": "i.example"}), "account.changed"),
        "set_default_account": (lambda: office.set_default_account(ADMIN, "two"), "tenant.changed"),
        "create_sender": (lambda: office.create_sender(ADMIN, {"address": "s@example.com"}), "sender.created"),
        "change_sender": (lambda: office.change_sender(ADMIN, "s@example.com", {"name": "S"}), "sender.changed"),
        "create_application": (lambda: office.create_application(ADMIN, "shop"), "application.created"),
        "change_application": (
            lambda: office.change_application(ADMIN, "shop", {"per_minute": 9}), "application.changed",
        ),
        "suspend_application": (lambda: office.suspend_application(ADMIN, "shop"), "application.changed"),
        "create_key": (lambda: office.create_key(ADMIN, "shop", ["messages:send"]), "key.created"),
        "revoke_key": (lambda: office.revoke_key(ADMIN, key()), "key.revoked"),
        "rotate_key": (lambda: office.rotate_key(ADMIN), "key-ring.resealed"),
        "reseal_secrets": (lambda: office.reseal_secrets(ADMIN), "key-ring.resealed"),
        "create_role": (lambda: office.create_role(ADMIN, {"name": "x", "scopes": "admin"}), "role.created"),
        "change_role": (lambda: office.change_role(ADMIN, "x", {"name": "y"}), "role.changed"),
        "delete_role": (lambda: office.delete_role(ADMIN, "y"), "role.deleted"),
        "create_user": (lambda: office.create_user(ADMIN, {"login": "ann"}), "user.created"),
        "change_user": (lambda: office.change_user(ADMIN, "ann", {"name": "A"}), "user.changed"),
        "invite": (lambda: office.invite(ADMIN, "ann"), "user.invitation-made"),
        "redeem": (lambda: office.redeem(office.invite(ADMIN, "ann").result().token, PASSWORD), "user.password-set"),
        "take_second_factor": (lambda: office.take_second_factor(ADMIN, "ann"), "user.second-factor-removed"),
        "end_sessions_of": (lambda: office.end_sessions_of(ADMIN, "ann"), "session.ended"),
        "delete_user": (lambda: office.delete_user(ADMIN, "ann"), "user.deleted"),
        "forgotten": (lambda: office.forgotten("self"), "user.reset-made"),
        "sign_in": (lambda: office.sign_in("self", PASSWORD), "user.signed-in"),
        "end_other_sessions": (lambda: office.end_other_sessions(signed("self")), "session.ended"),
        "end_session": (lambda: _end(office, signed("self")), "session.ended"),
        "confirm_second_factor": (second_factor, "user.second-factor-set"),
        "renew_recovery_codes": (
            lambda: office.renew_recovery_codes(state["actor"], PASSWORD), "user.recovery-codes-made",
        ),
        "second_step": (second_step, "user.recovery-code-used"),
        "remove_second_factor": (
            lambda: office.remove_second_factor(state["actor"], PASSWORD), "user.second-factor-removed",
        ),
        "change_password": (lambda: office.change_password(state["actor"], PASSWORD, OTHER), "user.password-set"),
        "confirm_home": (lambda: _confirm_home(house), "installation.confirmed"),
        "begin_consent": (begin_consent, "account.consent-begun"),
        "note_granted": (note_granted, "account.connected"),
        "forget_grant": (lambda: office.forget_grant(ADMIN, "cloud"), "account.disconnected"),
        "create_connector": (
            lambda: office.create_connector(ADMIN, {"kind": "agent", "name": "cellar"}), "connector.created",
        ),
        "create_agent": (lambda: office.create_agent(ADMIN, "cellar", "box"), "agent.created"),
        "revoke_agent": (lambda: office.revoke_agent(ADMIN, "cellar", "box"), "agent.revoked"),
        "change_connector": (lambda: office.change_connector(ADMIN, "cellar", {"name": "attic"}), "connector.changed"),
        "delete_connector": (lambda: office.delete_connector(ADMIN, "attic"), "connector.deleted"),
        "change_preference": (
            lambda: office.change_preference(ADMIN, "ann@example.org", {"hour": 7}), "preference.changed",
        ),
        "choose": (
            lambda: office.choose(Reader(INSTALLATION, "bob@example.org"), {"hour": 6}), "preference.changed",
        ),
        "suppress": (lambda: office.suppress(ADMIN, {"address": "cid@example.org"}), "suppression.added"),
        "import_suppressions": (
            lambda: office.import_suppressions(ADMIN, "dan@example.org\n"), "suppression.imported",
        ),
        "release_suppressed": (
            lambda: office.release_suppressed(ADMIN, "cid@example.org"), "suppression.released",
        ),
        "create_kind": (lambda: office.create_kind(ADMIN, {"name": "news"}), "kind.created"),
        "change_kind": (lambda: office.change_kind(ADMIN, "news", {"way": "daily"}), "kind.changed"),
        "stop": (lambda: office.stop(Reader(INSTALLATION, "bob@example.org", ("news",))), "preference.changed"),
        "create_template": (
            lambda: office.create_template(ADMIN, {"name": "hi", "texts": {"en": {"subject": "S", "text": "T"}}}),
            "template.created",
        ),
        "change_template": (lambda: office.change_template(ADMIN, "hi", {"kind": "news"}), "template.changed"),
        "delete_template": (lambda: office.delete_template(ADMIN, "hi"), "template.deleted"),
        "create_layout": (
            lambda: office.create_layout(ADMIN, {"name": "f", "text": "{{ content }}"}),
            "layout.created",
        ),
        "change_layout": (lambda: office.change_layout(ADMIN, "f", {"text": "x {{ content }}"}), "layout.changed"),
        "delete_layout": (lambda: office.delete_layout(ADMIN, "f"), "layout.deleted"),
        "use_ready": (lambda: office.use_ready(ADMIN, "alert"), "template.created"),
        "delete_kind": (lambda: office.delete_kind(ADMIN, "news"), "kind.deleted"),
        "create_webhook": (lambda: office.create_webhook(ADMIN, HOOK), "webhook.created"),
        "change_webhook": (lambda: office.change_webhook(ADMIN, "Hook", {"types": "problem.*"}), "webhook.changed"),
        "rotate_webhook_secret": (lambda: office.rotate_webhook_secret(ADMIN, "Hook"), "webhook.changed"),
        "pause_webhook": (lambda: office.pause_webhook(ADMIN, "Hook"), "webhook.changed"),
        "resume_webhook": (lambda: office.resume_webhook(ADMIN, "Hook"), "webhook.changed"),
        "replay_webhook": (lambda: office.replay_webhook(ADMIN, "Hook", since_ms=1), "webhook.replayed"),
        "delete_webhook": (lambda: office.delete_webhook(ADMIN, "Hook"), "webhook.deleted"),
        "create_mailbox": (lambda: office.create_mailbox(ADMIN, BOX, "pw"), "mailbox.created"),
        "change_mailbox": (lambda: office.change_mailbox(ADMIN, "Bounces", {"folder": "Back"}), "mailbox.changed"),
        "delete_mailbox": (lambda: office.delete_mailbox(ADMIN, "Bounces"), "mailbox.deleted"),
        "create_provider": (lambda: office.create_provider(ADMIN, PROVIDER), "provider.created"),
        "change_provider": (
            lambda: office.change_provider(ADMIN, "Corporate", {"client_id": "other"}), "provider.changed",
        ),
        "delete_provider": (lambda: office.delete_provider(ADMIN, "Corporate"), "provider.deleted"),
        "back_up": (lambda: office.back_up(ADMIN), "installation.backed-up"),
        "cancel": (lambda: outbox.cancel(ADMIN, waiting()), "message.cancelled"),
        "hold": (lambda: outbox.hold(ADMIN, waiting()), "message.held"),
        "retry": (lambda: outbox.retry(ADMIN, waiting()), "message.retried"),
        "release": (lambda: outbox.release(ADMIN, held()), "message.released"),
        "settle_unknown": (
            lambda: outbox.settle_unknown(ADMIN, house.mail(("a@example.org", S.UNKNOWN)), sent=True),
            "message.settled-as-sent",
        ),
        "resend": (lambda: outbox.resend(ADMIN, house.mail(("a@example.org", S.FAILED))), "message.resent"),
        "release_all": (
            lambda: (house.mail(("a@example.org", S.SILENCED)), outbox.release_all(ADMIN))[1], "message.released",
        ),
        "delete_sender": (lambda: office.delete_sender(ADMIN, _spare_sender(office)), "sender.deleted"),
        "set_default_sender": (lambda: office.set_default_sender(ADMIN, _spare_sender(office)), "tenant.changed"),
        "hold_sender": (lambda: _hold_sender(office), "sender.changed"),
        "sender_is_proven": (lambda: _proven_sender(office), "sender.changed"),
        "release_sender": (lambda: office.release_sender(ADMIN, "s@example.com"), "sender.changed"),
        "pause_account": (lambda: office.pause_account(ADMIN, "two", "x"), "account.changed"),
        "resume_account": (lambda: office.resume_account(ADMIN, "two"), "account.changed"),
    }  # fmt: skip


def _confirm_home(house: House) -> Any:
    house.sql(
        "INSERT INTO meta (name, value) VALUES ('clone', :value)",
        value=json.dumps(Clone(1, 0, "here", "there")._asdict()),
    )
    house.office.change_tenant(ADMIN, {"log_days": 99}).result()
    return house.office.confirm_home(ADMIN, original=True)


def _end(office: Office, actor: Actor) -> Any:
    assert actor.session_id is not None
    return office.end_session(actor, actor.session_id)


def _spare_sender(office: Office) -> str:
    address = f"spare{len(office.snapshot.senders)}@example.com"
    office.create_sender(ADMIN, {"address": address}).result()
    return address


def _proven_sender(office: Office) -> Any:
    """One that is held, and then proven over the account that his mail leaves through."""
    view = office.create_sender(ADMIN, {"address": "proven@example.com"}).result()
    office.hold_sender(view.sender.id, "not allowed").result()
    account = account_of(office.snapshot, ADMIN.tenant_id, None)
    assert account is not None
    return office.sender_is_proven(Pair(ADMIN.tenant_id, "proven@example.com", account.id))


def _hold_sender(office: Office) -> Any:
    sender = next(one for one in office.snapshot.senders.values() if one.address == "s@example.com")
    return office.hold_sender(sender.id, "may not send as")


def test_every_act_of_office_and_outbox_leaves_its_entry(house: House) -> None:
    """The list is held against the facades: a verb that is forgotten here fails the next test."""
    house.account("main", sender_address="shop@example.com")
    person(house, "self")
    house.office.change_user(ADMIN, "self", {"email": "self@example.org"}).result()
    for name, (act, verb) in _acts(house).items():
        known = len(verbs(house))
        answer = act()
        if hasattr(answer, "result"):
            answer.result()
        assert verb in [entry.verb for entry in since(house, known)], name


# Made of the verbs above or done by Postroom itself: what differs afterwards is told like any change of settings.
BY_THE_WAY = {"apply_diagnosis", "delete_account", "delete_tenant", "duplicate_account", "forget_deleted",
              "import_file", "note_tested", "pause_for", "restore_deleted",
              "resume_due", "return_to", "sign_out", "stop_within", "trust_certificate"}  # fmt: skip
RUNNING = {"prove", "agent_joined", "agent_left", "no_agents_here", "note_connector"}
"""What Postroom notes of its own running, in other tables: nobody asked for it."""
ELSEWHERE = {
    "create_filter": "store/test_saved_filters.py",
    "change_filter": "store/test_saved_filters.py",
    "delete_filter": "store/test_saved_filters.py",
    "add_passkey": "store/test_passkeys.py",
    "rename_passkey": "store/test_passkeys.py",
    "remove_passkey": "store/test_passkeys.py",
    "remove_passkey_of": "store/test_passkeys.py",
    "sign_in_by_passkey": "store/test_passkeys.py",
    "sign_in_by_provider": "doors/test_api_providers.py",
    "unlink_identity": "doors/test_api_providers.py",
    "note_link_way": "doors/test_link_fallback.py",
    "create_dkim_key": "store/test_dkim_keys.py",
    "rotate_dkim_key": "store/test_dkim_keys.py",
    "retire_dkim_key": "store/test_dkim_keys.py",
    "delete_dkim_key": "store/test_dkim_keys.py",
    "check_dkim_key": "store/test_dkim_keys.py",
    "look_for_dkim_records": "store/test_dkim_keys.py",
    "check_dns_again": "store/test_dns_checks.py",
    "first_run": "store/test_first_run.py",
    "change_me": "store/test_own_profile.py",
}
"""What needs a passkey, a provider or a mailbox that is down: the tests that have one look into the trail."""
NOT_YET = {"begin_second_factor", "begin_passkey"}
"""Changes nothing until it is confirmed."""


def test_a_backup_that_failed_is_none_in_the_trail(house: House) -> None:
    (house.office._settings.data / "backups").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable, match="can't be written"):
        house.office.back_up(ADMIN).result()
    assert "installation.backed-up" not in verbs(house)


def test_no_verb_is_forgotten(house: House) -> None:
    public = {
        name
        for facade in (Office, Outbox)
        for name, member in inspect.getmembers(facade)
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    }
    known = LOOKING | MAIL | TESTING | BY_THE_WAY | NOT_YET | RUNNING | set(ELSEWHERE) | set(_acts(house)) | {"founded"}
    assert public - known == set()
