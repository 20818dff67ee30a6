"""The Python client against a real Postroom: `Client` and `AsyncClient` do the same, and their troubles are told."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from postroom import ids
from postroom.client import (
    AsyncClient,
    Attachment,
    Busy,
    Client,
    ClientError,
    Conflict,
    NotAuthorised,
    NotFound,
    Patience,
    Receipt,
    Refused,
    Unexpected,
    Unreachable,
)
from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from tests.doors.api_rig import Api
from tests.doors.odd_server import OddServer
from tests.rigs.ports import free_port

QUICK = Patience(attempts=3, seconds=20.0, chance=lambda: 0.0)
Verb = Callable[..., Any]


class _Awaited:
    """`AsyncClient` with the manners of `Client`, so that one test speaks to both."""

    def __init__(self, url: str, key: str) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(url, key, patience=QUICK)

    def __getattr__(self, name: str) -> Verb:
        if name == "messages":
            return lambda **wanted: iter(self._runner.run(self._all(**wanted)))
        return lambda *args, **kwargs: self._runner.run(getattr(self._client, name)(*args, **kwargs))

    async def _all(self, **wanted: Any) -> list[Any]:
        return [line async for line in self._client.messages(**wanted)]

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


def opened(kind: str, url: str, key: str) -> Any:
    return Client(url, key, patience=QUICK) if kind == "waiting" else _Awaited(url, key)


@pytest.fixture(params=["waiting", "awaiting"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tenant(api: Api) -> int:
    """A new tenant with a default sender and without deliveries."""
    client = api.tenant()
    account = {"name": "Main", "host": "127.0.0.1", "port": 9, "encryption": "none", "login": "none"}
    for path, values in (("accounts", account), ("senders", {"address": "shop@sender.test"})):
        made = client.post(f"/v1/{path}", json=values)
        assert made.status_code == 201, made.text
    number = ids.decode("t", client.get("/v1/settings").json()["id"])
    assert number is not None
    return number


@pytest.fixture
def postroom(api: Api, kind: str, tenant: int) -> Iterator[Any]:
    """A client that may do everything in a tenant of its own."""
    made = opened(kind, api.server.url, api.key(tenant, Scope.ADMIN))
    yield made
    made.close()


def test_a_message_is_handed_over_and_found_again(postroom: Any) -> None:
    receipt = postroom.send(
        to=["Ann <ann@x.test>", "bob@x.test"],
        bcc="cid@x.test",
        subject="Grüße",
        text="Hallo",
        attachments=[Attachment("a.txt", b"content"), ("b.bin", b"\x00")],
        kind="invoice",
        tags=["november"],
        metadata={"order": "4711"},
        send_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert isinstance(receipt, Receipt)
    assert [one.address for one in receipt.recipients] == ["ann@x.test", "bob@x.test", "cid@x.test"]
    assert (receipt.state, receipt.again) == ("silenced", False)
    message = postroom.message(receipt.id)
    assert (message.subject, message.sender, message.kind) == ("Grüße", "shop@sender.test", "invoice")
    assert (message.tags, message.metadata, message.states) == (("november",), {"order": "4711"}, {"silenced": 3})
    assert message.created_at.tzinfo is not None
    assert [one.role for one in message.recipients] == ["to", "to", "bcc"]
    timeline = postroom.timeline(receipt.id)
    assert [event.kind for event in timeline.events] == ["accepted"]
    content = postroom.content(receipt.id)
    assert b"cid@x.test" not in content
    assert b"filename=a.txt" in content.replace(b'"', b"")
    assert [line.id for line in postroom.messages(subject="Grü")] == [receipt.id]


def test_a_message_of_pythons_email_package_is_taken(postroom: Any) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Shop <shop@sender.test>", "ann@x.test", "Test"
    mail.set_content("Text")
    receipt = postroom.send(mail, kind="from-email", bcc="bob@x.test")
    message = postroom.message(receipt.id)
    assert (message.subject, message.kind, len(message.recipients)) == ("Test", "from-email", 2)


def test_the_same_key_makes_one_message(postroom: Any) -> None:
    first = postroom.send(to="ann@x.test", subject="Once", text="x", idempotency_key="order 1")
    again = postroom.send(to="ann@x.test", subject="Once", text="x", idempotency_key="order 1")
    assert (first.again, again.again, again.id) == (False, True, first.id)
    with pytest.raises(Conflict) as caught:
        postroom.send(to="ann@x.test", subject="Other", text="x", idempotency_key="order 1")
    assert caught.value.idempotency_key == "order 1"
    assert postroom.send(to="ann@x.test", subject="Once", text="x").id != first.id


@pytest.mark.parametrize("key", ["a\r\nX: y", "schl\u00fcssel", "\x00"])
def test_a_key_that_would_be_another_header_is_a_mistake(postroom: Any, key: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        postroom.send(to="ann@x.test", text="x", idempotency_key=key)


def test_every_fault_is_told_at_once_and_in_pythons_words(postroom: Any) -> None:
    with pytest.raises(Refused) as caught:
        postroom.send(to=["nobody", "ann@x.test"], sender="a\nb@x.test", headers={"Received": "x"}, text="x")
    assert {fault.field for fault in caught.value.faults} >= {"to[0]", "sender"}
    assert caught.value.slug == "bad-input"


def test_many_go_in_a_few_requests_each_for_itself(postroom: Any) -> None:
    messages: list[Any] = [{"to": f"a{n}@x.test", "subject": "Many", "text": "x"} for n in range(620)]
    messages[3] = {"to": "nobody", "text": "x"}
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "last@x.test", "Many"
    mail.set_content("x")
    found = postroom.send_many([*messages, mail], idempotency_key="batch")
    assert [place for place, one in enumerate(found) if isinstance(one, ClientError)] == [3]
    assert found[3].faults[0].field == "to[0]"
    assert found[-1].recipients[0].address == "last@x.test"
    again = postroom.send_many([*messages, mail], idempotency_key="batch")
    assert [one.id for one in again if isinstance(one, Receipt)] == [
        one.id for one in found if isinstance(one, Receipt)
    ]
    assert all(one.again for one in again if isinstance(one, Receipt))
    assert len(list(postroom.messages(subject="Many"))) == 620, "the list goes over several pages"
    assert postroom.send_many([]) == []


def test_the_course_of_a_message_can_be_changed(postroom: Any) -> None:
    kept = postroom.send(to=["ann@x.test", "bob@x.test"], subject="Course", text="x")
    assert postroom.release(kept.id, [1]).recipients[1].state == "queued"
    copy = postroom.resend(kept.id, to="cid@x.test")
    assert copy.id != kept.id
    assert [one.address for one in copy.recipients] == ["cid@x.test"]
    assert postroom.message(copy.id).resend_of == kept.id
    with pytest.raises(Conflict):
        postroom.retry(kept.id, [0])
    with pytest.raises(Conflict):
        postroom.settle(kept.id, sent=True)
    assert copy.state == "queued"
    assert postroom.hold(copy.id).state == "held"
    assert postroom.release(copy.id).state == "queued"
    assert postroom.cancel(copy.id).state == "cancelled"


def test_health_needs_no_right(postroom: Any) -> None:
    health = postroom.health()
    assert health.ready
    assert health.now.tzinfo is not None


def test_foreign_and_odd_ids_are_not_found(postroom: Any, api: Api) -> None:
    sent = api.boss.post("/v1/messages", json={"to": "a@x.test", "from": "b@x.test", "text": "x"})
    assert sent.is_success, sent.text
    foreign = sent.json()["id"]
    for odd in (foreign, "m_nonsense", "..", "", "a/b", "?x=1", "ä"):
        with pytest.raises(NotFound):
            postroom.message(odd)


def test_a_key_that_may_not_is_told_so(api: Api, kind: str, tenant: int) -> None:
    for key in ("pr_00000000_nobodys", api.key(tenant, Scope.READ)):
        client = opened(kind, api.server.url, key)
        with pytest.raises(NotAuthorised) as caught:
            client.send(to="ann@x.test", text="x")
        assert key not in str(caught.value)
        with pytest.raises(NotAuthorised):
            client.send_many([{"to": "ann@x.test", "text": "x"}])
        client.close()


def test_nobody_there(kind: str) -> None:
    client = opened(kind, f"http://127.0.0.1:{free_port()}", "pr_00000000_nobodys")
    with pytest.raises(Unreachable) as caught:
        client.send(to="ann@x.test", text="x")
    assert not caught.value.may_have_arrived
    assert caught.value.idempotency_key
    client.close()


# -- servers that misbehave -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trick", ["cut before", "busy", "cut after", "gateway"])
def test_whatever_happens_on_the_way_the_message_is_there_exactly_once(
    api: Api, kind: str, tenant: int, trick: str
) -> None:
    with OddServer(api.server.url, [trick, trick]) as odd:
        client = opened(kind, odd.url, api.key(tenant, Scope.ADMIN))
        receipt = client.send(to="ann@x.test", subject=f"Way {trick}", text="x")
        client.close()
    assert len(odd.keys) == 3
    assert len(set(odd.keys)) == 1, "one key for one call"
    found = opened(kind, api.server.url, api.key(tenant, Scope.READ))
    assert [line.id for line in found.messages(subject=f"Way {trick}")] == [receipt.id]
    assert receipt.again is (trick in ("cut after", "gateway"))
    found.close()


def test_what_can_not_be_repeated_safely_is_not(api: Api, kind: str, tenant: int) -> None:
    """A resend whose answer was lost may have made a message already; only its caller can decide."""
    with OddServer(api.server.url, ["", "cut after", ""]) as odd:
        client = opened(kind, odd.url, api.key(tenant, Scope.ADMIN))
        kept = client.send(to="ann@x.test", subject="Resend", text="x")
        with pytest.raises(Unreachable) as caught:
            client.resend(kept.id)
        client.close()
    assert caught.value.may_have_arrived
    assert len(odd.keys) == 2


def test_who_stays_busy_is_told_as_busy(api: Api, kind: str, tenant: int) -> None:
    with OddServer(api.server.url, ["busy"] * 9) as odd:
        client = opened(kind, odd.url, api.key(tenant, Scope.ADMIN))
        with pytest.raises(Busy, match="Wait"):
            client.send(to="ann@x.test", text="x")
        client.close()
    assert len(odd.keys) == 3


def test_another_server_is_not_taken_for_postroom(kind: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        client = opened(kind, f"http://127.0.0.1:{server.server_address[1]}", "pr_00000000_nobodys")
        with pytest.raises(Unexpected):
            client.send(to="ann@x.test", text="x")
        client.close()
        server.shutdown()
        thread.join()


def test_threads_share_a_client(api: Api, tenant: int) -> None:
    with Client(api.server.url, api.key(tenant, Scope.ADMIN), patience=QUICK) as client:
        threads = [
            threading.Thread(target=lambda n=n: client.send(to=f"t{n}@x.test", subject="Threads", text="x"))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(client.messages(subject="Threads"))) == 8


def test_the_installation_is_a_tenant_too(api: Api, kind: str) -> None:
    client = opened(kind, api.server.url, api.key(INSTALLATION, Scope.ADMIN))
    assert client.send(to="ann@x.test", sender="boss@sender.test", text="x").recipients
    client.close()


DOCUMENTED = (Path(__file__).resolve().parents[2] / "docs/client.md").read_text("utf-8")


@pytest.mark.parametrize("program", re.findall(r"```python\n(.*?)```", DOCUMENTED, re.S)[:1])
def test_the_program_of_the_page(api: Api, tenant: int, tmp_path: Path, program: str) -> None:
    (tmp_path / "invoice.pdf").write_bytes(b"%PDF")
    key = api.key(tenant, Scope.SEND)
    program = program.replace("https://mail.example.org", api.server.url).replace("pr_…", key)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert re.fullmatch(r"m_\w+ silenced\n", done.stdout), done.stderr
