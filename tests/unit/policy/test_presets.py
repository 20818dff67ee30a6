"""A preset fills what was not given and never what was, and each names the page where its numbers are told."""

from __future__ import annotations

import pytest

from postroom.errors import BadSettings
from postroom.model.account import Account, Encryption, Login, default_port
from postroom.office.account_values import apply, read
from postroom.office.code_text import Names, account_code
from postroom.office.fields import Reading
from postroom.office.views import account_warnings
from postroom.policy.presets import Preset, UnknownPreset, find, of_account, of_preset, presets, read_presets
from postroom.secrets import Secret

BLANK = Account(id=1, tenant_id=1, name="", host="", port=0)
EVERY = [
    (preset, region) for preset in presets().values() for region in (*preset.regions, *([""] if preset.host else ()))
]
OWN_SERVER = [preset for preset in presets().values() if not preset.host and not preset.regions]


def made(old: Account = BLANK, secret: str = "", **values: object) -> Account:
    reading = Reading()
    account = apply(old, read(values, reading), Secret(secret) if secret else None, reading)
    reading.close()
    return account


def mends(**values: object) -> dict[str, str]:
    reading = Reading()
    apply(BLANK, read(values, reading), None, reading)
    return {fault.field: fault.mend for fault in reading.faults}


@pytest.mark.parametrize(("preset", "region"), EVERY, ids=lambda one: getattr(one, "id", one))
@pytest.mark.parametrize("given", [{"secret": "word"}, {"oauth2_client_id": "app"}], ids=["password", "application"])
def test_a_preset_a_user_name_and_what_proves_it_are_all_an_account_needs(
    preset: Preset, region: str, given: dict[str, str]
) -> None:
    """Every provider and region makes an account that can be saved, and that says what came from the preset."""
    name = f"{preset.id}:{region}" if region else preset.id
    account = made(preset=name, user="u", **given)
    assert account.preset == name
    assert account.host == preset.regions.get(region, preset.host)
    assert account.port == default_port(account.encryption) == preset.port
    assert account.encryption is not Encryption.NONE, "no provider is reached in clear"
    by_password = "secret" in given
    assert set(preset.values(region, by_password=by_password)) - {"user"} <= of_preset(account)
    by_token = preset.login is Login.OAUTH2 and not by_password
    assert (account.login is Login.OAUTH2) is by_token
    assert bool(account.oauth2_provider) is by_token


@pytest.mark.parametrize("preset", OWN_SERVER, ids=lambda one: one.id)
def test_who_has_a_server_of_his_own_names_it(preset: Preset) -> None:
    assert "host" in mends(preset=preset.id, user="u")
    assert made(preset=preset.id, user="u", host="mail.example.com").host == "mail.example.com"


@pytest.mark.parametrize("preset", presets().values(), ids=lambda one: one.id)
def test_each_says_what_the_user_name_is_and_where_its_facts_are_told(preset: Preset) -> None:
    assert preset.source
    assert preset.hint.endswith(".")
    assert not preset.user_words.endswith(".")
    assert all(number > 0 for number in preset.limits.values())


def test_what_is_given_stands() -> None:
    account = made(
        preset="microsoft365",
        user="u",
        secret="word",
        limits={"per_minute": 5, "per_day": None},
        host="relay.example.com",
    )
    assert (account.host, account.limits.per_minute, account.limits.per_day) == ("relay.example.com", 5, None)
    assert account.limits.connections == 3
    assert of_preset(account) == {"port", "encryption", "login", "limits.connections"}


def test_the_port_goes_with_the_encryption_that_was_given() -> None:
    assert made(preset="sendgrid", encryption="tls").port == 465
    assert made(preset="sendgrid", encryption="tls", port=2465).port == 2465


def test_the_user_name_that_is_the_same_for_all_is_filled() -> None:
    assert made(preset="sendgrid").user == "apikey"
    assert made(preset="sendgrid", login="none").user == ""


def test_a_missing_user_name_is_told_with_what_it_is_there() -> None:
    """SG11, AL2: the sentence names the field and says what belongs into it."""
    assert "Server API token" in mends(preset="postmark")["user"]
    assert "full sign-in name" in mends(preset="microsoft365")["user"]


