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
    # The console's colours and measures, for one page that loads nothing.
    ":root{color-scheme:light dark;--paper:light-dark(#fbfbfa,#14161a);--card:light-dark(#fff,#1b1e24);"
    "--ink:light-dark(#1d2129,#e7e9ee);--soft:light-dark(#596070,#a4abb9);--line:light-dark(#e3e5e8,#2c313a);"
    "--edge:light-dark(#868d9a,#717a8a);--accent:light-dark(#2a56c6,#8fb0ff);--deep:light-dark(#1f449f,#adc5ff);"
    "--wash:light-dark(#edf2fd,#1d2a47);--on:light-dark(#fff,#0d1730);--good:light-dark(#18703f,#6fd09a);"
    "--goodwash:light-dark(#e7f4ec,#15301f);--bad:light-dark(#b3261e,#ff9c93);--badwash:light-dark(#fdedeb,#3c1b19)}"
    "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%;scroll-padding-bottom:5rem}"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    'font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}'
    "main{max-width:44rem;margin:0 auto;padding:1.5rem 1rem 4rem}p{margin:.25rem 0 .75rem;text-wrap:pretty}"
    "h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem;font-weight:640;letter-spacing:-.011em}"
    ".soft{color:var(--soft)}.address{overflow-wrap:anywhere;font-weight:600}"
    ".card,fieldset{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:1rem 0;"
    "padding:1rem 1.15rem;min-width:0;box-shadow:0 1px 2px light-dark(rgb(20 25 40/6%),rgb(0 0 0/40%))}"
    "legend{float:left;width:100%;padding:0;font-size:1.125rem;font-weight:640;letter-spacing:-.011em}"
    "legend+*{clear:both}.card p:last-of-type{margin-bottom:1rem}"
    ".ways{display:grid;gap:.5rem;grid-template-columns:repeat(auto-fill,minmax(min(13rem,100%),1fr))}"
    ".ways label{display:flex;align-items:center;gap:.65rem;min-height:2.75rem;padding:.35rem .8rem;"
    "border:1px solid var(--edge);border-radius:8px;cursor:pointer}.ways label:hover{border-color:var(--accent)}"
    ".ways label:has(:checked){border-color:var(--accent);background:var(--wash);"
    "box-shadow:inset 0 0 0 1px var(--accent)}"
    ".ways label:has(:focus-visible){outline:3px solid var(--accent);outline-offset:2px}"
    "input[type=radio]{width:1.15rem;height:1.15rem;accent-color:var(--accent);flex:none;margin:0;outline:none}"
    ".rows{display:grid;gap:.9rem 1rem;grid-template-columns:repeat(auto-fit,minmax(min(15rem,100%),1fr))}"
    ".row{display:grid;gap:.3rem;min-width:0}.row label{font-weight:560}"
    "select{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--edge);border-radius:8px;"
    "min-height:2.75rem;padding:0 .6rem;width:100%}"
    "button{font:inherit;font-weight:600;min-height:2.75rem;padding:.4rem 1.4rem;border-radius:8px;cursor:pointer;"
    "border:1px solid var(--accent);background:var(--accent);color:var(--on)}"
    "button:hover{background:var(--deep);border-color:var(--deep)}"
    "button.second{background:transparent;color:var(--accent)}button.second:hover{background:var(--wash)}"
    ":focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}"
    ".good,.bad{border-radius:10px;padding:.75rem 1rem;margin:1rem 0;font-weight:560}"
    ".good{background:var(--goodwash);color:var(--good)}.bad{background:var(--badwash);color:var(--bad)}"
    ".save{position:sticky;bottom:0;padding:.75rem 0;background:linear-gradient(transparent,var(--paper) 30%)}"
    "@media(max-width:30rem){.save button{width:100%}}@media(min-width:40rem){main{padding-top:3rem}}"
    "@media(forced-colors:active){.ways label:has(:checked){outline:2px solid}}"
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
    parts.append(f'<div class="save"><button name="do" value="save">{escape(words.save)}</button></div></form>')
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
        '<div class="rows">'
        + _select("hour", words.hour, hours, str(mine.hour))
        + _select("weekday", words.weekday, days, str(mine.weekday))
        + _select("time_zone", words.time_zone, zones, mine.time_zone)
        + _select("language", words.language, languages, mine.language)
        + "</div></fieldset>"
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
