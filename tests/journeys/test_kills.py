"""kill -9 between any two steps of a message's way, on both databases: nothing accepted is lost (P2), nothing is
doubled but what the timeline shows as unknown (P3), and each point of `failpoints` lies where its name says.

Random kills under load are in `test_chaos`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from postroom.failpoints import POINTS
from tests.journeys.aftermath import Left, check_integrity, end_leases, left_behind
from tests.rigs.ledger import Acknowledged, LedgerClient
from tests.rigs.oracle import account_of, judge
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

QUEUED, IN_HAND, MARKED = Left("queued", 0, False), Left("sending", 0, True), Left("sending", 1, True)
SENT = Left("sent", 0, False)
SHAPES = {"chunking": (), "pipelining": ("CHUNKING",), "step by step": ("CHUNKING", "PIPELINING")}


@dataclass(frozen=True)
class Death:
    """What must be found after a kill at a point: in the database, at the server; and what comes of it in the end.

    `server`: nothing, connected, envelope, half or whole; or `elsewhere`, where two things go on at once. `doubts`:
    events that say `unknown`.
    """

    left: tuple[Left | None, ...]
    server: str
    elsewhere: str = ""
    copies: int = 1
    doubts: tuple[int, ...] = (0,)


DEATHS = {
    "accept.before-commit": Death((None,), "nothing"),
    "accept.after-commit": Death((QUEUED,), "nothing"),
    "accept.before-answer": Death((QUEUED,), "nothing"),
    "claim.before-commit": Death((QUEUED,), "nothing"),
    "claim.after-commit": Death((IN_HAND,), "nothing"),
    "session.before-connect": Death((IN_HAND,), "nothing"),
    "session.after-login": Death((IN_HAND,), "connected"),
    "mark.before-commit": Death((IN_HAND,), "connected"),
    "mark.after-commit": Death((MARKED,), "connected", doubts=(1,)),
    "transfer.mid-body": Death((MARKED,), "half", doubts=(1,)),
    "transfer.after-body": Death((MARKED,), "whole", copies=2, doubts=(1,)),
    "transfer.after-reply": Death((MARKED,), "whole", copies=2, doubts=(1,)),
    "settle.before-commit": Death((MARKED,), "whole", copies=2, doubts=(1,)),
    "settle.after-commit": Death((SENT,), "whole"),
}
STEPWISE = {
    **DEATHS,
    # The mark is on its way while the envelope is: it may be there by then or not.
    "transfer.after-envelope": Death((IN_HAND, MARKED), "envelope", doubts=(0, 1)),
    "mark.before-commit": Death((IN_HAND,), "envelope", "connected"),
    "mark.after-commit": Death((MARKED,), "envelope", doubts=(1,)),
}
PLACED = {
    # The lane is open: a fresh message is accepted already in its hand and marked; claims, sessions and marks of their
    # own are not needed.
    **{point: death for point, death in DEATHS.items() if not point.startswith(("claim", "session", "mark"))},
    "accept.after-commit": Death((MARKED,), "connected", doubts=(1,)),
    "accept.before-answer": Death((MARKED,), "connected", doubts=(1,)),
}
PLACED_UNMARKED = {
    # Where a doubt waits for a person, none is raised before it must be.
    "accept.before-commit": Death((None,), "nothing"),
    "accept.after-commit": Death((IN_HAND,), "connected"),
    "accept.before-answer": Death((IN_HAND,), "connected"),
    "mark.before-commit": Death((IN_HAND,), "connected"),
    "settle.after-commit": Death((SENT,), "whole"),
}


class Scene:
    """One Postroom, its sink and its client, killed again and again."""

    def __init__(self, postroom: Postroom, sink: Sink, client: LedgerClient, url: str) -> None:
        self.postroom = postroom
        self.sink = sink
        self.client = client
        self.url = url
        self.done: list[Acknowledged] = []

    def set_up(self, policy: str) -> None:
        self.postroom.start()
        self.postroom.deliver_to(self.sink.port)
        self.postroom.api.call("PATCH", "/v1/settings", {"unknown_policy": policy}).expect(200)
        self.postroom.stop()

    def die_at(self, point: str, death: Death, *, warm: bool = False) -> str:
        """Hands one message over, waits for the kill, and finds what must be found; the message's recipient."""
        end_leases(self.url)
        self.postroom.start(failpoint=f"{point}:2" if warm else point)
        if warm:
            first = self.client.hand_over("ok")
            self.postroom.api.wait_for_state(first.message, "sent")
            self.done.append(first)
        before = len(self.sink.entries())
        known = set(self.client.intended)
        self.client.start(1, threads=1)
        self.postroom.wait_killed()
        (intent,) = set(self.client.intended) - known
        (address,) = self.client.intended[intent]
        assert left_behind(self.url, address) in death.left, point
        wanted = (death.server,) if not (warm and death.server == "nothing") else ("connected",)
        wait_until(
            lambda: self._at_server(before, warm) in wanted or self._at_server(before, warm) == death.elsewhere,
            10,
            lambda: f"{point}: {wanted} at the server; it has {self._at_server(before, warm)}",
        )
        return address

    def _at_server(self, before: int, warm: bool) -> str:
        """How far the message came, by the sink's own ledger."""
        entries = [entry for entry in self.sink.entries()[before:] if entry["kind"] in ("connect", "message", "cut")]
        if any(entry["kind"] == "message" for entry in entries):
            return "whole"
        cuts = [entry for entry in entries if entry["kind"] == "cut"]
        if cuts:
            return "half" if cuts[0]["size"] else "envelope"
        return "connected" if entries or warm else "nothing"

    def recover(self) -> Acknowledged:
        """Starts anew and lets everything finish; the message that was under way."""
        end_leases(self.url)
        self.postroom.start()
        promise = self.client.finish()[-1]
        self.postroom.settle([promise.message])
        self.done.append(promise)
        return promise

    def judge(self) -> None:
        self.postroom.start()
        accounts = {promise.message: account_of(self.postroom.api, promise.message) for promise in self.done}
        judge(self.done, self.client.intended, accounts, self.sink.taken()).assert_nothing_wrong()

    def copies(self, address: str) -> int:
        return sum(address in record.recipients for record in self.sink.taken())


