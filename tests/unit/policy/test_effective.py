"""Each value in effect is the nearest one set, it says where it comes from, and forced settings stand."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from postroom.addresses import Address
from postroom.model.account import Account
from postroom.model.sender import Sender
from postroom.model.tenant import Footer, ForeignFrom, Mode, Sending, Tenant, TenantSettings, UnknownPolicy
from postroom.policy.effective import effective
from postroom.policy.inherit import Inherited, chain, inherited
from postroom.policy.retry import Schedule
from postroom.policy.snapshot import Snapshot
from postroom.policy.sourced import Sourced
from postroom.policy.way import Effective, Wishes
from tests.unit.policy.settings import ACME, MAIN, SUPPORT, acme, installation

FROM = Sourced(Address("support", "acme.example", "Acme Support"), "tenant Acme")
WISHES = Wishes(
    reply_to=(Address("me", "app.example"),),
    return_path="bounce@app.example",
    receipt_to=Address("read", "app.example"),
    unknown_policy=UnknownPolicy.HOLD,
)
ADDRESSED = replace(
    SUPPORT,
    reply_to="desk@acme.example",
    return_path="bounce@acme.example",
    confirmation_address="read@acme.example",
)
RELAY = replace(
    MAIN,
    reply_to="relay@acme.example",
    return_path="errors@acme.example",
    confirmation_address="seen@acme.example",
    request_receipt=True,
)


def settled(*tenants: Tenant) -> Inherited:
    return inherited(chain({tenant.id: tenant for tenant in tenants}, tenants[-1].id))


def of(
    account: Account | None = MAIN,
    row: Sender | None = SUPPORT,
    wishes: Wishes | None = None,
    *,
    top: TenantSettings | None = None,
    own: TenantSettings | None = None,
) -> Effective:
    snapshot = Snapshot.of([installation(top or TenantSettings()), acme(own or TenantSettings())])
    return effective(snapshot, ACME, Sourced(account, "tenant Acme"), FROM, row, wishes)


# -- what holds for a tenant ------------------------------------------------------------------------------------------


def test_at_the_end_of_the_line_stand_the_defaults() -> None:
    found = settled(installation(TenantSettings()))
    assert (found.mode.value, found.sending.value) == (Mode.SILENT, Sending.BACKGROUND)
    assert found.unknown_policy.value is UnknownPolicy.RETRY
    assert (found.content_days.value, found.log_days.value) == (30, 365)
    assert found.schedule == Schedule()
    assert found.footer.value is None
    assert {getattr(found, field.name).source for field in fields(found)} == {"default"}


def test_every_setting_of_a_tenant_is_inherited_and_overridden_alike() -> None:
    """A new setting that is forgotten here would be stored and never take effect."""
    values = {
        "mode": (Mode.SMTP, Mode.NATIVE),
        "sending": (Sending.INSTANTLY, Sending.BACKGROUND),
        "default_sender_id": (1, 2),
        "default_account_id": (3, 4),
        "footer_text": ("top", "own"),
        "footer_html": ("<p>top</p>", "<p>own</p>"),
        "recipients_choose": (True, False),
        "unknown_policy": (UnknownPolicy.HOLD, UnknownPolicy.RETRY),
        "content_days": (7, 0),
        "log_days": (90, 10),
        "retry_minutes": ((1, 2), (3,)),
        "retry_days": (2, 1),
        "guard_redirect": ("a@b.example", "c@d.example"),
        "guard_allow": (("a@b.example",), ()),
        "foreign_from": (ForeignFrom.REWRITE, ForeignFrom.REFUSE),
        "reset_fallback": (True, False),
        "language": ("de", "en"),
        "time_zone": ("Europe/Prague", "UTC"),
        "suppress_unknown": (True, False),
        "alarm_to": (("a@b.example",), ()),
    }
    assert (
        set(values) == {field.name for field in fields(TenantSettings)} == {field.name for field in fields(Inherited)}
    )
    top = TenantSettings(**{name: pair[0] for name, pair in values.items()})  # type: ignore[arg-type]
    own = TenantSettings(**{name: pair[1] for name, pair in values.items()})  # type: ignore[arg-type]
    for name, (above, here) in values.items():
        assert getattr(settled(installation(top), acme(TenantSettings())), name) == Sourced(above, "installation")
        assert getattr(settled(installation(top), acme(own)), name) == Sourced(here, "tenant Acme")


def test_a_tenants_footer_replaces_the_installations_as_a_whole() -> None:
    top = TenantSettings(footer_text="top", footer_html="<p>top</p>")
    found = settled(installation(top), acme(TenantSettings(footer_text="own")))
    assert found.footer == Sourced(Footer("own", ""), "tenant Acme")
    emptied = settled(installation(top), acme(TenantSettings(footer_text="")))
    assert emptied.footer == Sourced(None, "tenant Acme")


def test_a_line_of_tenants_ends_even_where_the_stored_one_goes_round() -> None:
    first, second = Tenant(8, 9, "A", TenantSettings()), Tenant(9, 8, "B", TenantSettings(log_days=1))
    assert chain({8: first, 9: second}, 8) == (first, second)
    assert settled(second, first).log_days == Sourced(1, "tenant B")
    assert chain({}, 5) == ()


# -- account, sender, message -----------------------------------------------------------------------------------------


def test_without_anything_set_the_from_address_gets_the_reports_and_nothing_else_is_said() -> None:
    found = of(replace(MAIN, sender_address=""))
    assert found.reply_to == Sourced((), "default")
    assert found.return_path == Sourced("support@acme.example", "tenant Acme")
    assert found.receipt_to == Sourced(None, "default")


def test_the_account_is_replaced_by_the_sender_and_the_sender_by_the_message() -> None:
    plain = of(RELAY)
    assert plain.reply_to == Sourced((Address("relay", "acme.example"),), "account Main relay")
    assert plain.return_path == Sourced("errors@acme.example", "account Main relay")
    assert plain.receipt_to == Sourced(Address("seen", "acme.example"), "account Main relay")
    own = of(RELAY, ADDRESSED)
    assert own.reply_to == Sourced((Address("desk", "acme.example"),), "sender support@acme.example")
    assert own.return_path == Sourced("bounce@acme.example", "sender support@acme.example")
    assert own.receipt_to == Sourced(Address("read", "acme.example"), "sender support@acme.example")
    asked = of(RELAY, ADDRESSED, WISHES)
    assert asked.reply_to == Sourced((Address("me", "app.example"),), "message")
    assert asked.return_path == Sourced("bounce@app.example", "message")
    assert asked.receipt_to == Sourced(Address("read", "app.example"), "message")
    assert asked.unknown_policy == Sourced(UnknownPolicy.HOLD, "message")


def test_forced_settings_stand_against_the_sender_and_the_message() -> None:
    forced = of(replace(RELAY, force_settings=True), ADDRESSED, WISHES)
    assert forced.reply_to == Sourced((Address("relay", "acme.example"),), "account Main relay")
    assert forced.return_path == Sourced("errors@acme.example", "account Main relay")
    assert forced.receipt_to == Sourced(Address("seen", "acme.example"), "account Main relay")


def test_forced_settings_stand_even_where_the_account_has_none() -> None:
    forced = of(replace(MAIN, force_settings=True), ADDRESSED, WISHES)
    assert forced.reply_to == Sourced((), "account Main relay")
    assert forced.return_path.value == "support@acme.example"
    assert forced.receipt_to.value == Address("support", "acme.example"), "asked for by the message, sent to From"


@pytest.mark.parametrize(
    ("account_asks", "wishes", "asked"),
    [
        (False, Wishes(), False),
        (True, Wishes(), True),
        (True, Wishes(request_receipt=False), False),
        (False, Wishes(request_receipt=True), True),
        (False, Wishes(receipt_to=Address("r", "app.example")), True),
        (True, Wishes(receipt_to=Address("r", "app.example"), request_receipt=False), False),
    ],
)
@pytest.mark.parametrize("forced", [False, True])
def test_a_receipt_is_asked_for_when_the_message_says_so_else_when_the_account_does(
    account_asks: bool, wishes: Wishes, asked: bool, forced: bool
) -> None:
    found = of(replace(MAIN, request_receipt=account_asks, force_settings=forced), SUPPORT, wishes)
    assert (found.receipt_to.value is not None) is asked


def test_a_null_return_path_is_a_wish_like_any_other() -> None:
    assert of(RELAY, ADDRESSED, Wishes(return_path="")).return_path == Sourced("", "message")


def test_rewriting_puts_the_accounts_address_into_from_and_the_wanted_one_into_reply_to() -> None:
    account = replace(MAIN, rewrite_from=True, sender_name="Mailbox")
    found = of(account)
    assert found.sender == Sourced(Address("mail", "acme.example", "Acme Support"), "account Main relay")
    assert found.wanted == FROM.value
    assert found.reply_to == Sourced((FROM.value,), "account Main relay")
    assert found.return_path == Sourced("mail@acme.example", "account Main relay")


def test_rewriting_keeps_a_reply_address_that_somebody_set_and_ignores_a_wished_return_path() -> None:
    found = of(replace(MAIN, rewrite_from=True), ADDRESSED, WISHES)
    assert found.reply_to == Sourced((Address("me", "app.example"),), "message")
    assert found.return_path.value == "mail@acme.example"
    assert of(replace(RELAY, rewrite_from=True)).return_path.value == "errors@acme.example"


def test_a_sender_that_is_the_accounts_own_needs_no_rewriting() -> None:
    found = of(replace(MAIN, rewrite_from=True, sender_address="support@acme.example"))
    assert found.wanted is None
    assert found.sender == FROM


def test_an_account_without_an_address_of_its_own_can_not_rewrite() -> None:
    assert of(replace(MAIN, rewrite_from=True, sender_address="", user="relay")).wanted is None
    assert of(replace(MAIN, rewrite_from=True, sender_address="", user="relay@acme.example")).wanted == FROM.value


@pytest.mark.parametrize(
    ("account", "footer", "source"),
    [
        (None, Footer("tenant's"), "tenant Acme"),
        (MAIN, Footer("tenant's"), "tenant Acme"),
        (replace(MAIN, footer_text="account's"), Footer("account's"), "account Main relay"),
        (replace(MAIN, footer_html="<p>"), Footer("", "<p>"), "account Main relay"),
        (replace(MAIN, footer_text=""), None, "account Main relay"),
        (replace(MAIN, footer_enabled=False), None, "account Main relay"),
        (replace(MAIN, footer_enabled=False, footer_text="account's"), None, "account Main relay"),
    ],
)
def test_the_accounts_footer_replaces_the_tenants_and_can_switch_it_off(
    account: Account | None, footer: Footer | None, source: str
) -> None:
    assert of(account, own=TenantSettings(footer_text="tenant's")).footer == Sourced(footer, source)


def test_an_address_in_the_settings_that_can_not_be_read_counts_as_not_set() -> None:
    found = of(replace(MAIN, reply_to="nonsense", return_path="\r\nRCPT TO:<x>", request_receipt=True))
    assert found.reply_to.value == ()
    assert found.return_path.value == "support@acme.example"
    assert found.receipt_to.value == Address("support", "acme.example")


def test_an_account_may_name_several_reply_addresses() -> None:
    found = of(replace(MAIN, reply_to="a@acme.example, B <b@acme.example>"))
    assert found.reply_to.value == (Address("a", "acme.example"), Address("b", "acme.example", "B"))
