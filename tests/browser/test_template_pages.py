"""Templates in the console: taken over, written, looked at as phones and desks show them, tried."""

from __future__ import annotations

import itertools

from playwright.sync_api import Page, expect

from postroom.ids import encode
from tests.browser.rig import ConsoleRig

_names = itertools.count(1)
HOSTILE = (
    "<h1 class='t'>Hi {{ name }}</h1><img src='https://tracker.example/x.png' alt='x'>"
    "<style>.t { color: rgb(1, 2, 3) } "
    "@media (prefers-color-scheme: dark) { .t { color: rgb(9, 8, 7) !important } }</style>"
)


def tenant(console: ConsoleRig) -> tuple[int, str]:
    office, boss = console.api.engine.office, console.api._actor
    number = office.create_tenant(boss, f"Templates {next(_names)}").result(60).id
    return number, f"/in/{encode('t', number)}"


def colour(page: Page, frame: str) -> str:
    heading = page.frame_locator(f"iframe[name={frame}]").locator("h1")
    expect(heading).to_be_visible()
    return str(heading.evaluate("one => getComputedStyle(one).color"))


def test_a_ready_template_is_looked_at_and_taken_over(console: ConsoleRig) -> None:
    number, at = tenant(console)
    page = console.open(f"{at}/templates", script=False)
    page.get_by_role("link", name="password-reset").click()
    dark = page.frame_locator("iframe.phone.dark").get_by_role("link", name="Choose a new password")
    expect(dark).to_be_visible()
    assert dark.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(124, 196, 220)"
    page.get_by_role("button", name="Use this one").click()
    expect(page.get_by_role("status")).to_contain_text("password-reset is yours now")
    office, boss = console.api.engine.office, console.api._actor
    assert [one.name for one in office.templates(boss, number).result(60)] == ["password-reset"]
    page.get_by_role("link", name="de", exact=True).click()
    expect(page.get_by_label("Subject")).to_have_value("Neues Passwort für {{ service }} wählen")
    made = office.template(boss, "password-reset", number).result(60)
    console.looks_right(console.open(f"{at}/templates/{encode('v', made.id)}"), "template-editor")
    console.looks_right(console.open(f"{at}/templates"), "templates")


def test_a_template_is_written_tried_and_changed_without_script(console: ConsoleRig) -> None:
    """Faults stand at the fields with the input kept; what is not saved is shown in the frame that is asked for."""
    number, at = tenant(console)
    office, boss = console.api.engine.office, console.api._actor
    page = console.open(f"{at}/templates/new", script=False)
    page.get_by_label("The word that applications use").fill("hello")
    page.get_by_label("Language of these words").fill("en")
    page.get_by_label("Subject").fill("Hi {{ name }}")
    page.get_by_label("HTML", exact=True).fill("<p>{{ nme }}</p>")
    page.get_by_label("Name of variable 1").fill("name")
    page.get_by_label("Sample of variable 1").fill("Ann")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("names “nme”, which is no variable of it")
    expect(page.get_by_label("HTML", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Sample of variable 1")).to_have_value("Ann")
    page.get_by_label("HTML", exact=True).fill(HOSTILE)
    page.get_by_role("button", name="Show Phone, dark").click()
    assert colour(page, "phone-dark") == "rgb(9, 8, 7)"
    page.get_by_role("button", name="Show Desk, light").click()
    assert colour(page, "desk-light") == "rgb(1, 2, 3)"
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("hello is there")
    assert office.template(boss, "hello", number).result(60).variables[0].sample == "Ann"
    page.get_by_label("Subject").fill("Ho {{ name }}")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Versions").click()
    expect(page.get_by_text("Ho {{ name }}")).to_be_visible()


def test_the_preview_follows_what_is_typed(console: ConsoleRig) -> None:
    number, at = tenant(console)
    office, boss = console.api.engine.office, console.api._actor
    values = {"name": "live", "texts": {"en": {"subject": "S", "html": "<h1>Before</h1>"}}}
    made = office.create_template(boss, values, number).result(60)
    page = console.open(f"{at}/templates/{encode('v', made.id)}")
    frames = [
        page.frame_locator(f"iframe[name={name}]") for name in ("phone-light", "phone-dark", "desk-light", "desk-dark")
    ]
    for frame in frames:
        expect(frame.locator("h1")).to_have_text("Before")
    page.get_by_label("HTML", exact=True).fill("<h1>After</h1>")
    for frame in frames:
        expect(frame.locator("h1")).to_have_text("After")
    page.get_by_label("HTML", exact=True).fill("<h1>{{ x }}</h1>")
    expect(frames[0].get_by_text("which is no variable of it")).to_be_visible()
    assert office.template(boss, "live", number).result(60).version == 1


def test_a_mail_to_oneself_has_the_samples(console: ConsoleRig) -> None:
    number, at = tenant(console)
    office, boss = console.api.engine.office, console.api._actor
    office.change_tenant(boss, {"mode": "silent"}, number).result(60)
    office.create_sender(boss, {"address": "shop@example.com"}, number).result(60)
    made = office.use_ready(boss, "alert", "", number).result(60)
    page = console.open(f"{at}/templates/{encode('v', made.id)}")
    page.get_by_label("Send it to").fill("nobody")
    page.get_by_label("Send it to").evaluate("one => one.type = 'text'")
    page.get_by_role("button", name="Send it to me").click()
    expect(page.get_by_role("alert")).to_contain_text("Send it to")
    page.get_by_label("Send it to").fill("me@example.org")
    page.get_by_role("button", name="Send it to me").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Greenhouse 2: The temperature is below 4 °C")


def test_a_layout_is_made_and_is_the_default(console: ConsoleRig) -> None:
    number, at = tenant(console)
    page = console.open(f"{at}/layouts/new", script=False)
    page.get_by_label("The word that templates use").fill("house")
    page.get_by_label("HTML").fill("<b>nothing</b>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("does not say where the mail's own words go")
    page.get_by_label("HTML").fill("<b>{{ content }}</b>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="house")).to_be_visible()
    assert console.api.engine.office.snapshot.default_layout(number).name == "house"
