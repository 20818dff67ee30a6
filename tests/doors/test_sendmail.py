"""`postroom sendmail` as programs call it: PHP, mailx, cron, SMTP on standard input; and with nobody there."""

from __future__ import annotations

import email
import email.policy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
import pytest

from postroom.model.application import Scope
from tests.doors.api_rig import Api
from tests.doors.odd_server import OddServer
from tests.rigs.disk import fill
from tests.rigs.fixtures import require
from tests.rigs.ports import free_port
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until

PROGRAM = [str(Path(sys.executable).with_name("postroom")), "sendmail"]
MAIL = b"From: shop@sender.test\nTo: ann@x.test\nCc: Bob <bob@x.test>\nBcc: cid@x.test\nSubject: Test\n\nText\n"


class Host:
    """A machine whose sendmail is Postroom's: a user with a home, and a tenant of a running Postroom."""

    def __init__(self, folder: Path, client: httpx2.Client, url: str) -> None:
        self.folder = folder
        self.client = client
        self.key = client.headers["authorization"].removeprefix("Bearer ")
        self.spool = folder / "data" / "spool"
        self._file = folder / ".config" / "postroom" / "sendmail.toml"
        self._file.parent.mkdir(parents=True)
        self.set_up(url)

    def set_up(self, url: str, key: str = "", **more: Any) -> None:
        values = {"url": url, "key": key or self.key, "aliases_file": str(self.folder / "aliases"), **more}
        (self.folder / "aliases").touch()
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if not isinstance(value, dict)]
        lines += [f"[{name}]\n{json.dumps(k)} = {json.dumps(v)}" for name in more for k, v in _pairs(more[name])]
        self._file.write_text("\n".join(lines))

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("POSTROOM_", "XDG_"))}
        return {**kept, "HOME": str(self.folder), "POSTROOM_DATA": str(self.folder / "data")}

    def sendmail(self, *words: str, given: bytes = MAIL) -> subprocess.CompletedProcess[bytes]:
        return self.run(*PROGRAM, *words, given=given)

    def run(self, *command: str, given: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
        environment = {**self.environment, **more}
        return subprocess.run(command, input=given, capture_output=True, env=environment, timeout=120, check=False)

    def script(self) -> Path:
        """The program as one file, for programs that take no arguments for it."""
        path = self.folder / "sendmail"
        path.write_text(f'#!/bin/sh\nexec "{PROGRAM[0]}" sendmail "$@"\n')
        path.chmod(0o755)
        return path

    # -- what arrived --

    def ids(self) -> list[str]:
        return [one["id"] for one in self.client.get("/v1/messages?limit=200").json()["messages"]][::-1]

    def view(self) -> dict[str, Any]:
        (one,) = self.ids()
        found: dict[str, Any] = self.client.get(f"/v1/messages/{one}").json()
        return found

    def octets(self) -> bytes:
        return self.client.get(f"/v1/messages/{self.view()['id']}/content").content

    def content(self) -> EmailMessage:
        return email.message_from_bytes(self.octets(), policy=email.policy.default)

    def recipients(self) -> dict[str, str]:
        return {one["address"]: one["role"] for one in self.view()["recipients"]}

    def waiting(self) -> list[Path]:
        return sorted(self.spool.glob("*.mail"))


def _pairs(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


@pytest.fixture
def make_host(api: Api, tmp_path: Path) -> Callable[[str], Host]:
    def make(url: str = "") -> Host:
        client = api.tenant()
        for path, values in (("senders", {"address": "shop@sender.test"}), ("senders/shop@sender.test/default", None)):
            assert client.post(f"/v1/{path}", json=values).is_success
        return Host(tmp_path, client, url or api.server.url)

    return make


@pytest.fixture
def host(make_host: Callable[[], Host]) -> Host:
    return make_host()


# -- handing over -----------------------------------------------------------------------------------------------------


def test_recipients_out_of_the_message(host: Host) -> None:
    done = host.sendmail("-t", "-i")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert host.recipients() == {"ann@x.test": "to", "bob@x.test": "cc", "cid@x.test": "bcc"}
    assert host.octets().endswith(MAIL.replace(b"Bcc: cid@x.test\n", b"").replace(b"\n", b"\r\n"))


def test_recipients_out_of_the_command_line(host: Host) -> None:
    assert host.sendmail("-i", "-f", "shop+bounce@sender.test", "dan@x.test", "Eve <eve@x.test>").returncode == 0
    assert host.recipients() == {"dan@x.test": "bcc", "eve@x.test": "bcc"}
    assert host.view()["return_path"] == "shop+bounce@sender.test"
    assert b"Bcc" not in host.octets()


def test_resent_goes_to_those_it_is_resent_to(host: Host) -> None:
    given = b"Resent-To: new@x.test\nResent-Bcc: blind@x.test\nResent-From: shop@sender.test\n" + MAIL
    assert host.sendmail("-ti", given=given).returncode == 0
    assert list(host.recipients()) == ["new@x.test", "blind@x.test"]
    assert b"blind@x.test" not in host.octets()


def test_text_alone_becomes_a_message_of_the_default_sender(host: Host) -> None:
    assert host.sendmail("ann@x.test", given=b"Just text\n.\nnot this\n").returncode == 0
    content = host.content()
    assert content["from"].addresses[0].addr_spec == "shop@sender.test"
    assert content["message-id"]
    assert host.octets().endswith(b"\r\n\r\nJust text\r\n")


def test_a_dot_is_a_dot_with_i(host: Host) -> None:
    assert host.sendmail("-oi", "ann@x.test", given=b"a\n.\nb\n").returncode == 0
    assert host.octets().endswith(b"a\r\n.\r\nb\r\n")


def test_local_names_need_an_alias_or_a_domain(host: Host, api: Api) -> None:
    cron = b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> x\nX-Cron-Env: <A=b>\n\noutput\n"
    done = host.sendmail("-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root", given=cron)
    assert done.returncode == 67
    assert b"root" in done.stderr
    host.set_up(api.server.url, aliases={"root": "admin@x.test"})
    assert host.sendmail("-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root", given=cron).returncode == 0
    assert host.recipients() == {"admin@x.test": "bcc"}
    assert host.content()["from"].addresses[0].addr_spec == "shop@sender.test", "it has no domain of its own"
    assert host.content()["x-cron-env"] == "<A=b>"


def test_with_a_domain_local_names_are_whole(host: Host, api: Api) -> None:
    assert host.client.post("/v1/senders", json={"address": "root@sender.test"}).status_code == 201
    host.set_up(api.server.url, domain="sender.test")
    given = b"From: root (Cron Daemon)\nTo: root\nSubject: Cron\n\noutput\n"
    assert host.sendmail("-t", "-f", "root", given=given).returncode == 0
    assert list(host.recipients()) == ["root@sender.test"]
    author = host.content()["from"].addresses[0]
    assert (author.display_name, author.addr_spec) == ("Cron Daemon", "root@sender.test")


def test_octets_that_are_no_text_stay_but_in_a_header_which_has_a_way_to_write_them(host: Host) -> None:
    given = b"From: shop@sender.test\nSubject: \xe4\n\n\xff\xfe\n"
    assert host.sendmail("-i", "ann@x.test", given=given).returncode == 0
    assert host.octets().endswith(b"Subject: =?utf-8?b?w6Q=?=\r\n\r\n\xff\xfe\r\n")


def test_it_says_what_it_did_when_asked(host: Host) -> None:
    done = host.sendmail("-t", "-v")
    assert host.ids()[0].encode() in done.stderr
    assert host.sendmail("-bp").stdout == b"Nothing waits here.\n"
    assert b"postroom-sendmail" in host.sendmail("--help").stdout


# -- the callers ------------------------------------------------------------------------------------------------------


def test_php(host: Host) -> None:
    require("php")
    headers = "From: shop@sender.test\\r\\nX-A: b"
    words = f'var_dump(mail("ann@x.test", "Gr\u00fc\u00dfe", "Text\\nline", "{headers}", "-fshop@sender.test"));'
    done = host.run("php", "-n", "-d", f"sendmail_path={host.script()} -t -i", "-r", words)
    assert done.stdout.strip() == b"bool(true)", done
    assert host.content()["x-a"] == "b"
    assert host.octets().endswith(b"\r\n\r\nText\r\nline\r\n")


def test_php_injects_nothing(host: Host) -> None:
    """What a form field smuggles into the fifth argument writes no file and names no other server."""
    require("php")
    target = host.folder / "x.php"
    words = f'var_dump(mail("ann@x.test", "S", "T", "From: shop@sender.test", "-OQueueDirectory=/tmp -X{target}"));'
    host.run("php", "-n", "-d", f"sendmail_path={host.script()} -t -i", "-r", words)
    assert not target.exists()
    assert list(host.recipients()) == ["ann@x.test"]


def test_mailx(host: Host) -> None:
    require("mailx")
    rc = host.folder / "mailrc"
    rc.write_text(f"set sendmail={host.script()}\n")
    done = host.run("mailx", "-s", "From mailx", "ann@x.test", given=b"Text\n.\nmore\n", MAILRC=str(rc))
    assert done.returncode == 0, done
    assert host.view()["subject"] == "From mailx"
    assert list(host.recipients()) == ["ann@x.test"]


def test_smtp_on_standard_input(host: Host) -> None:
    require("swaks")
    data = "From: shop@sender.test\\nSubject: SMTP\\n\\n.dot\\nText"
    pipe = f"{PROGRAM[0]} sendmail -bs"
    words = ["swaks", "--pipe", pipe, "--from", "shop@sender.test", "--to", "ann@x.test,bob@x.test", "--data", data]
    done = host.run(*words)
    assert done.returncode == 0, done.stdout
    assert list(host.recipients()) == ["ann@x.test", "bob@x.test"]
    assert b"\r\n\r\n.dot\r\nText\r\n" in host.octets()


def test_smtp_on_standard_input_refuses_what_postroom_refuses(host: Host) -> None:
    lines = ["EHLO x", "MAIL FROM:<other@else.test>", "RCPT TO:<ann@x.test>", "DATA", "From: other@else.test", "", "x"]
    done = host.sendmail("-bs", given="\r\n".join([*lines, ".", "QUIT", ""]).encode())
    assert b"\r\n554 5.6.0 " in done.stdout
    assert done.returncode == 0
    assert host.ids() == []


def test_it_loads_no_part_of_the_server() -> None:
    words = "import sys; from postroom.cli import main\ntry: main(['sendmail', '--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert not modules & {"httpx2", "typer", "rich", "sqlalchemy", "fastapi", "pydantic", "asyncio", "starlette"}
    ours = {name.split(".")[1] for name in modules if name.startswith("postroom.")}
    assert ours == {"cli", "client", "sendmail"}


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_every_refusal_has_its_code(host: Host, api: Api) -> None:
    def code(*words: str, given: bytes = MAIL) -> int:
        done = host.sendmail(*words, given=given)
        assert done.stderr.startswith(b"postroom-sendmail: ")
        assert done.stderr.count(b"\n") == 1
        return done.returncode

    assert code("-t", "-Z") == 64
    assert code("-t", given=b"Subject: nobody\n\nText\n") == 64
    assert code("-f", "shop@sender.test") == 64
    assert code("-t", given=MAIL.replace(b"shop@sender.test", b"other@else.test")) == 65
    assert code("-t", given=b"To: (open\n\n") == 65
    assert code("ann@x.test", given=b"X-Postroom-Kin: x\n\nText\n") == 65
    assert code("nobody@") == 67
    assert code("root") == 67
    assert code("-t", given=MAIL + b"x" * 26 * 1024 * 1024) == 69
    assert code("-t", given=b"Received: by me (Postroom) with HTTP id m_1; x\n" + MAIL) == 69
    host.set_up(api.server.url, key="pr_00000000_nobodys")
    assert code("-t") == 77
    tenant = host.client.post("/v1/applications", json={"name": "reads"}).json()
    made = host.client.post(f"/v1/applications/{tenant['id']}/keys", json={"scopes": [Scope.READ.value]}).json()
    host.set_up(api.server.url, key=made["key"])
    assert code("-t") == 77
    host.set_up("nonsense")
    assert code("-t") == 78
    assert host.ids() == []
    assert host.waiting() == [], "what was refused is told and not kept"


def test_no_complaint_shows_the_key(host: Host) -> None:
    host.set_up("nonsense")
    assert host.key.encode() not in host.sendmail("-t").stderr
    host.set_up(f"http://127.0.0.1:{free_port()}")
    assert host.key.encode() not in host.sendmail("-t", "-v").stderr


# -- nobody there -----------------------------------------------------------------------------------------------------


@pytest.fixture
def stranded(make_host: Callable[[str], Host]) -> Host:
    """A host whose Postroom can't be reached."""
    return make_host(f"http://127.0.0.1:{free_port()}")


def test_mail_is_kept_and_handed_over_by_the_next_call(stranded: Host, api: Api) -> None:
    for number in range(3):
        done = stranded.sendmail("-t", given=MAIL.replace(b"Test", b"Kept %d" % number))
        assert (done.returncode, done.stderr) == (0, b"")
    assert len(stranded.waiting()) == 3
    assert b"3 waiting" in stranded.sendmail("-bp").stdout
    assert stranded.ids() == []
    stranded.set_up(api.server.url)
    assert stranded.sendmail("-t").returncode == 0
    assert stranded.waiting() == []
    subjects = [stranded.client.get(f"/v1/messages/{one}").json()["subject"] for one in stranded.ids()]
    assert subjects == ["Test", "Kept 0", "Kept 1", "Kept 2"]


def test_what_is_promised_is_on_the_disk_before(stranded: Host) -> None:
    """P1 at this door, as the kernel was asked: file, name, folder, and then the exit code."""
    require("strace")
    trace = stranded.folder / "trace"
    watched = ["strace", "-f", "-o", str(trace), "-e", "trace=fsync,rename,renameat,renameat2,exit_group"]
    assert stranded.run(*watched, *PROGRAM, "-t", given=MAIL).returncode == 0
    asked = [line.split(maxsplit=1)[1] for line in trace.read_text().splitlines()]
    kept = next(place for place, line in enumerate(asked) if "rename" in line and ".mail" in line)
    assert asked[kept - 1].startswith("fsync(")
    assert asked[kept + 1].startswith("fsync(")
    assert any(line.startswith("exit_group(0)") for line in asked[kept + 2 :])


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_callers_that_closed_everything(host: Host, closed: str) -> None:
    words = f'echo "Text" | {{ "{PROGRAM[0]}" sendmail ann@x.test {closed}; }}'
    code = host.run("sh", "-c", words).returncode
    assert code == (74 if "<" in closed else 0)


def test_what_is_kept_says_everything_that_was_said(stranded: Host, api: Api) -> None:
    stranded.sendmail("-i", "-f", "", "dan@x.test", given=MAIL)
    stranded.set_up(api.server.url)
    assert stranded.sendmail("-q").returncode == 0
    assert stranded.recipients() == {"dan@x.test": "bcc"}
    assert stranded.view()["return_path"] == ""
    assert stranded.octets().endswith(b"Subject: Test\r\n\r\nText\r\n")


@pytest.mark.parametrize("trick", ["cut before", "cut after", "gateway", "busy", "broken"])
def test_whatever_happens_on_the_way_it_arrives_exactly_once(
    make_host: Callable[[str], Host], api: Api, trick: str
) -> None:
    attempts = 1 if trick == "broken" else 2  # what Postroom itself broke is not tried again at once
    with OddServer(api.server.url, [trick] * attempts) as odd:
        host = make_host(odd.url)
        assert host.sendmail("-t").returncode == 0
        assert len(host.waiting()) == 1
        assert host.sendmail("-q").returncode == 0
        assert host.waiting() == []
    assert len(set(odd.keys)) == 1
    assert len(host.ids()) == 1


def test_a_restart_in_between_changes_nothing(stranded: Host, api: Api) -> None:
    """Handed over, but killed before the file was gone: the next one hands it over again, and it stays one message."""
    stranded.sendmail("-t")
    (path,) = stranded.waiting()
    octets = path.read_bytes()
    stranded.set_up(api.server.url)
    stranded.sendmail("-q")
    path.write_bytes(octets)
    stranded.sendmail("-q")
    assert stranded.waiting() == []
    assert len(stranded.ids()) == 1


def test_what_is_damaged_or_refused_later_stops_nothing_and_is_not_lost(stranded: Host, api: Api) -> None:
    stranded.sendmail("-t", given=MAIL.replace(b"shop@sender.test", b"other@else.test"))
    (refused,) = stranded.waiting()
    stranded.sendmail("-t")
    damaged = stranded.waiting()[1]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    stranded.sendmail("-t", given=MAIL.replace(b"Test", b"Good"))
    stranded.set_up(api.server.url)
    done = stranded.sendmail("-q")
    assert b"1 handed over, 1 refused, 1 damaged, 0 left" in done.stderr
    assert stranded.view()["subject"] == "Good"
    assert stranded.waiting() == []
    assert (stranded.spool / "refused" / refused.name).exists()
    assert (stranded.spool / "refused" / f"{refused.name}.why").read_text().strip()
    assert (stranded.spool / "damaged" / damaged.name).exists()


def test_a_key_that_was_revoked_keeps_mail_waiting(stranded: Host, api: Api) -> None:
    stranded.sendmail("-t")
    stranded.set_up(api.server.url, key="pr_00000000_nobodys")
    done = stranded.sendmail("-q")
    assert done.returncode == 75
    assert b"1 left" in done.stderr
    assert len(stranded.waiting()) == 1


def test_smtp_on_standard_input_keeps_mail_too(stranded: Host) -> None:
    lines = [
        "EHLO x",
        "MAIL FROM:<shop@sender.test>",
        "RCPT TO:<ann@x.test>",
        "DATA",
        "Subject: x",
        "",
        "x",
        ".",
        "QUIT",
    ]
    done = stranded.sendmail("-bs", given="\r\n".join([*lines, ""]).encode())
    assert b"250 2.0.0 kept until" in done.stdout
    assert len(stranded.waiting()) == 1


def test_where_nothing_can_be_kept_nothing_is_accepted(stranded: Host) -> None:
    stranded.set_up(f"http://127.0.0.1:{free_port()}", spool=str(stranded.folder / "none"))
    done = stranded.sendmail("-t")
    assert done.returncode == 75
    assert b"none" in done.stderr


def test_on_a_full_disk_nothing_is_accepted(stranded: Host, make_small_disk: Callable[[int], Path]) -> None:
    disk = make_small_disk(1)
    spool = disk / "spool"
    spool.mkdir(mode=0o700)
    ballast = fill(disk, leave=4096)
    stranded.set_up(f"http://127.0.0.1:{free_port()}", spool=str(spool))
    done = stranded.sendmail("-t", given=MAIL + b"x" * 60_000)
    assert done.returncode == 75
    assert list(spool.iterdir()) == [], "no half mail is left"
    ballast.unlink()
    assert stranded.sendmail("-t", given=MAIL + b"x" * 60_000).returncode == 0
    assert len(list(spool.glob("*.mail"))) == 1


# -- serve hands over what waits ------------------------------------------------------------------------------------


def test_serve_hands_over_what_waited_for_it(make_postroom: Callable[..., Postroom], tmp_path: Path) -> None:
    """On a machine whose user has the key of its `local.json` and nothing else."""
    served = make_postroom()
    environment = {**served.environment(), "HOME": str(tmp_path)}
    with served:
        served.api.post("/v1/senders", {"address": "shop@sender.test"}).expect(201)
    done = subprocess.run([*PROGRAM, "-t"], input=MAIL, env=environment, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    spool = served.data / "spool"
    assert len(list(spool.glob("*.mail"))) == 1
    with served:
        wait_until(lambda: not list(spool.glob("*.mail")), 30, served.log_text)
        found = served.api.get("/v1/messages").expect(200)["messages"]
        assert [one["subject"] for one in found] == ["Test"]
    assert "spool" in served.log_text()


def test_mailq_and_newaliases_are_other_names(host: Host) -> None:
    program = shutil.which(str(Path(sys.executable).with_name("postroom-sendmail")))
    assert program is not None
    for name in ("mailq", "newaliases"):
        (host.folder / name).symlink_to(program)
        assert host.run(str(host.folder / name)).returncode == 0
