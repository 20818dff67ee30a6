"""Mail through connectors, with real proxies, a real jump host and the agent as a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.agent import Agent
from tests.rigs.certificates import Certificates
from tests.rigs.fixtures import require
from tests.rigs.ledger import LedgerClient
from tests.rigs.oracle import account_of, judge
from tests.rigs.ports import free_port
from tests.rigs.postroom import Api, Postroom
from tests.rigs.process import wait_until
from tests.rigs.provider import Provider
from tests.rigs.sink import Sink
from tests.rigs.socks import Dante, Microsocks
from tests.rigs.sshd import Sshd
from tests.rigs.tinyproxy import Tinyproxy

WORD = "canary-of-the-connector"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def postroom(make_postroom: Callable[..., Postroom]) -> Postroom:
    return make_postroom().start()


@pytest.fixture
def postroom_that_believes(
    make_postroom: Callable[..., Postroom], certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Postroom:
    """In the tests' own authority, as if the system did."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    return make_postroom().start()


def connect(postroom: Postroom, sink: Sink, **connector: Any) -> str:
    """A connector, and an account that goes through it to the sink; the connector's id."""
    made = postroom.api.post("/v1/connectors", connector).expect(201)
    assert WORD not in str(made)
    postroom.deliver_to(sink.port, connector_id=connector["name"])
    return str(made["id"])


def tried(postroom: Postroom, connector: str, **place: Any) -> dict[str, Any]:
    found: dict[str, Any] = postroom.api.post(f"/v1/connectors/{connector}/test", place or None).expect(200)
    return found


def arrives(postroom: Postroom, sink: Sink, to: str = "ok@test") -> None:
    before = sum(entry["kind"] == "message" for entry in sink.entries())
    message = postroom.api.send(to)
    postroom.api.wait_for_state(message, "sent")
    assert sum(entry["kind"] == "message" for entry in sink.entries()) == before + 1


def state(postroom: Postroom) -> str:
    """The account's."""
    return str(postroom.api.get("/v1/accounts").expect(200)["accounts"][0]["state"])


def unseen(postroom: Postroom, *folders: Path) -> None:
    """The secret is in no log."""
    assert WORD not in postroom.log_text()
    for folder in folders:
        assert all(WORD not in file.read_text(errors="replace") for file in folder.glob("*.log"))


