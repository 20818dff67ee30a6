"""The README's commands, in its order, in a real shell: a newcomer's first five minutes work as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.fixtures import require
from tests.rigs.ports import free_port
from tests.rigs.process import Process, wait_until
from tests.rigs.shell import Shell
from tests.rigs.sink import Sink

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = [block.strip() for block in re.findall(r"```sh\n(.*?)```", README, re.S)]
PYTHON = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text("utf-8"), re.S)


class _Newcomer:
    """Somebody with a fresh clone and two shells, who has set nothing but where it may listen and keep its data."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.port = free_port()
        self.sink = sink
        self.log = folder / "serve.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
        self.environment = environment | {
            "POSTROOM_DATA": str(folder / "data"),
            "POSTROOM_LISTEN": f"127.0.0.1:{self.port}",
        }
        self.known: dict[str, str] = {}

    def serve(self) -> Process:
        process = Process([ROOT / "postroom", "serve"], self.log, self.environment, cwd=ROOT)
        process.wait_for_port(self.port, 60)
        wait_until(lambda: "First key" in self.log.read_text(), 20, self.log.read_text)
        self.known["KEY"] = re.search(r"pr_\S+", self.log.read_text())[0]  # type: ignore[index]
        return process

    def type(self, line: str) -> str:
        line = line.replace("8025", str(self.port)).replace(" ID", f" {self.known.get('ID', 'ID')}")
        done = _run(["sh", "-c", line], ROOT, self.environment | self.known)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def newcomer(tmp_path: Path, sink: Sink) -> Iterator[_Newcomer]:
    person = _Newcomer(tmp_path, sink)
    with person.serve():
        yield person


def test_the_blocks_are_the_ones_this_test_knows() -> None:
    first = [block.split()[0] for block in BLOCKS]
    assert first == ["./postroom", "./postroom", "./postroom", "./postroom", "curl"], BLOCKS
    assert BLOCKS[1] == "./postroom serve"


def test_the_first_five_minutes(newcomer: _Newcomer) -> None:
    send, log, show = BLOCKS[2].splitlines()
    told = newcomer.type(send)
    assert "silenced" in told
    newcomer.known["ID"] = told.split()[0]
    assert re.search(rf"{newcomer.known['ID']} +silenced +you@example\.org +Hello", newcomer.type(log))
    assert "Timeline" in newcomer.type(show)

    add, test, mode, again = BLOCKS[3].splitlines()
    asked = {"name or IP address": newcomer.sink.host, "Number [1]": "3", "Port [25]": str(newcomer.sink.port)}
    asked |= {"User name": "", "mail leaves from": "me@example.org", "name for this account": ""}
    shell = Shell(newcomer.environment, ROOT, [ROOT / "postroom"])
    shell.converse(*add.split()[1:], answers=asked).expect()
    tried = shell.converse(*test.split()[1:], answers={"Send the test message to": "you@example.org"}).expect()
    assert "It works." in tried.words
    assert newcomer.type(mode).startswith("smtp")
    newcomer.type(again)
    arrived = newcomer.sink.wait_for(2)
    assert [record.recipients for record in arrived] == [("you@example.org",)] * 2
    assert {record.sender for record in arrived} == {"me@example.org"}


def test_the_request_of_an_application(newcomer: _Newcomer) -> None:
    require("curl")
    assert '"id":"m_' in newcomer.type(BLOCKS[4])
    assert "Hello" in newcomer.type("./postroom log")


@pytest.mark.parametrize("program", [text for text in PYTHON if "async" not in text and "addresses" not in text][:1])
def test_the_program_of_the_python_page(program: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
    (tmp_path / "program.py").write_text(program)
    done = _run([sys.executable, "program.py"], tmp_path, environment | {"POSTROOM_DATA": str(tmp_path / "data")})
    assert (done.returncode, done.stdout) == (0, "you@example.org silenced\n"), done.stderr
