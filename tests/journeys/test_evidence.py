"""The evidence file: everything for somebody else's help desk, and nothing that is none of its business."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2

from tests.rigs.postroom import Postroom
from tests.rigs.shell import Shell
from tests.rigs.sink import Sink

SECRET = "correct horse battery staple"
LOGIN = {"login": "plain", "user": "anna", "secret": SECRET, "allow_clear_login": True}


def downloaded(postroom: Postroom, message: str, key: str = "") -> bytes:
    headers = {"Authorization": f"Bearer {key or postroom.key}"}
    answer = httpx2.get(f"{postroom.url}/v1/messages/{message}/evidence", headers=headers, trust_env=False, timeout=60)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip"), answer.text
    assert f'filename="evidence-{message}.zip"' in answer.headers["content-disposition"]
    return answer.content


def opened(octets: bytes) -> dict[str, str]:
    with zipfile.ZipFile(BytesIO(octets)) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    assert not any("/" in name or "\\" in name for name in found)
    assert SECRET not in "".join(found.values())
    return found


def key_of(postroom: Postroom, *scopes: str) -> str:
    name = "-".join(scope.partition(":")[2] for scope in scopes)
    postroom.api.post("/v1/applications", {"name": name}).expect(201)
    made: dict[str, Any] = postroom.api.post(f"/v1/applications/{name}/keys", {"scopes": list(scopes)}).expect(201)
    return str(made["key"])


def seen(postroom: Postroom) -> int:
    entries = postroom.api.get("/v1/audit").expect(200)["entries"]
    return sum(entry["verb"] == "message.content-seen" for entry in entries)


def test_all_that_is_known_is_in_one_file_and_what_is_not_is_told(
    fork_postroom: Callable[..., Postroom], sink: Sink, tmp_path: Path
) -> None:
    postroom = fork_postroom(poll_seconds=0.1).start()
    postroom.deliver_to(sink.port, name="relay", **LOGIN)
    message = postroom.api.send("fail@sink.test", subject="Rechnung\u202e", text="Der Inhalt.")
    postroom.api.wait_for_state(message, "failed")

    first = downloaded(postroom, message)
    files = opened(first)
    assert list(files) == [
        "README.txt", "message.eml", "diagnosis.txt", "timeline.txt", "conversation-1.txt", "settings-1.json",
    ]  # fmt: skip
    assert "Der Inhalt." in files["message.eml"]
    assert "RCPT TO:<fail@sink.test>" in files["conversation-1.txt"]
    assert "****" in files["conversation-1.txt"]
    assert "no such mailbox" in files["diagnosis.txt"]
    assert "What to do" in files["diagnosis.txt"]
    assert "failed recipient 0" in files["timeline.txt"]
    assert f'"port": {sink.port}' in files["settings-1.json"]
    assert "What is not in here" not in files["README.txt"]
    assert all(name in files["README.txt"] for name in files if name != "README.txt")
    assert downloaded(postroom, message) == first, "the same message gives the same octets"
    assert seen(postroom) == 2, "each look at a content is in the trail"

    narrow = opened(downloaded(postroom, message, key_of(postroom, "messages:read")))
    assert set(files) - set(narrow) == {"message.eml", "settings-1.json"}
    assert "may not see the contents" in narrow["README.txt"]
    assert "may not see settings" in narrow["README.txt"]
    assert "Der Inhalt." not in "".join(narrow.values())
    assert seen(postroom) == 2

    shell = Shell(postroom.environment(), tmp_path)
    target = tmp_path / "desk.zip"
    shell.run("evidence", message, "-o", str(target)).expect()
    assert target.read_bytes() == first
    assert target.stat().st_mode & 0o777 == 0o600
    assert "is there already" in shell.run("evidence", message, "-o", str(target)).expect(2).err


def test_what_is_secret_or_was_not_tried_is_said_to_be_so(fork_postroom: Callable[..., Postroom]) -> None:
    postroom = fork_postroom(poll_seconds=0.1).start()
    body = {"from": "a@sink.test", "to": ["b@sink.test"], "subject": "Code", "text": "1234", "secret": True}
    message = postroom.api.post("/v1/messages", body).expect(202)["id"]
    files = opened(downloaded(postroom, message))
    assert list(files) == ["README.txt", "diagnosis.txt", "timeline.txt"]
    assert "marked secret" in files["README.txt"]
    assert "nobody has tried to deliver it yet" in files["README.txt"]
    assert "1234" not in "".join(files.values())
    only_sends = key_of(postroom, "messages:send")
    path = f"{postroom.url}/v1/messages/{message}/evidence"
    for key, status in ((only_sends, 403), ("pr_wrong-key-of-nobody", 401)):
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx2.get(path, headers=headers, trust_env=False, timeout=60).status_code == status
    assert postroom.api.get("/v1/messages/m_0000000000001/evidence").status == 404
