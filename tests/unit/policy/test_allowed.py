"""What an application may use: another From is refused or rewritten to its own, and never let through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.model.account import Account
from postroom.model.application import Application
from postroom.model.message import Draft
from postroom.model.sender import Sender
from postroom.model.tenant import INSTALLATION, ForeignFrom, Mode, Sending, Tenant, TenantSettings
from postroom.policy.route import Route, route
from postroom.policy.snapshot import Snapshot

SHOP = Application(7, INSTALLATION, "shop", senders=("shop@example.com", "*@list.example.com"))


def settled(application: Application = SHOP, foreign_from: ForeignFrom | None = None) -> Snapshot:
    settings = TenantSettings(
        Mode.SMTP, Sending.BACKGROUND, default_sender_id=3, default_account_id=2, foreign_from=foreign_from
    )
    addresses = ("shop@example.com", "boss@example.com", "news@list.example.com")
    return Snapshot.of(
        tenants=[Tenant(INSTALLATION, None, "installation", settings)],
        accounts=[Account(2, INSTALLATION, "Main", "smtp.example.com", 587)],
        senders=[Sender(3 + n, INSTALLATION, address) for n, address in enumerate(addresses)],
        applications=[application],
    )


def sent(snapshot: Snapshot, **words: object) -> Route | dict[str, str]:
    found = route(snapshot, INSTALLATION, Draft(**words), application_id=7)  # type: ignore[arg-type]  # a test's words
    return found if isinstance(found, Route) else {fault.field: fault.problem for fault in found}


@pytest.mark.parametrize("sender", ["shop@example.com", "Shop <shop@EXAMPLE.com>", "news@list.example.com", ""])
def test_its_own_senders_go_as_they_are(sender: str) -> None:
    for choice in ForeignFrom:
        found = sent(settled(foreign_from=choice), sender=sender)
        assert isinstance(found, Route)
        assert found.sender.spec == ("news@list.example.com" if "news" in sender else "shop@example.com")
        assert found.effective.wanted is None


@pytest.mark.parametrize("sender", ["boss@example.com", "stranger@example.net", "shop@example.com.evil.example"])
def test_another_from_is_refused_and_that_is_what_holds_unless_something_else_is_chosen(sender: str) -> None:
    for choice in (None, ForeignFrom.REFUSE):
        found = sent(settled(foreign_from=choice), sender=sender)
        assert isinstance(found, dict)
        assert set(found) == {"sender"}
        assert sender in found["sender"]


@pytest.mark.parametrize("sender", ["boss@example.com", "stranger@example.net"])
def test_another_from_is_rewritten_where_the_tenant_chose_so(sender: str) -> None:
    """The wanted address becomes Reply-To, and doors that keep octets learn that From has to be written anew."""
    found = sent(settled(foreign_from=ForeignFrom.REWRITE), sender=sender)
    assert isinstance(found, Route)
    assert found.sender.spec == "shop@example.com"
    assert [one.spec for one in found.reply_to] == [sender]
    assert found.effective.wanted is not None
    assert found.effective.wanted.spec == sender
    kept = sent(settled(foreign_from=ForeignFrom.REWRITE), sender=sender, reply_to=("help@example.com",))
    assert isinstance(kept, Route)
    assert [one.spec for one in kept.reply_to] == ["help@example.com"]


def test_a_stranger_is_rewritten_to_the_default_sender_of_an_application_without_a_list() -> None:
    free = replace(SHOP, senders=())
    found = sent(settled(free, ForeignFrom.REWRITE), sender="stranger@example.net")
    assert isinstance(found, Route)
    assert found.sender.spec == "shop@example.com"
    assert isinstance(sent(settled(free), sender="stranger@example.net"), dict)


def test_a_message_without_a_from_leaves_from_the_applications_own_sender() -> None:
    news = replace(SHOP, senders=("news@list.example.com",))
    for choice in ForeignFrom:
        found = sent(settled(news, choice))
        assert isinstance(found, Route)
        assert found.sender.spec == "news@list.example.com"
        assert found.reply_to == ()


def test_an_application_whose_only_sender_is_none_of_its_tenants_sends_nothing() -> None:
    odd = replace(SHOP, senders=("ghost@example.com",))
    for choice in ForeignFrom:
        for sender in ("", "ghost@example.com", "boss@example.com"):
            assert isinstance(sent(settled(odd, choice), sender=sender), dict)


def test_only_its_kinds_may_be_named() -> None:
    some = replace(SHOP, kinds=("invoice", "receipt"))
    assert isinstance(sent(settled(some), kind="invoice"), Route)
    for kind in ("", "newsletter"):
        assert set(sent(settled(some), kind=kind)) == {"kind"}  # type: ignore[arg-type]  # faults, if all is well
    assert set(sent(settled(some), kind="newsletter", sender="boss@example.com")) == {"kind", "sender"}  # type: ignore[arg-type]


def test_a_malformed_from_is_a_fault_and_nothing_to_rewrite() -> None:
    found = sent(settled(foreign_from=ForeignFrom.REWRITE), sender="no address\r\nBcc: x@example.com")
    assert isinstance(found, dict)


def test_people_and_unknown_applications_are_held_to_the_tenants_rules_alone() -> None:
    snapshot = settled()
    draft = Draft(sender="boss@example.com")
    assert isinstance(route(snapshot, INSTALLATION, draft), Route)
    assert isinstance(route(snapshot, INSTALLATION, draft, application_id=99), Route)