class TestProxies:
    def test_mail_leaves_through_socks5_with_a_login(
        self, postroom: Postroom, sink: Sink, tmp_path: Path, stack: ExitStack
    ) -> None:
        require("microsocks")
        proxy = stack.enter_context(Microsocks(tmp_path, "ann", WORD))
        place = {"kind": "socks5", "host": "127.0.0.1", "port": proxy.port}
        connect(postroom, sink, name="office", user="ann", secret=WORD, **place)
        trial = tried(postroom, "office")
        assert trial["ok"], trial
        assert "greets: 220" in trial["sentence"]
        arrives(postroom, sink)
        wrong = postroom.api.call("PATCH", "/v1/connectors/office", {"user": "bob"}).expect(200)
        assert (wrong["has_secret"], wrong["secret_dropped"]) == (False, True)
        postroom.api.call("PATCH", "/v1/connectors/office", {"secret": "wrong"}).expect(200)
        trial = tried(postroom, "office")
        assert (trial["ok"], trial["failure"]) == (False, "connector-refused-login")
        assert "Check the connector's user and password" in trial["sentence"]
        unseen(postroom, tmp_path)

    def test_tokens_are_asked_for_through_the_proxy(
        self, postroom_that_believes: Postroom, certificates: Certificates, sink: Sink, tmp_path: Path, stack: ExitStack
    ) -> None:
        """One that may not go to the provider is told apart; one that may gets the token. Nothing goes directly."""
        require("tinyproxy")
        api = postroom_that_believes.api
        provider = stack.enter_context(Provider(certificates.server_context()))
        closed_one = stack.enter_context(Tinyproxy(tmp_path / "closed", [sink.port]))
        place = {"name": "office", "kind": "http", "host": "127.0.0.1", "port": closed_one.port}
        api.post("/v1/connectors", place).expect(201)
        server = {"name": "main", "host": "127.0.0.1", "port": sink.port, "connector": "office"}
        api.post("/v1/accounts", provider.account(**server)).expect(201)
        token = {"refresh_token": provider.refresh_token()}
        refused = api.post("/v1/accounts/main/grant", token)
        assert refused.status >= 400
        assert f"The connector office may not reach localhost port {provider.port}" in str(refused.body)
        assert provider.questions == []
        open_one = stack.enter_context(Tinyproxy(tmp_path / "open", [provider.port]))
        api.call("PATCH", "/v1/connectors/office", {"port": open_one.port}).expect(200)
        assert api.post("/v1/accounts/main/grant", token).expect(200)["state"] == "connected"
        assert len(provider.questions) == 1
        open_one.stop()
        token = {"refresh_token": provider.refresh_token()}
        gone = api.post("/v1/accounts/main/grant", token)
        assert "The connector office can't be reached" in str(gone.body)
        assert len(provider.questions) == 1

    def test_a_rule_of_the_proxy_pauses_the_account_and_nothing_bounces(
        self, postroom: Postroom, sink: Sink, tmp_path: Path, stack: ExitStack
    ) -> None:
        require("dante")
        proxy = stack.enter_context(Dante(tmp_path, barred=sink.port))
        connect(postroom, sink, name="office", kind="socks5", host="127.0.0.1", port=proxy.port)
        message = postroom.api.send("ok@test")
        wait_until(lambda: state(postroom) == "paused", 30, postroom.log_text)
        assert set(postroom.api.states(message).values()) <= {"queued", "deferred", "held"}
        account = postroom.api.get("/v1/accounts").body["accounts"][0]
        assert "may not reach" in account["paused_reason"]
        connector = postroom.api.get("/v1/connectors/office").expect(200)
        assert f"may not reach 127.0.0.1 port {sink.port}: its rules forbid that" in connector["trouble"]
        open_one = stack.enter_context(Dante(tmp_path / "open", barred=1))
        postroom.api.call("PATCH", "/v1/connectors/office", {"port": open_one.port}).expect(200)
        postroom.settle([message])
        assert postroom.api.states(message) == {"ok@test": "sent"}

    def test_mail_leaves_through_an_http_proxy_with_a_login(
        self, postroom: Postroom, sink: Sink, tmp_path: Path, stack: ExitStack
    ) -> None:
        require("tinyproxy")
        proxy = stack.enter_context(Tinyproxy(tmp_path, [sink.port], "ann", WORD))
        place = {"kind": "http", "host": "127.0.0.1", "port": proxy.port}
        connect(postroom, sink, name="office", user="ann", secret=WORD, **place)
        arrives(postroom, sink)
        assert tried(postroom, "office")["ok"]
        other = tried(postroom, "office", host="127.0.0.1", port=26)
        assert other["failure"] == "connector-forbids-server"
        assert "127.0.0.1 port 26" in other["sentence"]
        proxy.stop()
        gone = tried(postroom, "office")
        assert gone["failure"] == "connector-unreachable"
        assert "Check the connector's host and port" in gone["sentence"]
        unseen(postroom, tmp_path)


def test_mail_leaves_over_a_jump_host_whose_key_was_confirmed(postroom: Postroom, sink: Sink, stack: ExitStack) -> None:
    """Nothing goes before the key is confirmed, and a changed key stops everything; one connection for all sessions."""
    require("sshd")
    sshd = stack.enter_context(Sshd([f"127.0.0.1:{sink.port}"]))
    place = {"kind": "ssh", "host": "127.0.0.1", "port": sshd.port, "user": sshd.user}
    connect(postroom, sink, name="jump", secret=sshd.private_key, **place)
    trial = tried(postroom, "jump")
    assert trial["failure"] == "connector-key-not-confirmed"
    assert trial["host_key"].endswith(sshd.fingerprint)
    assert sshd.logins == 0
    confirmed = postroom.api.call("PATCH", "/v1/connectors/jump", {"host_key": trial["host_key"]}).expect(200)
    assert confirmed["has_secret"]
    assert tried(postroom, "jump")["ok"]
    before = sshd.logins
    for _ in range(3):
        arrives(postroom, sink)
    postroom.settle([postroom.api.send("ok@test") for _ in range(20)])
    assert sshd.logins == before + 1
    forbidden = tried(postroom, "jump", host="127.0.0.1", port=1)
    assert forbidden["failure"] == "connector-forbids-server"
    sshd.become_another()
    postroom.stop()  # what it had open to the confirmed server it may go on using
    postroom.start()
    message = postroom.api.send("ok@test")
    wait_until(lambda: state(postroom) == "paused", 30, postroom.log_text)
    wait_until(lambda: "connector-trouble" in postroom.log_text(), 30, postroom.log_text)
    trouble = lambda: postroom.api.get("/v1/connectors/jump").body["trouble"]  # noqa: E731
    wait_until(lambda: "shows another host key" in trouble(), 30, trouble)
    postroom.api.call("PATCH", "/v1/connectors/jump", {"host_key": sshd.fingerprint}).expect(200)
    postroom.settle([message])
    assert postroom.api.states(message) == {"ok@test": "sent"}


