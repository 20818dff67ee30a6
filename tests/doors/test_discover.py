"""Finding the mail server of an address, through the API and the command line: the same answer, with its own rights."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from postroom.cli.program import build
from postroom.model.application import Scope
from tests.doors.api_rig import Api, open_api, problem
from tests.doors.api_schema import misfits
from tests.doors.test_api_document import DOCUMENT
from tests.journeys.stranger import Stranger
from tests.journeys.test_discovery import Street, speaks
from tests.rigs.names import NameServerRig
from tests.rigs.process import wait_until

PASSWORD = "a password for tests"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("discover")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(made / "ca.pem"))
    ca.issue_cert("smtp.firm.test").private_key_and_cert_chain_pem.write_to_path(str(made / "names.pem"))
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Stranger]:
    with Stranger(speaks(Street(folder / "names.pem"))) as stranger:
        yield stranger


@pytest.fixture(scope="module")
def house(folder: Path, server: Stranger) -> Iterator[Api]:
    zone = {
        "firm.test": {"MX": ["10 smtp.firm.test."]},
        "_submission._tcp.firm.test": {"SRV": [f"0 1 {server.port} smtp.firm.test."]},
        "smtp.firm.test": {"A": ["127.0.0.1"]},
    }
    with pytest.MonkeyPatch.context() as patch, NameServerRig(zone) as names:
        patch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        wanted = {"dns_servers": f"{names.host}:{names.port}", "dns_seconds": 20, "tenant_hosts": ""}
        with open_api(folder / "data", **wanted) as opened:
            yield opened


def found(client: httpx2.Client, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/discover", json={"address": "ann@firm.test"} | body)
    assert response.status_code == 200, response.text
    shape = DOCUMENT["paths"]["/v1/discover"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer: dict[str, Any] = response.json()
    assert misfits(DOCUMENT, shape, answer) == []
    return answer


def test_the_best_answer_fills_an_account(house: Api, server: Stranger) -> None:
    answer = found(house.boss)
    best = answer["offers"][0]
    assert (best["host"], best["port"], best["source"]) == ("smtp.firm.test", server.port, "srv")
    made = house.boss.post("/v1/accounts", json=best["values"] | {"name": "Found", "secret": PASSWORD})
    assert made.status_code == 201, made.text
    assert made.json()["needs"] == []
    house.boss.delete("/v1/accounts/Found").raise_for_status()


def test_a_tenant_finds_no_server_inside_unless_the_operator_allows_it(house: Api, server: Stranger) -> None:
    seen = len(server.visits)
    answer = found(house.tenant())
    assert (answer["offers"], answer["tried"]) == ([], [])
    assert len(server.visits) == seen


def test_who_may_not_change_settings_may_not_look(house: Api) -> None:
    client = house.tenant(Scope.SETTINGS_READ, Scope.SEND)
    problem(client.post("/v1/discover", json={"address": "ann@firm.test"}), 403)


@pytest.mark.parametrize("address", ["", "nobody", "a@[127.0.0.1]", "a@b@c", "a@x y.test", "a\r\nb@c.test"])
def test_what_is_no_address_is_one_clear_fault(house: Api, address: str) -> None:
    faults = problem(house.boss.post("/v1/discover", json={"address": address}), 422)["faults"]
    assert [fault["field"] for fault in faults] == ["address"]


def test_a_connector_that_is_not_the_tenant_s_is_a_fault(house: Api) -> None:
    other = house.tenant()
    other.post("/v1/connectors", json={"name": "Cellar", "kind": "agent"}).raise_for_status()
    body = {"address": "ann@firm.test", "connector": "Cellar"}
    faults = problem(house.tenant().post("/v1/discover", json=body), 422)["faults"]
    assert [fault["field"] for fault in faults] == ["connector_id"]


def events(house: Api, body: dict[str, Any], most: int = 99) -> list[dict[str, Any]]:
    """What is told while it is found out; after so many the listener hangs up."""
    told = []
    headers = {"accept": "text/event-stream", "accept-language": "de"}
    with house.boss.stream("POST", "/v1/discover", json=body, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
            if len(told) >= most:
                return told
    return told


def test_what_is_found_is_told_as_it_comes_in_the_reader_s_language(house: Api, server: Stranger) -> None:
    told = events(house, {"address": "ann@firm.test"})
    assert (told[0]["heard"], told[0]["over"]) == ([], False)
    assert [one["over"] for one in told] == [False] * (len(told) - 1) + [True]
    for before, after in itertools.pairwise(told):
        assert [one for one in before["heard"] + before["offers"] if one not in after["heard"] + after["offers"]] == []
    assert told[-1]["offers"][0]["port"] == server.port
    assert told[-1]["offers"][0]["reasons"][0].startswith("Die Domäne selbst nennt ihn")
    assert "Die Mail der Domäne geht an smtp.firm.test." in [one["words"] for one in told[-1]["heard"]]
    refused = house.boss.post("/v1/discover", json={"address": "nobody"}, headers={"accept": "text/event-stream"})
    assert problem(refused, 422)["faults"][0]["field"] == "address"


def test_who_hangs_up_ends_the_search(house: Api) -> None:
    """Else a few who lose patience would keep everybody from searching for half a minute."""
    searching = lambda: house.engine.office._searching  # noqa: E731
    for _ in range(6):
        events(house, {"address": "ann@firm.test"}, most=1)
        wait_until(lambda: searching() == 0, 20, lambda: f"{searching()} searches under way")


@pytest.fixture
def run(house: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTROOM_API_URL", house.server.url)
    monkeypatch.setenv("POSTROOM_API_KEY", str(house.boss.headers["authorization"]).removeprefix("Bearer "))

    def call(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            build()(args=list(words), prog_name="postroom")
        shown = capsys.readouterr()
        return int(str(ended.value.code or 0)), shown.out + shown.err

    return call


def test_the_command_line_shows_what_was_found_and_makes_an_account_of_it(
    run: Any, house: Api, server: Stranger, tmp_path: Path
) -> None:
    code, shown = run("discover", "ann@firm.test")
    assert code == 0, shown
    assert f"smtp.firm.test:{server.port}" in shown
    assert "account add --discover ann@firm.test" in shown
    code, shown = run("discover", "ann@firm.test", "--json")
    assert json.loads(shown)["offers"][0]["port"] == server.port
    (tmp_path / "password").write_text(PASSWORD)
    words = ("--name", "From the search", "--password-file", str(tmp_path / "password"))
    code, shown = run("account", "add", "--discover", "ann@firm.test", *words)
    assert code == 0, shown
    account = house.boss.get("/v1/accounts/From the search").json()
    assert (account["host"], account["port"], account["user"]) == ("smtp.firm.test", server.port, "ann@firm.test")
    assert account["has_secret"]


def test_the_command_line_says_so_where_there_is_none(run: Any) -> None:
    code, shown = run("discover", "ann@nowhere.test")
    assert code == 1
    assert "no domain nowhere.test" in shown
    code, shown = run("account", "add", "--discover", "ann@nowhere.test")
    assert code == 1
    assert "No mail server was found" in shown
