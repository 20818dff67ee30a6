"""The native courier's command: run without a shell, given nothing it could misread, never able to raise or to hang."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import textwrap
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from postroom.model.attempt import Failure
from postroom.wire.command import MAX_SAID, Ran, meaning, run_command
from tests.journeys.loopback import in_loop

MAIL = b"Subject: x\r\n\r\n.\r\nline\r\n"
Send = Callable[..., Ran]


@pytest.fixture(params=["asyncio", "uvloop"])
def send(request: pytest.FixtureRequest) -> Send:
    """Runs a command to its end and gives what came of it; no descriptor and no child is left behind."""
    run: Callable[[Coroutine[Any, Any, None]], None] = partial(in_loop, request.param)

    def sends(
        command: list[str], sender: str = "a@b.test", to: tuple[str, ...] = ("c@d.test",), content: bytes = MAIL,
        seconds: float = 10.0,
    ) -> Ran:  # fmt: skip
        results: list[Ran] = []

        async def work() -> None:
            await run_command(["/bin/true"], "a@b.test", ["c@d.test"], b"", 10.0)  # loops open theirs the first time
            before = len(os.listdir("/proc/self/fd"))
            results.append(await run_command(command, sender, to, content, seconds))
            await asyncio.sleep(0)
            assert len(os.listdir("/proc/self/fd")) <= before

        run(work())
        return results[0]

    return sends


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], list[str]]:
    def write(body: str) -> list[str]:
        path = tmp_path / "mailer"
        path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{textwrap.dedent(body)}")
        path.chmod(0o755)
        return [str(path)]

    return write


@pytest.fixture
def record(script: Callable[[str], list[str]], tmp_path: Path) -> tuple[list[str], Callable[[], dict[str, Any]]]:
    """A command that writes down how it was called, and what it wrote."""
    out = tmp_path / "called.json"
    command = script(f"""
        heard = sys.stdin.buffer.read().decode("latin-1")
        seen = dict(args=sys.argv[1:], input=heard, env=dict(os.environ), cwd=os.getcwd())
        open({str(out)!r}, "w").write(json.dumps(seen))
    """)
    return command, lambda: json.loads(out.read_text())


Recorded = tuple[list[str], Callable[[], dict[str, Any]]]


def test_it_is_called_like_sendmail(send: Send, record: Recorded) -> None:
    command, called = record
    ran = send([*command, "-v"], to=("c@d.test", "e@f.test"))
    assert ran == Ran(None, "The native command took the message.", 0)
    assert called()["args"] == ["-v", "-i", "-f", "a@b.test", "--", "c@d.test", "e@f.test"]
    assert called()["input"] == "Subject: x\n\n.\nline\n", "LF line ends, and a lone dot is no end (-i)"
    assert called()["cwd"] == "/"


def test_the_null_sender(send: Send, record: Recorded) -> None:
    command, called = record
    assert send(command, sender="").failure is None
    assert called()["args"][:3] == ["-i", "-f", "<>"]


@pytest.mark.parametrize(
    "address",
    ["$(id)@x.test", "`id`@x.test", "a;id@x.test", "a|id@x.test", "a&b@x.test", "'a'@x.test", "*@x.test", "~@x.test",
     '"a b"@x.test', '"a,b;c"@x.test', '"-oQ"@x.test', "ü@bücher.test", "a=b@x.test", "!#$%&'*+/?^_`{|}~@x.test"],
)  # fmt: skip
def test_no_shell_ever_sees_an_address(send: Send, record: Recorded, address: str) -> None:
    """Either it arrives as it is, as one argument, or the command is not run at all."""
    command, called = record
    ran = send(command, sender=address, to=(address,))
    if ran.failure is None:
        assert called()["args"] == ["-i", "-f", address, "--", address]
    else:
        assert ran.failure is Failure.UNWRITABLE


@pytest.mark.parametrize("address", ["-oQ/tmp@x.test", "-C/etc/passwd@x.test", "--help@x.test"])
def test_an_address_is_never_taken_for_an_option(send: Send, record: Recorded, address: str) -> None:
    command, called = record
    assert send(command, sender=address, to=(address,)).failure is None
    assert called()["args"] == ["-i", "-f", f"<{address}>", "--", f"<{address}>"]


@pytest.mark.parametrize(
    "address",
    ["", "a", "-t", "a@", "@b", "a b@c.test", "a@b.test,c@d.test", "a@b.test\n-t", "a\x00@b.test", "a\r\n@b.test",
     "a@b.test\u2028", "<a@b.test>", "a@b.test c@d.test", "a:b@c.test", '"a\n"@b.test', '"a"b"@c.test', "a@@b.test",
     "a\u202e@b.test", "a;b@x.test"],
)  # fmt: skip
def test_what_is_no_single_address_is_not_passed_on(send: Send, record: Recorded, address: str) -> None:
    """Threat A2."""
    command, _ = record
    ran = send(command, to=("good@x.test", address))
    assert ran.failure is Failure.UNWRITABLE
    assert not Path(command[0]).with_name("called.json").exists()
    assert ran.detail.isprintable()


def test_without_recipients_nothing_is_run(send: Send, record: Recorded) -> None:
    assert send(record[0], to=()).failure is Failure.UNWRITABLE


def test_our_secrets_are_not_its_environment(send: Send, record: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise P7."""
    monkeypatch.setenv("POSTROOM_KEY", "canary")
    monkeypatch.setenv("POSTROOM_DATABASE", "postgresql://u:canary@h/d")
    monkeypatch.setenv("LANG", "C.UTF-8")
    command, called = record
    assert send(command).failure is None
    assert "canary" not in str(called()["env"])
    assert called()["env"]["LANG"] == "C.UTF-8"


