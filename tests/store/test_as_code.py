"""Settings as code: an export says it all, an import is all or nothing, and no secret is where it does not belong."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from postroom.errors import BadInput, Conflict, Forbidden
from postroom.model.application import Actor, Scope
from postroom.model.state import State
from tests.store.house import ADMIN, House

SECRET = "c4nary-hunter2"
ELIXEUM = """\
[SMTP]
Server = "smtp.example.com"
Port = "587"
Username = "shop@example.com"
Password = "c4nary-hunter2"
SenderName = "The \\"Shop\\""
SenderAddress = "shop@example.com"
"""


def furnished(house: House) -> None:
    office = house.office
    hard = 'Line "one"\nback\\slash\tand ümlaut \u2028 \U0001f600'
    office.create_account(
        ADMIN,
        {"name": 'Main "relay"', "host": "smtp.example.com", "user": "u", "footer_text": hard, "limits.per_day": 7},
        SECRET,
    ).result()
    office.create_account(ADMIN, {"name": "open.relay", "host": "11.0.0.1", "encryption": "none"}).result()
    office.create_sender(ADMIN, {"address": "Shop <shop@example.com>", "account": "open.relay"}).result()
    office.create_sender(ADMIN, {"address": '"odd name"@example.com', "reply_to": "A B <a@example.org>"}).result()
    office.create_application(ADMIN, "Till", values={"senders": ["*@example.com"], "per_minute": 5}).result()
    settings = {"mode": "smtp", "retry_minutes": [1, 5], "footer_html": "<p>x</p>", "guard_allow": ["@example.org"]}
    office.change_tenant(ADMIN, settings).result()


def test_an_import_of_an_export_changes_nothing(house: House) -> None:
    furnished(house)
    text = house.office.export(ADMIN).result()
    before = house.office.snapshot
    assert house.office.plan(ADMIN, text, prune=True).result().changes == ()
    assert house.office.import_file(ADMIN, text, prune=True).result().changes == ()
    after = house.office.snapshot
    assert (before.accounts, before.senders, before.applications) == (after.accounts, after.senders, after.applications)
    assert before.tenants == after.tenants


def test_an_account_that_differs_from_its_preset_survives_an_export(house: House) -> None:
    """What a preset would fill in again stands in the file, also where it is what a new account has anyway."""
    house.account("Usual", preset="gmail", user="a@example.com", secret="word")
    house.account("Tokens", preset="gmail", user="a@example.com", oauth2_client_id="app")
    house.account("Own", preset="icloud", user="a@example.com", limits={"recipients": 100, "per_day": 7})
    house.account("Free", preset="gmail", user="a@example.com", login="password", limits={"per_day": None})
    before = house.office.snapshot.accounts
    assert house.office.import_file(ADMIN, house.office.export(ADMIN).result(), prune=True).result().warnings == ()
    for number, account in house.office.snapshot.accounts.items():
        assert replace(account, preset="", version=0) == replace(before[number], preset="", version=0)


def test_an_export_makes_the_same_elsewhere(house: House) -> None:
    furnished(house)
    text = house.office.export(ADMIN).result()
    tom = house.tenant("tom")
    house.office.import_file(tom, text, force=True).result()
    assert house.office.export(tom).result().replace("of tom", "of installation") == text
    assert house.office.plan(tom, text, prune=True).result().changes == ()


def test_an_export_holds_no_secret_and_says_where_one_is_typed(house: House) -> None:
    furnished(house)
    text = house.office.export(ADMIN).result()
    assert SECRET not in text
    assert "# Its password is kept by Postroom." in text
    assert tomllib.loads(text)["accounts"]["open.relay"]["host"] == "11.0.0.1"


def test_a_plan_shows_every_field_and_changes_nothing(house: House) -> None:
    furnished(house)
    text = house.office.export(ADMIN).result().replace('"smtp.example.com"', '"new.example"') + (
        '[accounts.Third]\nhost = "third.example"\n'
    )
    version = house.office.version
    plan = house.office.plan(ADMIN, text).result()
    told = {
        (one.what.value, one.noun, one.name): {f.field: (f.before, f.after) for f in one.fields} for one in plan.changes
    }
    assert told['change', 'account', 'Main "relay"'] == {
        "host": ("smtp.example.com", "new.example"), "secret": ("kept", "dropped"),
    }  # fmt: skip
    assert told["create", "account", "Third"]["host"] == (None, "third.example")
    assert len(told) == 2
    assert house.office.version == version
    assert len(house.office.snapshot.accounts) == 2
    assert house.sql("SELECT count(*) AS n FROM credential")[0].n == 1
    assert house.office.import_file(ADMIN, text).result().changes == plan.changes


def test_a_changed_server_without_a_password_drops_the_kept_one(house: House) -> None:
    """P7 by import."""
    furnished(house)
    text = house.office.export(ADMIN).result().replace('"smtp.example.com"', '"evil.example"')
    done = house.office.import_file(ADMIN, text).result()
    assert any("typed for another server" in one for one in done.warnings)
    assert house.sql("SELECT * FROM credential") == []
    account = house.office.account(ADMIN, 'Main "relay"').result().account
    assert house.office.open_secret(account) is None


@pytest.mark.parametrize(
    "text",
    [
        ELIXEUM,
        "\n".join(f"SMTP.{line}" for line in ELIXEUM.splitlines()[1:]),
        "\n".join(f'"SMTP.{line}'.replace(" =", '" =', 1) for line in ELIXEUM.splitlines()[1:]),
    ],
    ids=["a table", "dotted keys", "quoted keys"],
)  # fmt: skip
def test_elixeum_s_keys_make_an_account_and_a_sender(house: House, text: str) -> None:
    done = house.office.import_file(ADMIN, text).result()
    assert any("no place for passwords" in one for one in done.warnings)
    view = house.office.account(ADMIN, "SMTP").result()
    account = view.account
    assert (account.host, account.port, account.user) == ("smtp.example.com", 587, "shop@example.com")
    assert (account.sender_name, view.is_default) == ('The "Shop"', True)
    opened = house.office.open_secret(account)
    assert opened is not None
    assert opened.reveal() == SECRET
    sender = house.office.sender(ADMIN, "shop@example.com").result()
    assert (sender.sender.name, sender.is_default) == ('The "Shop"', True)
    assert SECRET not in house.office.export(ADMIN).result() + repr(done) + repr(house.sql("SELECT * FROM audit"))
    without = "\n".join(line for line in text.splitlines() if "Password" not in line)
    again = house.office.plan(ADMIN, without).result()
    assert again.changes == ()


def test_an_elixeum_file_with_a_new_server_is_a_change_of_the_same_account(house: House) -> None:
    house.office.import_file(ADMIN, ELIXEUM).result()
    without = "\n".join(line for line in ELIXEUM.splitlines() if "Password" not in line)
    house.office.import_file(ADMIN, without.replace("smtp.example.com", "evil.example"), prune=True).result()
    account = house.office.account(ADMIN, "SMTP").result().account
    assert (account.host, account.has_secret) == ("evil.example", False)
    assert house.sql("SELECT * FROM credential") == []


def test_everything_wrong_is_told_at_once_with_its_line(house: House) -> None:
    text = """\
