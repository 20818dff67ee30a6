"""Every dialogue in this folder is played three ways: replies arriving whole, in pieces, and byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.smtp.client import Ended, Failed, Opened, Transmission, open_session, transfer
from tests.dialogues.script import Departure, Prompter, Script, read, told, told_outcome
from tests.dialogues.stage import Stage

DIALOGUES = sorted(Path(__file__).parent.glob("*.txt"))


class Rehearsal(Stage):
    """A stage whose events must be those of the script, in its order."""

    def __init__(self, script: Script, piece: int | None) -> None:
        self.prompter = Prompter(script)
        super().__init__(
            self.prompter,
            script.messages.values(),
            at_hand=lambda _: not script.one_at_a_time,
            marked=self._granted,
            piece=piece,
        )
        self.events = Foretold(self.prompter)

    def _granted(self, transmission: Transmission) -> bool:
        return self.prompter.next_mark(transmission.key)


class Foretold(list[tuple[object, ...]]):
    """A list of events that compares those a script tells of with the script, at once."""

    def __init__(self, prompter: Prompter) -> None:
        super().__init__()
        self._prompter = prompter

    def append(self, event: tuple[object, ...]) -> None:
        super().append(event)
        if event[0] == "soon":
            self._prompter.expect(f"soon {event[1]}")
        elif event[0] == "done":
            self._prompter.expect(told_outcome(event[1], event[2].recipients))  # type: ignore[attr-defined]


def perform(script: Script, piece: int | None) -> tuple[Opened | Failed, Ended | None, Rehearsal]:
    stage = Rehearsal(script, piece)
    opened = stage.play(open_session(script.session_settings()))
    stage.prompter.expect(told(opened))
    ended = None
    if isinstance(opened, Opened):
        ended = stage.play(transfer(opened))
        stage.prompter.expect(told(ended))
    return opened, ended, stage


@pytest.mark.parametrize("piece", [None, 7, 1], ids=["whole", "pieces", "bytes"])
@pytest.mark.parametrize("path", DIALOGUES, ids=[path.stem for path in DIALOGUES])
def test_the_client_says_what_the_dialogue_tells(path: Path, piece: int | None) -> None:
    script = read(path)
    opened, ended, stage = perform(script, piece)
    transcripts = [opened.transcript.text(), *(outcome.transcript.text() for outcome in stage.outcomes.values())]
    shown = repr(opened) + repr(ended) + repr(stage.outcomes) + "".join(transcripts)
    for text in stage.prompter.hidden():
        assert text not in shown
    assert all(character.isprintable() or character == "\n" for character in "".join(transcripts))


def test_there_are_dialogues() -> None:
    """The glob above finds its files: a moved folder must not look like success."""
    assert len(DIALOGUES) >= 40


def test_a_departure_from_a_dialogue_is_noticed(tmp_path: Path) -> None:
    """The runner can fail: another EHLO name is another conversation."""
    path = tmp_path / "other.txt"
    path.write_text("ehlo other.example.org\n---\ns: 220 mx\nc: EHLO app.example.org\ns: 250 mx\nopened\n")
    with pytest.raises(Departure, match=r"other\.txt"):
        perform(read(path), None)
