"""`postroom kind`, `recipient` and `suppression` on the command line, as they are used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.rigs.postroom import Postroom
from tests.rigs.shell import Shell


def test_a_kind_is_made_chosen_and_a_list_is_kept(make_postroom: Callable[..., Postroom], tmp_path: Path) -> None:
    shell = Shell(make_postroom().start().environment(), tmp_path)
    shell.run("settings", "recipients_choose=true", "time_zone=europe/prague").expect()
    assert "bulk" in shell.run("kind", "add", "news", "--title", "News", "--way", "daily", "--bulk").expect().out
    shell.run("kind", "edit", "news", "--description", "What is new").expect()
    assert "What is new" in shell.run("kind", "show", "news").expect().out
    assert "mandatory" in shell.run("kind", "edit", "news", "--mandatory").expect(1).err
    shown = shell.run("recipient", "set", "Ann@example.org", "--way", "news=weekly", "--hour", "7").expect().out
    assert ("weekly" in shown, "7:00" in shown) == (True, True)
    assert "is none of" in shell.run("recipient", "set", "ann@example.org", "--way", "news=yearly").expect(1).err
    assert "/preferences/" in shell.run("recipient", "link", "ann@example.org").expect().out
    (tmp_path / "list.csv").write_text("address,why\na@example.org,complaint\nb@example.org,\n")
    assert "2 recipients" in shell.run("suppression", "import", str(tmp_path / "list.csv")).expect().out
    shell.run("suppression", "release", "b@example.org").expect()
    assert "a@example.org,complaint" in shell.run("suppression", "export").expect().out
    assert "b@example.org" not in shell.run("suppression", "list").expect().out
    assert "[kinds.news]" in shell.run("export").expect().out
    shell.run("kind", "delete", "news").expect()
    assert "d_" in shell.run("history", "deleted").expect().out