# a comment
[settings]
mode = "loud"
default_account = "nobody"
retry_minutes = [
  1,
]
colour = 1

[accounts.Main]
port = 0
[accounts.Main.limits]
connections = "many"

[accounts."a\\nb"]
host = "h.example"
[senders."no address"]
[senders."ok@example.com"]
account = "none"
[applications]
[applications.Till]
per_minute = 0
"""
    with pytest.raises(BadInput) as caught:
        house.office.import_file(ADMIN, text).result()
    places = [fault.field for fault in caught.value.faults]
    assert sorted(places) == sorted(
        [
            "settings.mode (line 3)", "settings.default_account (line 4)", "settings.colour (line 8)",
            "accounts.Main.port (line 11)", "accounts.Main.host (line 10)",
            "accounts.Main.limits.connections (line 13)", 'accounts."a\\U0000000ab" (line 15)',
            'senders."no address".address (line 17)', 'senders."ok@example.com".account (line 19)',
            "applications.Till.per_minute (line 22)",
        ]
    )  # fmt: skip
    assert not house.office.snapshot.accounts


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[accounts\nx = 1", "file (line 1, column 10)"),
        ("a = 1\na = 2\n", "file (line 2, column 6)"),
        ("[acounts.x]\nhost='h'", "acounts (line 1)"),
        ("settings = 1", "settings (line 1)"),
        ("[accounts]\nx = 1", "accounts.x (line 2)"),
        ("[SMTP]\nServer='h.example'\nColour='red'", "SMTP.Colour (line 3)"),
        ("".join(f"[applications.a{n}]\n" for n in range(600)), "applications (line 1)"),
        ("x = " + "[" * 5_000, "file"),
        (".".join(["a"] * 60_000) + " = 1", "file"),
        (f"[{'.'.join(['a'] * 60_000)}]", "file"),
        ("x = {b = '\\', " + '."a"' * 60_000 + " = 1}", "file"),
        ("#" * 300_000, "file"),
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_refused(house: House, text: str, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        house.office.plan(ADMIN, text).result()
    assert caught.value.faults[0].field.startswith(place)


def test_nothing_of_a_file_is_taken_when_some_of_it_can_not_be(house: House) -> None:
    furnished(house)
    house.mail("a@example.org", tenant_id=1)
    main = house.office.account(ADMIN, 'Main "relay"').result().account.id
    house.mail(("a@example.org", State.QUEUED, {"account_id": main}))
    before = house.office.export(ADMIN).result()
    text = '[settings]\nmode = "silent"\ndefault_account = "Other"\n[accounts.Other]\nhost = "other.example"\n'
    with pytest.raises(Conflict):
        house.office.import_file(ADMIN, text, prune=True).result()
    assert house.office.export(ADMIN).result() == before


def test_only_with_prune_something_goes_and_only_of_what_the_file_has(house: House) -> None:
    furnished(house)
    text = '[senders."shop@example.com"]\nname = "Shop"\naccount = "open.relay"\n[applications]\n'
    assert house.office.import_file(ADMIN, text).result().changes == ()
    done = house.office.import_file(ADMIN, text, prune=True).result()
    assert [(one.what.value, one.noun, one.name) for one in done.changes] == [
        ("delete", "sender", '"odd name"@example.com'), ("suspend", "application", "Till"),
    ]  # fmt: skip
    assert len(house.office.snapshot.accounts) == 2


def test_who_may_not_manage_applications_may_not_by_a_file(house: House) -> None:
    reader = Actor(1, frozenset({Scope.SETTINGS_READ}))
    writer = Actor(1, frozenset({Scope.SETTINGS_READ, Scope.SETTINGS_WRITE}))
    with pytest.raises(Forbidden):
        house.office.import_file(reader, "").result()
    with pytest.raises(Forbidden):
        house.office.import_file(writer, "[applications.New]\n").result()
    house.office.import_file(writer, '[accounts.New]\nhost = "h.example"\n').result()
    assert [one.name for one in house.office.snapshot.accounts.values()] == ["New"]


def test_an_import_touches_nothing_of_other_tenants(house: House) -> None:
    furnished(house)
    before = house.office.export(ADMIN).result()
    tom = house.tenant("tom")
    house.office.import_file(tom, before.replace("smtp.example.com", "tom.example"), prune=True, force=True).result()
    assert house.office.export(ADMIN).result() == before