def test_mail_leaves_over_a_jump_host_with_user_and_password(
    postroom: Postroom, sink: Sink, tmp_path: Path, stack: ExitStack
) -> None:
    """A wrong password pauses the account, and is tried once; the right one lets the mail that waited leave."""
    require("sshd")
    sshd = stack.enter_context(Sshd([f"127.0.0.1:{sink.port}"], login=("ann", WORD)))
    place = {"kind": "ssh", "host": "127.0.0.1", "port": sshd.port, "user": "ann"}
    connect(postroom, sink, name="jump", secret="wrong", host_key=sshd.fingerprint, **place)
    messages = [postroom.api.send("ok@test") for _ in range(5)]
    wait_until(lambda: state(postroom) == "paused", 30, postroom.log_text)
    assert (sshd.logins, sshd.refusals) == (0, 1)
    trial = tried(postroom, "jump")
    assert trial["failure"] == "connector-refused-login"
    assert "Check the connector's user and password" in trial["sentence"]
    postroom.api.call("PATCH", "/v1/connectors/jump", {"secret": WORD}).expect(200)
    assert tried(postroom, "jump")["ok"]
    states = postroom.settle(messages).values()
    assert [set(found.values()) for found in states] == [{"sent"}] * 5
    assert len(sink.taken()) == 5
    unseen(postroom, sshd.folder)


class Closed:
    """A Postroom that listens for agents, and a connector for them. Tenants may name no server of this machine."""

    def __init__(self, make: Callable[..., Postroom], folder: Path, stack: ExitStack) -> None:
        self.port = free_port()
        listens = f"127.0.0.1:{self.port}"
        self.postroom = make(listen_agents=listens, agent_silence_seconds=3, tenant_hosts="").start()
        self._folder = folder
        self._stack = stack
        self.postroom.api.post("/v1/connectors", {"name": "cellar", "kind": "agent"}).expect(201)

    def agent(self, name: str, *allow: str, connector: str = "cellar", query: str = "") -> Agent:
        """A new one, with its key; not yet started."""
        new = self.postroom.api.post(f"/v1/connectors/{connector}/agents{query}", {"name": name}).expect(201)
        agent = Agent(self._folder / name, to=[f"127.0.0.1:{self.port}"], key=new["key"], pin=new["pin"], allow=allow)
        self._stack.callback(lambda: agent.process and agent.stop())
        return agent

    def connected(self) -> set[str]:
        agents = self.postroom.api.get("/v1/connectors/cellar").expect(200)["agents"]
        return {agent["name"] for agent in agents if agent["connected"]}

    def log(self) -> list[str]:
        """The connector's."""
        events = self.postroom.api.get("/v1/connectors/cellar/log").expect(200)["events"]
        return [event["text"] for event in events]

    def wait_for(self, *names: str) -> None:
        wait_until(lambda: self.connected() == set(names), 40, lambda: f"{names}; there are {self.connected()}")