BY_REGION = [
    ("microsoft365", "microsoft"),
    ("microsoft365:worldwide", "microsoft"),
    ("microsoft365:gcc-high", "microsoft-us-gov"),
    ("microsoft365:china", "microsoft-china"),
    ("google-workspace", "google"),
    ("gmail", "google"),
]


@pytest.mark.parametrize(("name", "provider"), BY_REGION)
def test_who_types_no_password_logs_in_with_the_tokens_of_the_regions_own_provider(name: str, provider: str) -> None:
    account = made(preset=name, user="u", oauth2_client_id="app")
    assert (account.login, account.oauth2_provider) == (Login.OAUTH2, provider)
    secret = made(preset=name, user="u", oauth2_client_id="app", secret="of the application")
    assert secret.login is Login.OAUTH2, "beside a client id it is the application's secret"
    mend = mends(preset=name, user="u")["oauth2_client_id"]
    assert "Or type a password" in mend


def test_a_password_is_taken_and_where_it_has_no_future_that_is_said() -> None:
    microsoft, google = (made(preset=name, user="u", secret="word") for name in ("microsoft365", "gmail"))
    for account in (microsoft, google):
        assert (account.login, account.oauth2_provider) == (Login.PASSWORD, "")
    assert any("turning logins with a password off" in one for one in account_warnings(microsoft))
    assert account_warnings(google) == ()
    assert account_warnings(made(preset="microsoft365", user="u", oauth2_client_id="app")) == ()


@pytest.mark.parametrize("login", ["password", "plain", "none"])
def test_a_login_that_is_chosen_stands(login: str) -> None:
    account = made(preset="microsoft365", user="u", login=login)
    assert (account.login, account.oauth2_provider) == (login, "")


def test_an_account_with_a_password_keeps_it_under_another_preset() -> None:
    old = made(preset="icloud", user="u", secret="word")
    assert made(old, preset="gmail").login is Login.PASSWORD


def test_an_account_keeps_its_values_until_another_preset_is_chosen() -> None:
    account = made(preset="gmail", user="u", secret="word", limits={"per_day": 100})
    assert made(account, preset="gmail").limits.per_day == 100
    changed = made(account, preset="icloud")
    assert (changed.host, changed.limits.per_day) == ("smtp.mail.me.com", 1_000)
    assert made(account, preset="").host == account.host


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nosuch", "There are: microsoft365"),
        ("amazon-ses", "amazon-ses:eu-west-1"),
        ("amazon-ses:moon-1", "amazon-ses:eu-west-1"),
        ("gmail:eu", "Leave it out."),
    ],
)
def test_a_name_that_is_none_is_answered_with_those_there_are(text: str, says: str) -> None:
    with pytest.raises(UnknownPreset) as caught:
        find(text)
    assert says in caught.value.mend
    assert says in mends(preset=text, host="h")["preset"]


def test_case_and_spaces_do_not_matter() -> None:
    assert made(preset=" Amazon-SES:EU-West-1 ", user="u").preset == "amazon-ses:eu-west-1"


def test_a_preset_of_another_release_is_just_a_name() -> None:
    account = Account(id=1, tenant_id=1, name="", host="h", port=25, preset="tomorrow", login=Login.NONE)
    assert of_account(account) is None
    assert of_preset(account) == frozenset()
    assert account_code(account, Names((), ()))["preset"] == "tomorrow"


def test_wrong_data_is_refused_with_all_that_is_wrong() -> None:
    good = dict.fromkeys(("id", "name", "user_words", "hint", "source"), "x") | {"login": "plain"}
    table = "".join(f'{name} = "{value}"\n' for name, value in good.items())
    with pytest.raises(BadSettings) as caught:
        read_presets(f'[[preset]]\n{table}encryption = "ssl"\nlimits = {{ an_hour = 3 }}\ncolour = "red"\n')
    assert len(caught.value.faults) == 3
    fine = f'[[preset]]\n{table}port = 25\nencryption = "none"\n'
    assert list(read_presets(fine)) == ["x"]
    with pytest.raises(BadSettings):
        read_presets(fine + fine)
    for more in ('oauth2_provider = "google"\n', 'oauth2_regions = { eu = "nobody" }\n'):
        with pytest.raises(BadSettings):
            read_presets(fine + more)
