"""Every dialogue of this folder is played three ways: what the client says arriving whole, in pieces, byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dialogues.server.player import Departure, play, read

DIALOGUES = sorted(Path(__file__).parent.glob("*.txt"))
PIECES = {"whole": None, "pieces": 7, "bytes": 1}


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("path", DIALOGUES, ids=[path.stem for path in DIALOGUES])
def test_the_server_says_what_the_dialogue_tells(path: Path, piece: str) -> None:
    script = read(path)
    stage = play(script, None if script.whole_only else PIECES[piece])
    assert stage.held == 0, "room for what is over was not given back"


def test_there_are_dialogues() -> None:
    """The glob above finds its files: a moved folder must not look like success."""
    assert len(DIALOGUES) >= 35


@pytest.mark.parametrize("wrong", ["s: 250 other.example.org", "s: 250-mail.example.org", "over", "tls"])
def test_a_departure_is_noticed(tmp_path: Path, wrong: str) -> None:
    """The runner can fail."""
    path = tmp_path / "other.txt"
    path.write_text(f"---\ns: 220 mail.example.org ESMTP Postroom\nc: HELO x\n{wrong}\n")
    with pytest.raises(Departure, match=r"other\.txt"):
        play(read(path), None)