class Load:
    """Messages that two agents carry; at the end Postroom is held to what it promised."""

    def __init__(self, closed: Closed, sink: Sink, folder: Path) -> None:
        closed.postroom.deliver_to(sink.port, connector_id="cellar")
        self.agents = {"one": closed.agent("one", f"127.0.0.1:{sink.port}").start()}
        closed.wait_for("one")
        self.agents["two"] = closed.agent("two", f"127.0.0.1:{sink.port}").start()
        closed.wait_for("one", "two")
        self._postroom, self._sink, self._messages = closed.postroom, sink, 0
        self._client = LedgerClient(folder, closed.postroom.connect)

    def begin(self, messages: int) -> None:
        """Hands over so many more behind one's back, and waits until the server takes them."""
        self._client.finish()
        before = len(self._sink.taken())
        self._client.start(messages, threads=2)
        self._messages += messages
        wait_until(lambda: len(self._sink.taken()) > before + 3, 60, self._postroom.log_text)

    def assert_unfinished(self) -> None:
        assert len(self._sink.taken()) < self._messages

    def settle_and_judge(self, *others: str) -> None:
        """`others`: recipients that the sink has besides."""
        promises = self._client.finish()
        self._client.close()
        assert len(promises) == self._messages
        self._postroom.settle([promise.message for promise in promises])
        accounts = {promise.message: account_of(self._postroom.api, promise.message) for promise in promises}
        taken = [record for record in self._sink.taken() if not set(record.recipients) & set(others)]
        assert len(self._sink.taken()) - len(taken) == len(others)
        judge(promises, self._client.intended, accounts, taken).assert_nothing_wrong()


@pytest.fixture
def closed(make_postroom: Callable[..., Postroom], tmp_path: Path, stack: ExitStack) -> Closed:
    return Closed(make_postroom, tmp_path, stack)


class TestAgents:
    def test_mail_leaves_through_an_agent_and_only_where_its_configuration_allows(
        self, closed: Closed, sink: Sink
    ) -> None:
        postroom = closed.postroom
        account = postroom.deliver_to(sink.port, connector_id="cellar")
        message = postroom.api.send("ok@test")
        trial = tried(postroom, "cellar")
        assert trial["failure"] == "connector-unreachable"
        assert "no agent of it is connected" in trial["sentence"]
        agent = closed.agent("one", f"127.0.0.1:{sink.port}").start()
        closed.wait_for("one")
        postroom.settle([message])
        assert postroom.api.states(message) == {"ok@test": "sent"}
        assert tried(postroom, "cellar")["ok"]
        barred = tried(postroom, "cellar", host="127.0.0.1", port=closed.port)
        assert barred["failure"] == "connector-forbids-server"
        assert "Allow it in the agent's configuration" in barred["sentence"]
        wait_until(lambda: agent.said("refused: 127.0.0.1"), 10, agent.log.read_text)
        assert any("connected from 127.0.0.1" in line for line in closed.log())
        postroom.api.post("/v1/connectors/cellar/agents/one/revoke").expect(200)
        closed.wait_for()
        wait_until(lambda: agent.said("not valid, or was revoked"), 30, agent.log.read_text)
        assert postroom.api.get(f"/v1/accounts/{account}").body["connector_id"].startswith("x_")

    def test_the_next_agent_takes_over_and_nothing_is_lost_when_they_are_killed_under_load(
        self, closed: Closed, make_sink: Callable[..., Sink], tmp_path: Path
    ) -> None:
        """The server is slow, so that each kill falls while mail is on its way through the agent and more waits."""
        sink = make_sink(options={"dot_delay": 0.3})
        load = Load(closed, sink, tmp_path / "ledger")
        for name in ("one", "two", "one"):
            load.begin(40)
            load.agents[name].kill9()
            load.assert_unfinished()
            closed.wait_for(*{"one", "two"} - {name})
            load.agents[name].start()
            closed.wait_for("one", "two")
        load.begin(40)
        for agent in load.agents.values():
            agent.kill9()
        load.assert_unfinished()
        closed.wait_for()
        load.agents["one"].start()
        closed.wait_for("one")
        load.settle_and_judge()

    def test_the_next_agent_takes_over_from_one_that_is_frozen(
        self, closed: Closed, make_sink: Callable[..., Sink], tmp_path: Path
    ) -> None:
        """Its connection stays open, but it says nothing. When it goes on, nothing is lost, nor doubled in secret."""
        sink = make_sink(options={"dot_delay": 0.3})
        load = Load(closed, sink, tmp_path / "ledger")
        load.begin(40)
        first = load.agents["one"].process
        assert first is not None
        first.freeze()
        load.assert_unfinished()
        closed.wait_for("two")
        wait_until(lambda: "The agent one is gone. two takes over." in closed.log(), 20, closed.postroom.log_text)
        closed.postroom.api.wait_for_state(closed.postroom.api.send("after-freezing@test"), "sent")
        first.thaw()
        closed.wait_for("one", "two")
        load.settle_and_judge("after-freezing@test")

    def test_it_reaches_what_postroom_itself_may_not(self, closed: Closed, sink: Sink) -> None:
        """A tenant's server at an internal address is none that may be connected to from here; over there it is."""
        postroom = closed.postroom
        postroom.api.post("/v1/tenants", {"name": "acme"}).expect(201)
        here = "?tenant=acme"
        server = {"host": "127.0.0.1", "port": sink.port, "encryption": "none", "sender_address": "a@acme.test"}
        refused = postroom.api.post(f"/v1/accounts{here}", {"name": "direct", **server}).expect(422)
        assert {fault["field"] for fault in refused["faults"]} & {"host", "port"}
        proxy = {"kind": "socks5", "name": "inside", "host": "127.0.0.1", "port": 1080}
        barred = postroom.api.post(f"/v1/connectors{here}", proxy).expect(422)
        assert [fault["field"] for fault in barred["faults"]] == ["host"]
        postroom.api.post(f"/v1/connectors{here}", {"name": "theirs", "kind": "agent"}).expect(201)
        agent = closed.agent("theirs-one", f"127.0.0.0/8:{sink.port}", connector="theirs", query=here).start()
        postroom.api.post(f"/v1/accounts{here}", {"name": "theirs", "connector": "theirs", **server}).expect(201)
        postroom.api.call("PATCH", f"/v1/settings{here}", {"mode": "smtp"}).expect(200)
        postroom.api.post(f"/v1/applications{here}", {"name": "till"}).expect(201)
        rights = {"scopes": ["messages:send", "messages:read"]}
        theirs = Api(postroom.url, postroom.api.post(f"/v1/applications/till/keys{here}", rights).expect(201)["key"])
        there = f"/v1/connectors/theirs{here}"
        wait_until(lambda: postroom.api.get(there).body["agents"][0]["connected"], 40, agent.log.read_text)
        theirs.wait_for_state(theirs.send("ok@test"), "sent")
        theirs.close()
        assert agent.said("connected to")
        unlinked = postroom.api.call("PATCH", f"/v1/accounts/theirs{here}", {"connector": None}).expect(422)
        assert {fault["field"] for fault in unlinked["faults"]} & {"host", "port"}