@pytest.fixture
def make_scene(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], database_url: str, tmp_path: Path
) -> Iterator[Callable[..., Scene]]:
    scenes: list[Scene] = []

    def make(shape: str = "chunking", policy: str = "retry") -> Scene:
        postroom = fork_postroom(database=database_url, poll_seconds=0.05)
        sink = make_sink(without=SHAPES[shape])
        scene = Scene(postroom, sink, LedgerClient(tmp_path, postroom.connect), database_url)
        scene.set_up(policy)
        scenes.append(scene)
        return scene

    yield make
    for scene in scenes:
        scene.client.close()
        scene.postroom.stop()
        check_integrity(database_url)


def check(scene: Scene, point: str, death: Death, *, warm: bool = False) -> None:
    address = scene.die_at(point, death, warm=warm)
    promise = scene.recover()
    account = account_of(scene.postroom.api, promise.message)
    assert account.states == {address: "sent"}, point
    assert scene.copies(address) == death.copies, point
    assert account.doubts.get(address, 0) in death.doubts, point
    scene.postroom.kill9()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_kill_at_each_point_loses_nothing_and_hides_nothing(make_scene: Callable[..., Scene], shape: str) -> None:
    """The first message after a start: it is queued, claimed, and a session is opened for it."""
    scene = make_scene(shape)
    for point, death in (DEATHS if shape == "chunking" else STEPWISE).items():
        check(scene, point, death)
    scene.judge()


@pytest.mark.parametrize(("policy", "deaths"), [("retry", PLACED), ("hold", PLACED_UNMARKED)], ids=["retry", "hold"])
def test_a_kill_at_each_point_of_a_message_that_never_queued(
    make_scene: Callable[..., Scene], policy: str, deaths: dict[str, Death]
) -> None:
    """With an open lane a fresh message is accepted in its hand already: the row names a lease from the beginning."""
    scene = make_scene(policy=policy)
    for point, death in deaths.items():
        check(scene, point, death, warm=True)
    scene.judge()


@pytest.mark.parametrize("marked", [False, True], ids=["unmarked", "marked"])
def test_a_kill_while_reclaiming_loses_nothing_and_hides_nothing(
    make_scene: Callable[..., Scene], marked: bool
) -> None:
    """What a dead process left is taken back once, however often those who take it back die too."""
    scene = make_scene()
    first = "mark.after-commit" if marked else "claim.after-commit"
    before = DEATHS[first].left[0]
    after = Left("deferred", 0, False) if marked else QUEUED
    for point, left in (("reclaim.before-commit", before), ("reclaim.after-commit", after)):
        address = scene.die_at(first, DEATHS[first])
        end_leases(scene.url)
        scene.postroom.launch(failpoint=point)
        scene.postroom.wait_killed()
        assert left_behind(scene.url, address) == left, point
        promise = scene.recover()
        account = account_of(scene.postroom.api, promise.message)
        assert account.states == {address: "sent"}, point
        assert (scene.copies(address), account.doubts.get(address, 0)) == (1, int(marked)), point
        scene.postroom.kill9()
    scene.judge()


IN_DOUBT = [point for point, death in DEATHS.items() if death.left == (MARKED,)]


def test_where_a_person_decides_nothing_in_doubt_is_sent_twice(make_scene: Callable[..., Scene]) -> None:
    """The policy `hold`: at most once. A person who looks says whether it was sent, and only then it goes again."""
    scene = make_scene(policy="hold")
    for point in IN_DOUBT:
        address = scene.die_at(point, DEATHS[point])
        arrived = DEATHS[point].server == "whole"
        end_leases(scene.url)
        scene.postroom.start()
        promise = scene.client.finish()[-1]
        scene.postroom.api.wait_for_state(promise.message, "unknown")
        assert scene.copies(address) == int(arrived), point
        settle = scene.postroom.api.post(f"/v1/messages/{promise.message}/settle", {"sent": arrived})
        assert settle.status == 200, settle.body
        scene.postroom.api.wait_for_state(promise.message, "sent")
        assert scene.copies(address) == 1, point
        scene.done.append(promise)
        scene.postroom.kill9()
    scene.judge()


ELSEWHERE = {
    "test_fallback.py": {"divert.before-commit", "divert.after-commit"},
    "test_oauth2_trouble.py": {"grant.after-answer", "grant.after-commit"},
    "test_digest_kills.py": {"digest.before-commit", "digest.after-commit"},
    "test_webhooks.py": {"webhook.after-answer"},
    "test_job_kills.py": {"job.before-commit", "job.after-commit"},
    "test_mailboxes.py": {"mailbox.after-fetch", "mailbox.after-take", "mailbox.after-put-away"},
}


def test_every_point_is_in_one_of_these_tests() -> None:
    tested = {*DEATHS, *STEPWISE, "reclaim.before-commit", "reclaim.after-commit"}
    for name, points in ELSEWHERE.items():
        told = Path(__file__).with_name(name).read_text()
        tested |= {point for point in points if re.search(rf'"{re.escape(point)}(?::\d+)?"', told)}
    assert tested == set(POINTS)
