"""The examples work as they stand there: each is run with what its README says, and its mail arrives."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.doors.cases import FROM
from tests.doors.cases_doors import House, open_house
from tests.rigs.fixtures import require

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation with all its doors open."""
    with open_house(tmp_path_factory.mktemp("examples")) as opened:
        yield opened


@pytest.fixture
def environment(house: House) -> dict[str, str]:
    """As the README of the examples says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
    return kept | {
        "HOME": str(house.folder),
        "MAIL_HOST": "localhost",
        "MAIL_PORT": str(house.letterbox.port),
        "MAIL_USER": "webshop",
        "MAIL_PASSWORD": house.keys["webshop"],
        "MAIL_FROM": FROM,
        "MAIL_CA": str(house.letterbox.engine.settings.smtp_certificate),
        "POSTROOM_API_URL": house.url,
        "POSTROOM_API_KEY": house.keys["webshop"],
    }


def arrived(house: House, address: str) -> dict[str, Any]:
    """The only message to this address."""
    (line,) = house.boss.get("/v1/messages", params={"recipient": address}).json()["messages"]
    found: dict[str, Any] = house.boss.get(f"/v1/messages/{line['id']}").json()
    assert found["kind"] == "order"
    assert found["from"] == FROM
    return found


def run(*command: str | Path, environment: dict[str, str], folder: Path = EXAMPLES) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=110,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_flask(house: House, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    browser = loaded("flask").app.test_client()
    for _ in range(2):
        assert browser.post("/orders", data={"email": "flask@x.test", "number": "1"}).status_code == 201
    assert arrived(house, "flask@x.test")["subject"] == "Thank you for your order"


def test_fastapi(house: House, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi.testclient import TestClient

    monkeypatch.setenv("POSTROOM_API_URL", house.url)
    monkeypatch.setenv("POSTROOM_API_KEY", house.keys["boss"])
    with TestClient(loaded("fastapi").app) as browser:
        answer = browser.post("/orders", params={"number": "2", "email": "fastapi@x.test"})
        assert answer.status_code == 201
        assert browser.post("/orders", params={"number": "2", "email": "fastapi@x.test"}).json() == answer.json()
        assert browser.get(f"/mails/{answer.json()['mail']}").json() == {"fastapi@x.test": "silenced"}
        assert browser.post("/orders", params={"number": "3", "email": "nobody"}).status_code == 422
    arrived(house, "fastapi@x.test")


def test_php_over_http(house: House, environment: dict[str, str]) -> None:
    require("php")
    told = run("php", "-n", "php/send.php", "php@x.test", environment=environment)
    assert told == f"{arrived(house, 'php@x.test')['id']} silenced\n"


def test_php_mail(house: House, environment: dict[str, str]) -> None:
    require("php")
    program = f"{Path(sys.executable).with_name('postroom')} sendmail -t -i"
    run("php", "-n", "-d", f"sendmail_path={program}", "php/mail.php", "mail@x.test", environment=environment)
    assert arrived(house, "mail@x.test")["subject"] == "Danke für Ihre Bestellung"


def test_node(house: House, environment: dict[str, str], tmp_path: Path) -> None:
    require("node")
    folder = tmp_path / "node"
    shutil.copytree(EXAMPLES / "node", folder)
    run("npm", "install", "--no-audit", "--no-fund", environment=dict(os.environ), folder=folder)
    told = run("node", "send.mjs", "node@x.test", environment=environment, folder=folder)
    assert told.startswith("250 ")
    assert arrived(house, "node@x.test")["size"] > 500


if shutil.which("dotnet"):  # no package of it is in the archives the tests install from

    def test_dotnet(house: House, environment: dict[str, str], tmp_path: Path) -> None:
        folder = tmp_path / "dotnet"
        shutil.copytree(EXAMPLES / "dotnet", folder)
        trusted = environment | {"SSL_CERT_FILE": environment["MAIL_CA"], "HOME": str(tmp_path)}
        run("dotnet", "run", "dotnet@x.test", environment=trusted, folder=folder)
        arrived(house, "dotnet@x.test")


def test_the_readme_names_every_example() -> None:
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    named = set(re.findall(r"\]\(([^)]+)\)", readme))
    assert all((EXAMPLES / name).exists() for name in named)
    assert {name.partition("/")[0] for name in named} == {one.name for one in EXAMPLES.iterdir() if one.is_dir()}