def mode_of(api: Api) -> str:
    """As this very process knows it by now."""
    return str(api.get("/v1/settings").expect(200)["effective"]["mode"]["value"])


def test_a_process_without_the_agent_leaves_the_mail_to_the_one_that_has_it(
    make_postroom: Callable[..., Postroom], postgres_url: str, sink: Sink, tmp_path: Path, stack: ExitStack
) -> None:
    """Two processes on one database: what either accepts leaves through the agent of the other, and no try fails."""
    port = free_port()
    shared = {"database": postgres_url, "key_file": tmp_path / "keyring.json"}
    with_agent = make_postroom(listen_agents=f"127.0.0.1:{port}", **shared).start()
    without = make_postroom(**shared).start()
    with_agent.api.post("/v1/connectors", {"name": "cellar", "kind": "agent"}).expect(201)
    new = with_agent.api.post("/v1/connectors/cellar/agents", {"name": "one"}).expect(201)
    stack.enter_context(
        Agent(tmp_path / "one", to=[f"127.0.0.1:{port}"], key=new["key"], pin=new["pin"], allow=["127.0.0.1:*"])
    )
    api = Api(without.url, with_agent.api.key)

    def known() -> bool:
        found = api.get("/v1/connectors/cellar").expect(200)
        return bool(found["agents"][0]["connected"])

    wait_until(known, 40, with_agent.log_text)
    with_agent.deliver_to(sink.port, connector_id="cellar")
    wait_until(lambda: mode_of(api) == "smtp", 20, without.log_text)
    messages = [client.send("ok@test") for client in (api, with_agent.api) * 10]
    for message in messages:
        api.wait_for_state(message, "sent")
        timeline = api.get(f"/v1/messages/{message}/timeline").expect(200)
        assert len(timeline["attempts"]) == 1
    assert " sent id=" not in without.log_text()
    api.close()
