"""The web console: pages from the server over the same facades as the API, under `/console`.

Rules it keeps: it asks `office`, `outbox` and `reports` and nothing else, so it can do nothing that the API could not;
every page works without script; no page loads, runs or styles anything that is not a file of `static/` (so there is no
inline script, no `style=` attribute, no `onclick`); text from outside is escaped by the templates, never marked safe.

How to write a page
-------------------
1.  A module of its own here, with its pages, listed in `app.PARTS`:

        pages = Pages()

        @pages.get("/accounts", Scope.SETTINGS_READ)
        async def accounts(visit: Visit) -> Response:
            found = await visit.wait(visit.office.accounts(visit.actor, visit.tenant))
            return visit.page("accounts/list.html", accounts=found)

    Without the right named there the answer is a kind refusal; `navigation` shows an entry only to who has it, and
    templates ask `may(Scope.SETTINGS_WRITE)` before they show a button. The facades check every right again. Give
    office verbs `visit.actor` and `visit.tenant`; verbs without a tenant argument get `visit.there` as their actor.
2.  A template in `templates/` that extends `frame.html` (blocks: title, above, lead, actions, content) and imports its
    parts from `parts/fields.html` and `parts/shown.html`. Addresses are always `url("/accounts")`: it keeps the tenant
    that is looked at. `here(cursor=…)` is the same page with another query. Times are `ms|ago`, `ms|moment`, `ms|day`,
    numbers `n|number`, `octets|size`, `ms|seconds`; text from mail servers and mails is `text|printable`. Ids as people
    write them: `encode("a", account.id)`.
3.  Words in English where they are used: `_("…")`, `_("Hello %(name)s", name=name)`, `_html("…<b>%(name)s</b>…",
    name=name)`, `_count("one thing", "%(number)s things", number)`; in Python `visit.say("…")`, and `N_` for what is
    told later. Then `PYTHONPATH=. .venv/bin/python tools/words.py GROUP` puts what is missing into
    `words/de/GROUP.po` (a group of your own), to be told in German there. A per cent sign is plain unless something is
    filled in. Who is spoken to is "you", in German "Sie".
4.  A form posts to its own address, carries `{{ form_token() }}`, and answers with a page (422) or `visit.go`:

        @pages.post("/senders/new", Scope.SETTINGS_WRITE)
        async def create(visit: Visit) -> Response:
            values = visit.form.given("address", "name")
            try:
                made = await visit.wait(visit.office.create_sender(visit.actor, values, visit.tenant))
            except PostroomError as error:
                return visit.refused("senders/form.html", error)        # faults at the fields, input kept
            return visit.go("/senders", said=visit.say("The sender is there."))

    Values go to the office as text, where the API's own readers take them; fields are called what the API calls them.
    The first page of a form is `form=Form.of({...stored values...})`. `parts/fields.html` has `summary` (put it on
    top), `field`, `secret` (never filled in), `area`, `select`, `radios`, `check`, `checks`, `buttons`.
5.  What can't be undone is a page of its own: `visit.page("confirm.html", form=visit.form, title=…, sentence=…,
    consequences=[…], action=url, save=…, cancel=url)`. What is shown once (a key) is the answer to the POST itself.
6.  Another site (OAuth, OIDC) is reached by `visit.away(address)`: no form may lead there.
7.  What is live: an element with an id and `data-live="5"` takes its content anew from the same page every 5 s;
    `data-live-from` names another address; with `data-live-news="{{ url('/live') }}"` it looks as soon as there is news
    of the tenant's mail. `data-follows`, `data-shown-for`, `data-confirm`, `data-copy`, `data-once`: see
    `static/console.js`.
8.  Tables are `<table class="table cards-on-phone">`, with `data-label="Column"` on every `td` and the row's name in
    `<th scope="row">`. Lists that are empty say so with `empty(...)`.
9.  A test in `tests/browser` opens the page, does what people do there, and asks `console.looks_right(page, "name")`
    (axe in both themes, 320 pixels, pictures into the folder that POSTROOM_PICTURES names). Look at the pictures.
"""

from postroom.web.console.app import Console

__all__ = ["Console"]
