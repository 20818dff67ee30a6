"""The staged test of an account: its form, its steps as they happen, *Apply*, and a page that a colleague can be sent.

The steps come by themselves: with script the page's part is taken anew every second, without it the page reloads itself
until the test is over.
"""

from __future__ import annotations

from starlette.responses import Response

from postroom import ids
from postroom.errors import NotFound, PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.staged import Finding, StagedState, StagedStep, StagedTest, StepName
from postroom.model.tenant import Mode
from postroom.policy.diagnosis import catalogue
from postroom.policy.sentences import tell
from postroom.policy.staged_words import NAMES, Explained, explained, sentence
from postroom.web.console.field_labels import field_label
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_
from postroom.work.testing import Asked

__all__ = ["pages", "test_path"]

pages = Pages()
_MOST_UNKNOWN = 50

NATIVE = "native"
_LETTER = "e"
_LABELS = {
    "account": N_("Account"),
    "to": N_("Recipient"),
    "subject": N_("Subject"),
    "text": N_("Message"),
    "secret": N_("Password"),
}
STATES = {
    StagedState.RUNNING: ("wait", N_("The test runs")),
    StagedState.PASSED: ("good", N_("It works: the server took the message")),
    StagedState.FAILED: ("bad", N_("It did not go")),
    StagedState.INCOMPLETE: ("warn", N_("Nothing failed, but the message was not taken either")),
    StagedState.STOPPED: ("warn", N_("The test was cut short")),
}
FINDINGS = {
    Finding.PASSED: ("good", N_("passed")),
    Finding.FAILED: ("bad", N_("failed")),
    Finding.WAITING: ("wait", N_("under way")),
    Finding.NOT_TESTED: ("idle", N_("not tested")),
    Finding.NOT_NEEDED: ("idle", N_("not needed")),
}


def test_path(test: StagedTest) -> str:
    """Where a test is read."""
    return f"/tests/{ids.encode(_LETTER, test.id)}"


