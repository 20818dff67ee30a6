"""What the command line says of providers: the list, and one of them by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from postroom.cli.command import Call
from postroom.cli.terminal import Cell, Terminal

__all__ = ["fills_host", "preset_named", "say_presets"]


def preset_named(call: Call, text: str) -> Mapping[str, Any]:
    """The preset as the API tells of it; empty without one, and for one it does not know, which it refuses itself."""
    name, _, region = text.strip().lower().partition(":")
    if not name:
        return {}
    known: Sequence[Mapping[str, Any]] = call.desk.get("/v1/presets").get("presets", [])
    for one in known:
        if one.get("id") == name:
            return {**one, "host": (one.get("regions") or {}).get(region) or one.get("host")}
    return {}


def fills_host(values: Mapping[str, Any], preset: Mapping[str, Any]) -> bool:
    """Whether no host has to be asked for: the preset has one, or Postroom will say what is wrong with its name."""
    return bool(values.get("preset")) and not (preset and not preset.get("host") and not preset.get("regions"))


def say_presets(terminal: Terminal, presets: Sequence[Mapping[str, Any]]) -> None:
    for each in presets:
        where = f"{each.get('host') or '(your server)'}:{each.get('port')} {each.get('encryption')}"
        if not each.get("host") and each.get("regions"):
            where = f"(by region):{each.get('port')} {each.get('encryption')}"
        terminal.line(Cell(str(each.get("id")), "strong"), f"  {each.get('name')}  ", Cell(where, "dim"))
        if each.get("regions"):
            regions = ", ".join(f"{each.get('id')}:{region}" for region in each["regions"])
            terminal.paragraph(f"Regions: {regions}", indent="  ")
        limits = ", ".join(
            f"{name.replace('_', ' ')} {number:,}" for name, number in (each.get("limits") or {}).items()
        )
        if limits:
            terminal.line(f"  Limits: {limits}")
        terminal.paragraph(f"User name: {each.get('user_words')}.", indent="  ")
        terminal.paragraph(str(each.get("hint")), indent="  ", style="dim")