@pytest.mark.parametrize(("code", "words"), [(75, "EX_TEMPFAIL"), (67, "EX_NOUSER"), (64, "EX_USAGE"), (1, "it failed"),
                                             (127, "not found")])  # fmt: skip
def test_its_exit_code_is_explained_and_its_words_kept(
    send: Send, script: Callable[[str], list[str]], code: int, words: str
) -> None:
    ran = send(script(f"sys.stdin.read(); sys.stderr.write('it is\\x1b[31m so\\nand so'); sys.exit({code})"))
    assert (ran.failure, ran.code, ran.in_doubt) == (Failure.COMMAND, code, False)
    assert words in ran.detail
    assert ran.said == "it is\\x1b[31m so\nand so"


def test_a_command_killed_by_a_signal_may_have_sent_it(send: Send, script: Callable[[str], list[str]]) -> None:
    ran = send(script("sys.stdin.read(); os.kill(os.getpid(), 9)"))
    assert (ran.failure, ran.code, ran.in_doubt) == (Failure.COMMAND, -9, True)
    assert "SIGKILL" in ran.detail


def test_one_that_hangs_is_killed_with_its_children(
    send: Send, script: Callable[[str], list[str]], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    ran = send(
        script(f"""
            child = os.fork()
            if child:
                open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child}}")
                sys.stdin.read()
            time.sleep(600)
        """),
        seconds=1.5,
    )
    assert (ran.failure, ran.code, ran.in_doubt) == (Failure.TIMEOUT, None, True)
    for pid in pids.read_text().split():
        while is_running(int(pid)):  # the kill has been sent; a process that ignored it would never end
            time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_one_that_hangs_with_a_large_message_unread_is_in_doubt(send: Send, script: Callable[[str], list[str]]) -> None:
    """What it has read can't be known from outside: it may have opened its standard input anew."""
    ran = send(script("time.sleep(600)"), content=b"x\r\n" * 1_000_000, seconds=0.5)
    assert (ran.failure, ran.in_doubt) == (Failure.TIMEOUT, True)


def test_a_large_message_arrives_whole(send: Send, record: Recorded) -> None:
    command, called = record
    assert send(command, content=b"0123456789\r\n" * 500_000).failure is None
    assert called()["input"] == "0123456789\n" * 500_000


def test_a_wrapper_may_open_its_input_anew(send: Send, tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f"#!/bin/sh\ncat /dev/stdin > {tmp_path}/mail\n")
    wrapper.chmod(0o755)
    assert send([str(wrapper)]).failure is None
    assert (tmp_path / "mail").read_bytes() == MAIL.replace(b"\r\n", b"\n")


def test_one_that_leaves_a_daemon_behind_keeps_nobody(send: Send, script: Callable[[str], list[str]]) -> None:
    """The daemon keeps standard error open; the answer does not wait for it."""
    ran = send(
        script("""
            sys.stdin.read()
            sys.stderr.write("queued")
            sys.stderr.flush()
            if os.fork() == 0:
                os.setsid()
                time.sleep(5)
                os._exit(0)
        """),
        seconds=4.0,
    )
    assert (ran.failure, ran.said) == (None, "queued")


def test_one_that_says_too_much_is_heard_only_for_a_while(send: Send, script: Callable[[str], list[str]]) -> None:
    ran = send(script("sys.stdin.read(); sys.stderr.write('x' * 5_000_000); sys.exit(1)"))
    assert (ran.code, len(ran.said)) == (1, MAX_SAID)


def test_what_it_declares_done_is_done(send: Send) -> None:
    """Its exit code is its answer; one that does not read is the operator's choice."""
    assert send(["/bin/true"], content=b"x\r\n" * 1_000_000).failure is None


def test_a_command_that_is_not_there_or_no_command(send: Send, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("no program")
    assert not plain.stat().st_mode & stat.S_IXUSR
    for command, words in (
        ("/no/such/mailer", "No such file"),
        (str(tmp_path), "Permission denied"),
        (str(plain), "denied"),
    ):
        ran = send([command])
        assert (ran.failure, ran.code) == (Failure.COMMAND, None)
        assert words in ran.detail
    plain.chmod(0o755)
    assert send([str(plain)]).failure is Failure.COMMAND, "neither a binary nor a script"


def test_too_many_recipients_for_one_call_are_data(send: Send) -> None:
    ran = send(["/bin/true"], to=tuple(f"{'x' * 60}{n}@d.test" for n in range(100_000)))
    assert ran.failure is Failure.COMMAND
    assert "too long" in ran.detail


def test_calling_it_off_kills_it(script: Callable[[str], list[str]], tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    async def work() -> None:
        command = script(f"open({str(pid)!r} + '.new', 'w').write(str(os.getpid())); "
                         f"os.rename({str(pid)!r} + '.new', {str(pid)!r}); time.sleep(600)")  # fmt: skip
        task = asyncio.create_task(run_command(command, "a@b.test", ["c@d.test"], MAIL, 60.0))
        while not pid.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)

    in_loop("asyncio", work())


def test_exit_codes_in_words() -> None:
    assert meaning(0) == "done"
    assert meaning(-15) == "it was killed by SIGTERM"
    assert meaning(-200) == "it was killed by signal 200"
    assert meaning(255) == "it failed"
