"""What a recipient may choose, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from postroom.model.kind import Kind, Way
from postroom.model.preference import Preference, Suppression
from postroom.office.fields import Reader, Reading, Unfit, count, one_of, time_zone
from postroom.policy.preference import offered, way_of
from postroom.policy.tongue import LANGUAGES
from postroom.sentence import Sentence

__all__ = ["ChosenKind", "PreferenceView", "choices_of", "chosen_from", "may_choose"]


@dataclass(frozen=True, slots=True)
class ChosenKind:
    """`way`: how he gets it; `chosen`: whether he said so himself; `may`: what he may choose, nothing if mandatory."""

    kind: Kind
    way: Way
    chosen: bool
    may: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class PreferenceView:
    """What a recipient chose and may choose. `language`, `time_zone`: what holds, his own or the tenant's."""

    preference: Preference
    kinds: tuple[ChosenKind, ...]
    language: str
    time_zone: str
    choose: bool
    suppression: Suppression | None = None


def may_choose(kind: Kind, *, choose: bool) -> tuple[Way, ...]:
    """Everything where recipients choose; of bulk mail at least whether."""
    if not offered(kind, choose=choose):
        return ()
    return tuple(Way) if choose else tuple(dict.fromkeys((kind.way, Way.NONE)))


def choices_of(kinds: tuple[Kind, ...], preference: Preference, *, choose: bool) -> tuple[ChosenKind, ...]:
    return tuple(
        ChosenKind(
            kind,
            way_of(kind, preference, choose=choose),
            kind.name.casefold() in preference.ways,
            may_choose(kind, choose=choose),
        )
        for kind in kinds
    )


def _language(value: object) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    if text and text not in LANGUAGES:
        raise Unfit(
            Sentence("is none of {languages}.", languages=", ".join(LANGUAGES)),
            "Choose one of these, or leave it empty.",
        )
    return text


def _zone(value: object) -> str:
    return "" if value is None or value == "" else str(time_zone(value))


_READERS: dict[str, Reader] = {
    "language": _language,
    "time_zone": _zone,
    "hour": count(0, 23),
    "weekday": count(0, 6),
}
_WAY = one_of(Way)


def chosen_from(
    given: Mapping[str, object], preference: Preference, kinds: tuple[Kind, ...], *, choose: bool
) -> Preference:
    """The preference with what is given. Raises BadInput with every fault."""
    reading = Reading()
    for typed, value in given.items():
        if typed in _READERS:
            reading.take(typed, _READERS[typed], value)
        elif typed != "ways":
            reading.unknown(typed, [*_READERS, "ways"])
    ways = dict(preference.ways)
    _take_ways(given.get("ways"), ways, kinds, choose, reading)
    values: dict[str, Any] = reading.close()
    return replace(preference, **values, ways=ways)


def _take_ways(given: object, ways: dict[str, Way], kinds: tuple[Kind, ...], choose: bool, reading: Reading) -> None:
    if given is None:
        return
    if not isinstance(given, Mapping):
        reading.fault("ways", "is no object of kinds.", 'Write {"news": "daily"}.')
        return
    known = {kind.name.casefold(): kind for kind in kinds}
    for name, value in given.items():
        kind = known.get(str(name).casefold())
        if kind is None:
            there = ", ".join(sorted(one.name for one in kinds)) or "none yet"
            reading.fault(
                "ways", "names a kind of mail that is not there.", Sentence("There are: {there}.", there=there)
            )
            continue
        if value is None:
            ways.pop(kind.name.casefold(), None)
            continue
        try:
            way = _WAY(value)
        except Unfit as unfit:
            reading.fault(f"ways.{kind.name}", unfit.problem, unfit.mend)
            continue
        may = may_choose(kind, choose=choose)
        if way in may:
            ways[kind.name.casefold()] = way
        elif not may:
            problem = (
                "can't be chosen: it is mandatory." if kind.mandatory else "is nothing that recipients choose here."
            )
            reading.fault(f"ways.{kind.name}", problem, "Leave it out.")
        else:
            reading.fault(
                f"ways.{kind.name}", "can't be chosen here.", Sentence("There are: {may}.", may=", ".join(may))
            )
