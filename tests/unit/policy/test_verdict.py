"""What an answer means: the rules of classification hold for every answer, whoever sent it and however odd it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.model.attempt import Action, Failure, Result, Scope, Severity
from postroom.model.tenant import UnknownPolicy
from postroom.policy.family import FAMILIES
from postroom.policy.rulebook import PHASES, SUPPRESSING
from postroom.policy.verdict import ACCEPTED, GREYLISTED, NOT_UNDERSTOOD, Context, concerns_account, judge

PLAIN = Context()
BEFORE_MAIL = ("resolve", "connect", "tls", "greeting", "ehlo", "starttls", "auth")

results = st.builds(
    Result,
    phase=st.sampled_from(PHASES) | st.text(max_size=8),
    code=st.integers(0, 999) | st.integers(),
    enhanced=st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True) | st.text(max_size=20),
    text=st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    failure=st.none() | st.sampled_from(Failure),
    in_doubt=st.booleans(),
)
contexts = st.builds(
    Context,
    family=st.sampled_from(("", *FAMILIES)) | st.text(max_size=5),
    attempts=st.integers(0, 100),
    encryption=st.sampled_from(("", "none", "starttls", "tls")),
    unknown_policy=st.sampled_from([word.value for word in UnknownPolicy]),
    host=st.text(max_size=20),
    port=st.integers(0, 65535),
    user=st.text(max_size=20),
    sender=st.text(max_size=20),
)


def action_of(phase: str, code: int, enhanced: str = "", text: str = "", family: str = "") -> tuple[Scope, Action]:
    verdict = judge(Result(phase, code, enhanced, text), Context(family))
    return verdict.scope, verdict.action


@given(results, contexts)
def test_no_answer_whatever_raises_or_breaks_the_classification(result: Result, context: Context) -> None:
    verdict = judge(result, context)
    if result.delivered:
        assert verdict is ACCEPTED
        return
    assert verdict.action is not Action.NONE
    assert verdict.severity is not Severity.DONE
    assert verdict.title
    if result.in_doubt:
        assert verdict.severity is Severity.DOUBTFUL
    elif result.failure is None and not 500 <= result.code < 600:
        assert verdict.severity is Severity.TEMPORARY
    if verdict.severity is Severity.PERMANENT:
        assert verdict.scope in (Scope.RECIPIENT, Scope.MESSAGE)
        assert result.failure is not None or result.phase in ("mail", "rcpt", "data", "body", "dot")
    if verdict.action in (Action.PAUSE, Action.HOLD_DAY, Action.HOLD_SENDER):
        assert verdict.severity is Severity.TEMPORARY
    if verdict.action is Action.SUPPRESS:
        assert result.phase == "rcpt"
        assert any(code in result.enhanced + result.text for code in SUPPRESSING)


@given(st.sampled_from(PHASES), st.integers(400, 599), st.text(max_size=60), st.sampled_from(("", *FAMILIES)))
def test_before_mail_nothing_ends_a_message(phase: str, code: int, text: str, family: str) -> None:
    verdict = judge(Result(phase, code, "", text), Context(family))
    if phase in BEFORE_MAIL or code < 500:
        assert verdict.severity is Severity.TEMPORARY


@pytest.mark.parametrize("failure", Failure)
def test_what_this_side_found_ends_a_message_only_when_the_message_is_why(failure: Failure) -> None:
    verdict = judge(Result("connect", failure=failure), PLAIN)
    ends = {Failure.NO_8BIT, Failure.NO_SMTPUTF8, Failure.TOO_BIG, Failure.UNWRITABLE}
    assert (verdict.severity is Severity.PERMANENT) == (failure in ends)


@pytest.mark.parametrize(
    "failure",
    [Failure.NAME, Failure.NAME_TEMPORARY, Failure.REFUSED, Failure.TIMEOUT, Failure.CLOSED, Failure.UNREACHABLE],
)
@pytest.mark.parametrize("phase", ["resolve", "connect", "greeting", "rcpt", "body"])
def test_an_unreachable_server_is_the_networks_trouble_and_tried_again(failure: Failure, phase: str) -> None:
    verdict = judge(Result(phase, failure=failure), PLAIN)
    assert (verdict.scope, verdict.action) == (Scope.NETWORK, Action.RETRY)
    assert concerns_account(verdict)


@pytest.mark.parametrize(
    "failure",
    [
        Failure.CERTIFICATE,
        Failure.NO_STARTTLS,
        Failure.INJECTED,
        Failure.TLS,
        Failure.NO_LOGIN,
        Failure.CLEAR_LOGIN,
        Failure.SERVER_UNPROVEN,
        Failure.SECRET,
        Failure.FORBIDDEN_ADDRESS,
        Failure.NOT_AVAILABLE,
    ],
)
def test_trouble_with_trust_or_login_pauses_the_account(failure: Failure) -> None:
    verdict = judge(Result("connect", failure=failure, text="whatever"), PLAIN)
    assert (verdict.scope, verdict.action) == (Scope.ACCOUNT, Action.PAUSE)


def test_encryption_that_is_cut_is_tried_again_until_it_is_no_accident() -> None:
    cut = Result("tls", failure=Failure.TLS, text="EOF occurred in violation of protocol")
    assert judge(cut, Context(attempts=2)).action is Action.RETRY
    assert judge(cut, Context(attempts=3)).action is Action.PAUSE


@pytest.mark.parametrize(
    ("phase", "code", "enhanced", "scope", "action"),
    [
        ("greeting", 554, "", Scope.SERVER, Action.RETRY),
        ("greeting", 421, "", Scope.SERVER, Action.RETRY),
        ("ehlo", 550, "", Scope.SERVER, Action.RETRY),
        ("ehlo", 421, "", Scope.SERVER, Action.RETRY),
        ("starttls", 454, "", Scope.SERVER, Action.RETRY),
        ("starttls", 501, "", Scope.ACCOUNT, Action.PAUSE),
        ("auth", 535, "", Scope.ACCOUNT, Action.PAUSE),
        ("auth", 534, "", Scope.ACCOUNT, Action.PAUSE),
        ("auth", 530, "", Scope.ACCOUNT, Action.PAUSE),
        ("auth", 538, "", Scope.ACCOUNT, Action.PAUSE),
        ("auth", 500, "", Scope.ACCOUNT, Action.PAUSE),
        ("auth", 454, "", Scope.ACCOUNT, Action.RETRY),
        ("auth", 432, "", Scope.ACCOUNT, Action.RETRY),
        ("auth", 451, "", Scope.ACCOUNT, Action.RETRY),
        ("mail", 530, "", Scope.ACCOUNT, Action.PAUSE),
        ("mail", 451, "", Scope.SENDER, Action.RETRY),
        ("mail", 550, "", Scope.SENDER, Action.HOLD_SENDER),
        ("mail", 552, "", Scope.MESSAGE, Action.FAIL),
        ("mail", 503, "", Scope.MESSAGE, Action.RETRY),
        ("rcpt", 450, "", Scope.RECIPIENT, Action.RETRY),
        ("rcpt", 550, "", Scope.RECIPIENT, Action.FAIL),
        ("rcpt", 550, "5.1.1", Scope.RECIPIENT, Action.SUPPRESS),
        ("rcpt", 550, "5.2.1", Scope.RECIPIENT, Action.FAIL),
        ("rcpt", 550, "5.7.1", Scope.RECIPIENT, Action.FAIL),
        ("rcpt", 452, "4.5.3", Scope.MESSAGE, Action.SPLIT),
        ("data", 451, "", Scope.MESSAGE, Action.RETRY),
        ("data", 554, "", Scope.MESSAGE, Action.FAIL),
        ("body", 554, "", Scope.MESSAGE, Action.FAIL),
        ("dot", 451, "", Scope.MESSAGE, Action.RETRY),
        ("dot", 554, "", Scope.MESSAGE, Action.FAIL),
        ("dot", 550, "5.1.1", Scope.MESSAGE, Action.FAIL),
        ("dot", 421, "", Scope.SERVER, Action.RETRY),
        ("dot", 452, "4.3.1", Scope.SERVER, Action.RETRY),
        ("quit", 550, "", Scope.SERVER, Action.RETRY),
        ("elsewhere", 450, "", Scope.SERVER, Action.RETRY),
        ("dot", 354, "", Scope.SERVER, Action.RETRY),
        ("dot", 0, "", Scope.SERVER, Action.RETRY),
        ("dot", 999, "", Scope.SERVER, Action.RETRY),
    ],
)
def test_an_unknown_answer_is_judged_by_where_it_came_and_by_its_class(
    phase: str, code: int, enhanced: str, scope: Scope, action: Action
) -> None:
    assert action_of(phase, code, enhanced, "zxcv") == (scope, action)


@pytest.mark.parametrize(
    ("family", "phase", "reply", "diagnosis"),
    [
        ("microsoft365", "mail", (550, "5.7.30", "Basic authentication is not supported"), "m365-password-login-gone"),
        ("google", "dot", (550, "5.7.30", "DKIM authentication didn't pass"), "google-domain-proof"),
        ("microsoft365", "dot", (550, "5.1.8", "Access denied, bad outbound sender"), "m365-bad-outbound-sender"),
        ("exchange", "dot", (550, "5.1.8", "Access denied"), "exchange-rate-5-1-8"),
    ],
)
def test_the_same_code_means_different_things_at_different_servers(
    family: str, phase: str, reply: tuple[int, str, str], diagnosis: str
) -> None:
    assert judge(Result(phase, *reply), Context(family)).diagnosis == diagnosis


@pytest.mark.parametrize(("policy", "action"), [("retry", Action.RETRY), ("hold", Action.ASK)])
@pytest.mark.parametrize("failure", [None, Failure.TIMEOUT, Failure.CLOSED, Failure.UNINTELLIGIBLE])
def test_a_missing_answer_is_doubtful_and_follows_the_policy(
    policy: str, action: Action, failure: Failure | None
) -> None:
    verdict = judge(Result("dot", failure=failure, in_doubt=True), Context(unknown_policy=policy))
    assert (verdict.severity, verdict.action) == (Severity.DOUBTFUL, action)
    assert not concerns_account(verdict)


def test_a_delivered_message_is_done() -> None:
    assert judge(Result("dot", 250, "2.0.0", "queued"), PLAIN).severity is Severity.DONE
    assert judge(Result("dot", 250, in_doubt=True), PLAIN).severity is Severity.DOUBTFUL


def test_the_first_digit_is_believed_and_the_contradiction_told() -> None:
    soft = judge(Result("rcpt", 450, "5.1.1", "User unknown"), PLAIN)
    assert (soft.severity, soft.action) == (Severity.TEMPORARY, Action.RETRY)
    hard = judge(Result("rcpt", 550, "4.1.1", "User unknown"), PLAIN)
    assert (hard.severity, hard.action) == (Severity.PERMANENT, Action.FAIL)
    assert "contradict" in soft.explanation
    assert "contradict" in hard.explanation
    assert "contradict" not in judge(Result("rcpt", 550, "5.1.1", "x"), PLAIN).explanation


def test_an_enhanced_code_is_found_in_the_words_when_only_some_lines_carry_it() -> None:
    assert action_of("rcpt", 550, "", "Sorry\n5.1.1 no such user") == (Scope.RECIPIENT, Action.SUPPRESS)
    assert action_of("rcpt", 550, "", "see chapter 5.1.1 of the manual")[1] is Action.FAIL


def test_greylisting_is_recognised_before_anything_else_that_says_wait() -> None:
    for code, text in ((450, "4.2.0 Greylisted, see http://postgrey"), (421, "graylisted"), (451, "grey-listing")):
        assert judge(Result("rcpt", code, "", text), PLAIN).diagnosis == GREYLISTED


def test_what_another_server_said_about_one_recipient_never_stops_the_account() -> None:
    """An address verified on the spot brings the far server's words, and those may sound like our own account's."""
    for family in ("", "postfix", "exim"):
        words = "undeliverable address: host mx.example.org[192.0.2.25] said: 554 5.7.1 Relay access denied"
        scope, action = action_of("rcpt", 554, "5.7.1", f"<user@example.org>: {words}", family)
        assert (scope, action) == (Scope.RECIPIENT, Action.FAIL)
        assert action_of("rcpt", 450, "4.1.1", f"<user@example.org>: {words}", family)[1] is Action.RETRY


@pytest.mark.parametrize(
    "address",
    ["<dmarc@example.org>", "spf@example.org", '<"relay access denied"@example.org>', '"unable to relay"@example.org',
     '<"a>b <relay denied"@example.org>', "<greylisted@example.org>", '<"daily limit exceeded"@example.org>',
     '<"x\\" client host blacklisted"@example.org>'],
)  # fmt: skip
@pytest.mark.parametrize("family", ["", "postfix", "exim", "microsoft365"])
def test_what_an_address_is_called_decides_nothing(address: str, family: str) -> None:
    """Who is written to is chosen by strangers, and servers repeat the address."""
    unknown = f"{address}: Recipient address rejected: User unknown in local recipient table"
    assert action_of("rcpt", 550, "5.1.1", unknown, family) == (Scope.RECIPIENT, Action.SUPPRESS)
    assert action_of("rcpt", 550, "", f"{address} go away", family) == (Scope.RECIPIENT, Action.FAIL)


@pytest.mark.parametrize(
    ("code", "enhanced", "text"),
    [
        (550, "5.7.133", "RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; restriction"),
        (550, "5.7.129", "not authorized to send to the recipient because the sender isn't on the recipient's list"),
        (550, "5.7.1", "The sender is not allowed to send mail to this group"),
        (550, "5.7.1", "You are on the blacklist of this recipient"),
        (550, "5.7.1", "Recipient restricts senders, sender not permitted"),
    ],
)
@pytest.mark.parametrize("family", ["", "postfix", "microsoft365", "exchange"])
def test_a_recipient_who_is_choosy_stops_neither_the_sender_nor_the_account(
    code: int, enhanced: str, text: str, family: str
) -> None:
    assert action_of("rcpt", code, enhanced, text, family) == (Scope.RECIPIENT, Action.FAIL)


def test_too_many_connections_at_the_login_is_not_too_many_logins() -> None:
    verdict = judge(Result("auth", 421, "4.7.0", "Too many concurrent SMTP connections"), PLAIN)
    assert (verdict.diagnosis, verdict.action) == ("too-many-connections", Action.SLOW)


def test_a_recipients_own_limit_does_not_stop_the_account_for_a_day() -> None:
    text = "The recipient has reached the daily limit of messages it may receive"
    assert action_of("rcpt", 452, "4.2.1", text) == (Scope.RECIPIENT, Action.RETRY)


def test_the_words_carry_the_accounts_own_names() -> None:
    context = Context(
        "microsoft365", host="smtp.office365.com", port=587, user="relay@acme.example", sender="x@y.example"
    )
    text = "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
    verdict = judge(Result("auth", 535, "5.7.139", text), context)
    assert "Set-CASMailbox -Identity relay@acme.example -SmtpClientAuthenticationDisabled $false" in verdict.remedy
    refused = judge(Result("connect", failure=Failure.REFUSED), context)
    assert refused.title == "smtp.office365.com refuses connections on port 587."


def test_the_words_are_whole_sentences_when_the_names_are_not_known() -> None:
    verdict = judge(Result("rcpt", failure=Failure.CLOSED), PLAIN)
    assert verdict.title == "The server hung up in the middle of the conversation."


def test_braces_in_a_name_are_only_text() -> None:
    verdict = judge(Result("connect", failure=Failure.REFUSED), Context(host="{user}", port=25, user="u", sender="s"))
    assert verdict.title == "{user} refuses connections on port 25."


def test_what_is_not_understood_is_told_apart_so_that_it_can_be_logged_loudly() -> None:
    for result in (Result("dot", 999), Result("quit", 550), Result("rcpt", failure=Failure.INTERNAL)):
        assert judge(result, PLAIN).diagnosis in NOT_UNDERSTOOD
    assert judge(Result("rcpt", 550), PLAIN).diagnosis not in NOT_UNDERSTOOD


@pytest.mark.parametrize(
    ("phase", "code", "enhanced", "whole"),
    [("auth", 535, "", True), ("greeting", 421, "", True), ("rcpt", 450, "", False), ("dot", 451, "", False),
     ("dot", 452, "4.3.1", True), ("rcpt", 550, "5.1.1", False), ("mail", 550, "", False)],
)  # fmt: skip
def test_an_account_rests_only_for_what_concerns_all_its_mail(
    phase: str, code: int, enhanced: str, whole: bool
) -> None:
    assert concerns_account(judge(Result(phase, code, enhanced), PLAIN)) is whole


def test_a_very_long_answer_is_judged_by_its_beginning() -> None:
    assert action_of("rcpt", 550, "", "x" * 3_000 + " greylisted") == (Scope.RECIPIENT, Action.FAIL)
