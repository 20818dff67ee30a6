"""The recipients' page as HTML: a form that needs no script, for a phone as for a desk, light and dark.

Everything from outside is escaped here (P9). The style stands in the page, named by its hash in the policy: nothing is
loaded from anywhere, and nothing else may run or style.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape
from zoneinfo import available_timezones

from postroom.office.preference_values import ChosenKind, PreferenceView
from postroom.policy.tongue import ENGLISH
from postroom.web.preference_words import WORDS, Words

__all__ = ["HEADERS", "invalid_page", "page"]

_STYLE = (
    ":root{color-scheme:light dark;--back:#f4f6f8;--card:#fff;--text:#1a1f26;--soft:#4a5563;--line:#7b8794;"
    "--accent:#0b57d0;--on:#fff;--good:#0f5132;--goodback:#e3f4ea;--bad:#8a1c1c;--badback:#fdecec}"
    "@media(prefers-color-scheme:dark){:root{--back:#12161b;--card:#1c2229;--text:#e9edf2;--soft:#b3bdc9;"
    "--line:#77828f;--accent:#8ab8ff;--on:#0b1522;--good:#b8ecc9;--goodback:#123524;--bad:#ffc9c9;--badback:#431a1a}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--text);font:1rem/1.5 system-ui,sans-serif}"
    "main{max-width:42rem;margin:0 auto;padding:1.5rem 1rem 4rem}h1{font-size:1.6rem;line-height:1.25;margin:0}"
    "p{margin:.25rem 0 .75rem}.soft{color:var(--soft)}"
    ".card,fieldset{background:var(--card);border:1px solid var(--line);border-radius:.75rem;margin:1rem 0;"
    "padding:1rem;min-width:0}legend{font-weight:600;padding:0 .4rem;font-size:1.05rem}"
    ".ways{display:grid;gap:.4rem;grid-template-columns:repeat(auto-fit,minmax(12rem,1fr))}"
    ".ways label{display:flex;align-items:center;gap:.6rem;min-height:2.75rem;padding:.3rem .7rem;"
    "border:1px solid var(--line);border-radius:.5rem;cursor:pointer}"
    ".ways label:has(:checked){border-color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}"
    "input[type=radio]{width:1.2rem;height:1.2rem;accent-color:var(--accent);flex:none;margin:0}"
    ".row{display:grid;gap:.25rem;margin:.75rem 0 0}select{font:inherit;color:var(--text);background:var(--card);"
    "border:1px solid var(--line);border-radius:.5rem;min-height:2.75rem;padding:0 .6rem;width:100%}"
    "button{font:inherit;font-weight:600;min-height:2.75rem;padding:.4rem 1.2rem;border-radius:.5rem;cursor:pointer;"
    "border:1px solid var(--accent);background:var(--accent);color:var(--on)}"
    "button.second{background:transparent;color:var(--accent)}"
    ":focus-visible{outline:3px solid var(--accent);outline-offset:2px}"
    ".good,.bad{border-radius:.5rem;padding:.75rem 1rem;margin:1rem 0}"
    ".good{background:var(--goodback);color:var(--good)}"
    ".bad{background:var(--badback);color:var(--bad)}.address{overflow-wrap:anywhere;font-weight:600}"
    "@media(min-width:40rem){main{padding-top:3rem}}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
}
_LANGUAGES = {"en": "English", "de": "Deutsch"}
_REGIONS = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


def page(
    view: PreferenceView, language: str, *, came_for: Sequence[str] = (), done: str = "", wrong: Iterable[str] = ()
) -> str:
    """`came_for`: kinds of the mail whose link was followed; `done`: `saved` or `stopped`; `wrong`: sentences."""
    words = WORDS.get(language, WORDS[ENGLISH])
    titles = ", ".join(one.kind.called(language) for one in view.kinds if one.kind.name in came_for)
    address = f'<span class="address">{escape(view.preference.address)}</span>'
    parts = [f"<h1>{escape(words.title)}</h1><p>{escape(words.lead).replace('{address}', address)}</p>"]
    parts.append(_told(words, done, titles, list(wrong)))
    if view.suppression is not None:
        parts.append(f'<p class="bad">{escape(words.suppressed)}</p>')
    if titles and done != "stopped":
        parts.append(_stop(words, titles))
    shown = [one for one in view.kinds if one.may or one.kind.mandatory]
    if any(one.may for one in shown):
        parts.append(_form(view, shown, words, language))
    else:
        parts.append(f'<p class="card">{escape(words.nothing)}</p>')
    return _whole("".join(parts), words.title, language)


def invalid_page(language: str) -> str:
    words = WORDS.get(language, WORDS[ENGLISH])
    told = f"<p>{escape(words.invalid_lead)}</p><p>{escape(words.invalid_mend)}</p>"
    return _whole(f"<h1>{escape(words.invalid)}</h1>{told}", words.invalid, language)


def _told(words: Words, done: str, titles: str, wrong: list[str]) -> str:
    if wrong:
        items = "".join(f"<li>{escape(one)}</li>" for one in wrong)
        return f'<div class="bad" role="alert"><p>{escape(words.wrong)}</p><ul>{items}</ul></div>'
    text = {"saved": words.saved, "stopped": words.stopped.format(kinds=titles)}.get(done, "")
    return f'<p class="good" role="status">{escape(text)}</p>' if text else ""


def _stop(words: Words, titles: str) -> str:
    return (
        f'<form class="card" method="post"><p>{escape(words.stop.format(kinds=titles))}</p>'
        f'<button class="second" name="do" value="stop">{escape(words.stop_button)}</button></form>'
    )


def _form(view: PreferenceView, shown: list[ChosenKind], words: Words, language: str) -> str:
    parts = ['<form method="post">']
    parts += [_kind(place, one, words, language) for place, one in enumerate(shown)]
    if view.choose:
        parts.append(_times(view, words))
    parts.append(f'<button name="do" value="save">{escape(words.save)}</button></form>')
    return "".join(parts)


def _kind(place: int, one: ChosenKind, words: Words, language: str) -> str:
    about = escape(one.kind.explained(language))
    described = f'<p class="soft" id="about{place}">{about}</p>' if about else ""
    legend = f"<legend>{escape(one.kind.called(language))}</legend>"
    if not one.may:
        return f"<fieldset>{legend}{described}<p>{escape(words.always)}</p></fieldset>"
    name = escape(f"way.{one.kind.name}")
    ways = "".join(
        f'<label><input type="radio" name="{name}" value="{way.value}"{" checked" if way is one.way else ""}>'
        f"{escape(words.ways[way])}</label>"
        for way in (one.may if one.way in one.may else (one.way, *one.may))
    )
    reads = f' aria-describedby="about{place}"' if about else ""
    return f'<fieldset{reads}>{legend}{described}<div class="ways">{ways}</div></fieldset>'


def _times(view: PreferenceView, words: Words) -> str:
    mine = view.preference
    hours = [(str(hour), f"{hour:02d}:00") for hour in range(24)]
    days = [(str(number), day) for number, day in enumerate(words.weekdays)]
    zones = [("", words.as_usual.format(value=view.time_zone)), *((name, name) for name in _zones())]
    languages = [("", words.as_usual.format(value=_LANGUAGES.get(view.language, view.language))), *_LANGUAGES.items()]
    if mine.time_zone:
        zones[0] = ("", words.as_usual.format(value="…"))
    if mine.language:
        languages[0] = ("", words.as_usual.format(value="…"))
    return (
        f'<fieldset><legend>{escape(words.digests)}</legend><p class="soft">{escape(words.digests_lead)}</p>'
        + _select("hour", words.hour, hours, str(mine.hour))
        + _select("weekday", words.weekday, days, str(mine.weekday))
        + _select("time_zone", words.time_zone, zones, mine.time_zone)
        + _select("language", words.language, languages, mine.language)
        + "</fieldset>"
    )


def _select(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> str:
    shown = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in options
    )
    field = f'<select id="{name}" name="{name}">{shown}</select>'
    return f'<div class="row"><label for="{name}">{escape(label)}</label>{field}</div>'


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(_REGIONS)))


def _whole(content: str, title: str, language: str) -> str:
    shown = language if language in WORDS else ENGLISH
    head = f'<!doctype html><html lang="{shown}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f"{head}{view}<style>{_STYLE}</style></head><body><main>{content}</main></body></html>"