@pages.get("/test", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    account = visit.query.get("account", "")
    return await _form(visit, Form.of({"account": account}), prefill=True)


@pages.post("/test", Scope.SETTINGS_WRITE)
async def start(visit: Visit) -> Response:
    form = visit.form
    asked = Asked(form.text("account"), form.text("to"), form.text("subject"), form.text("text"))
    try:
        test = await visit.desk.testing.start(visit.actor, asked, visit.tenant)
    except PostroomError as error:
        return await _form(visit, form.refused(error), status=error.status)
    return visit.go(test_path(test))


@pages.get("/tests/{test}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    return await _page(visit, await _meant(visit), Form())


@pages.post("/tests/{test}/apply", Scope.SETTINGS_WRITE)
async def apply(visit: Visit) -> Response:
    """Sets what mends a diagnosis, and tests again."""
    test, form = await _meant(visit), visit.form
    if test.account_id is None:
        raise NotFound("There is no such account here.")
    try:
        secret = form.text("secret") or None
        applying = visit.office.apply_diagnosis(
            visit.actor, test.account_id, form.text("diagnosis"), secret, visit.tenant
        )
        await visit.wait(applying)
        asked = Asked(encode("a", test.account_id), test.to, test.subject)
        again = await visit.desk.testing.start(visit.actor, asked, visit.tenant)
    except PostroomError as error:
        return await _page(visit, test, form.refused(error), status=error.status)
    return visit.go(test_path(again), visit.say("It is set, and tested again."))


async def _form(visit: Visit, form: Form, *, prefill: bool = False, status: int = 200) -> Response:
    views = await visit.wait(visit.office.accounts(visit.actor, visit.tenant))
    options = [(encode("a", one.account.id), one.account.name) for one in views]
    if visit.office.snapshot.settings(visit.tenant_id).mode.value is Mode.NATIVE:
        options.append((NATIVE, visit.say("The host's own mail command")))
    chosen = form.text("account") or next((encode("a", one.account.id) for one in views if one.is_default), "")
    chosen = chosen or (options[0][0] if options else "")
    recent: list[StagedTest] = []
    unknown = await visit.wait(visit.reports.unknown_answers(visit.actor, visit.tenant))
    if chosen and prefill:
        filled = await visit.desk.testing.prefilled(visit.actor, chosen, visit.tenant)
        form = Form.of({"account": chosen, **filled})
    if chosen and chosen != NATIVE and not form.wrong:
        recent = list(await visit.desk.testing.recent(visit.actor, chosen, visit.tenant))
    return visit.page(
        "tests/new.html",
        status,
        form=form,
        options=options,
        recent=[(one, test_path(one), STATES[one.state]) for one in recent[:10]],
        unknown=[(one, _explained_as(one.diagnosis, visit.language)) for one in unknown[:_MOST_UNKNOWN]],
        labels={name: visit.say(text) for name, text in _LABELS.items()},
    )


def _explained_as(diagnosis: str, language: str) -> str:
    """The title of the general rule that explains such an answer meanwhile."""
    rule = next((one for one in catalogue().rules if one.id == diagnosis), None)
    return diagnosis if rule is None else tell(rule.title, language)


async def _page(visit: Visit, test: StagedTest, form: Form, *, status: int = 200) -> Response:
    known = {one.step: one for one in test.latest}
    failed = next((one for one in known.values() if one.diagnosis and one.diagnosis.apply), None)
    mend = _mend(visit, test, failed) if failed else None
    loses = False
    if mend and test.account_id is not None and failed and failed.diagnosis:
        values = dict(failed.diagnosis.apply)
        loses = await visit.wait(visit.office.loses_secret(visit.actor, test.account_id, values, visit.tenant))
    return visit.page(
        "tests/show.html",
        status,
        form=form,
        test=test,
        id=ids.encode(_LETTER, test.id),
        state=STATES[test.state],
        running=test.state is StagedState.RUNNING,
        steps=[_row(test, name, known.get(name), visit.language) for name in StepName],
        findings=FINDINGS,
        mend=mend,
        loses=loses,
        saved=test.account_id is not None and test.account_id >= 0,
        account_path=_account_path(test),
        address=str(visit.request.url),
        labels={name: visit.say(text) for name, text in _LABELS.items()},
    )


def _account_path(test: StagedTest) -> str:
    """Of a saved account; empty where there is none."""
    number = test.account_id
    return "" if number is None or number < 0 else f"/accounts/{encode('a', number)}"


def _row(
    test: StagedTest, name: StepName, step: StagedStep | None, tongue: str
) -> tuple[StepName, str, StagedStep | None, str, Explained | None]:
    """A step as the page shows it: its title, what was seen of it, the sentence, and what explains a failure."""
    if step is None:
        return name, NAMES[tongue][name], None, "", None
    skipped = step.finding is Finding.NOT_TESTED and step.seen.get("because", "before") == "before"
    words = "" if skipped else sentence(step, tongue)  # its mark says so already
    return name, NAMES[tongue][name], step, words, explained(test, step, tongue)


def _mend(visit: Visit, test: StagedTest, step: StagedStep) -> list[str] | None:
    """What *Apply* would set, a sentence each; None where it can't be done from here."""
    if step.diagnosis is None or test.edited or (test.account_id or -1) < 0 or not visit.may(Scope.SETTINGS_WRITE):
        return None
    return [
        visit.say("%(field)s becomes %(value)s.", field=field_label(visit, "account", name), value=value)
        for name, value in step.diagnosis.apply.items()
    ]


async def _meant(visit: Visit) -> StagedTest:
    """Raises NotFound."""
    number = ids.decode(_LETTER, visit.request.path_params["test"])
    if number is None:
        raise NotFound("There is no such test here.")
    return await visit.desk.testing.read(visit.actor, number, visit.tenant)
