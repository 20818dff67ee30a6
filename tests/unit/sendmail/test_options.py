"""The command lines that programs really write, and those that must not be obeyed."""

from __future__ import annotations

import shlex

import pytest

from postroom.sendmail.exits import Ending, Exit
from postroom.sendmail.options import Options, parse

TWO = ("ann@x.test", "bob@x.test")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("-t -i", Options(from_headers=True, dot_ends=False)),  # PHP
        ("-ti", Options(from_headers=True, dot_ends=False)),
        ("-t -i -f shop@sender.test", Options(from_headers=True, dot_ends=False, sender="shop@sender.test")),
        ("-t -i -fshop@sender.test", Options(from_headers=True, dot_ends=False, sender="shop@sender.test")),
        ("-i -FCronDaemon -B8BITMIME -oem root", Options(("root",), dot_ends=False, name="CronDaemon")),  # cron
        ("-FCronDaemon -i -odi -oem -oi -t -f root", Options((), True, False, "root", "CronDaemon")),
        ("-i -- ann@x.test bob@x.test", Options(TWO, dot_ends=False)),  # mailx
        ("-oi -om ann@x.test bob@x.test", Options(TWO, dot_ends=False)),  # s-nail
        ("-oi -oem -f a@x.test -- ann@x.test", Options(("ann@x.test",), dot_ends=False, sender="a@x.test")),  # mutt
        ("-bm -r a@x.test ann@x.test", Options(("ann@x.test",), sender="a@x.test")),
        ("-t -oi -oem", Options(from_headers=True, dot_ends=False)),  # git send-email, nodemailer
        ("-bs", Options(mode="s")),  # Symfony
        ("-bp", Options(mode="p")),
        ("-bi", Options(mode="i")),
        ("-I", Options(mode="i")),
        ("-q", Options(mode="q")),
        ("-q30m", Options(mode="q")),
        ("-N success,delay -R hdrs -V id -t", Options(from_headers=True)),
        ("-G -U -n -m -h 5 -d0.1 -Am -L tag -p ESMTP -O Opt=x -X /tmp/log -oQ/tmp ann@x.test", Options(TWO[:1])),
        ("-C /etc/other.toml -v ann@x.test", Options(TWO[:1], configuration="/etc/other.toml", verbose=True)),
        ("-f '' ann@x.test", Options(TWO[:1], sender="")),
        ("-f '<>' ann@x.test", Options(TWO[:1], sender="<>")),
        ("-F '' -ba ann@x.test", Options(TWO[:1])),
        ("-- -t", Options(("-t",))),
        ("", Options()),
        ("--help -t", Options(mode="?")),
    ],
)
def test_what_programs_write(line: str, meant: Options) -> None:
    assert parse(shlex.split(line)) == meant


@pytest.mark.parametrize(
    "line", ["-Z", "-tZ", "-", "--nonsense", "-f", "-oi -F", "-bd", "-bD", "-bt", "-bv", "-bx", "-b"]
)
def test_what_makes_no_sense_is_a_mistake_of_the_caller(line: str) -> None:
    with pytest.raises(Ending) as caught:
        parse(line.split())
    assert caught.value.code is Exit.USAGE
    assert caught.value.text


@pytest.mark.parametrize("line", ["ann@x.test -X/var/www/x.php", "ann@x.test -oQ/tmp", "ann@x.test -- -t", "a -C/e"])
def test_an_option_behind_a_recipient_is_refused(line: str) -> None:
    """What a web form smuggles behind an address is no option here, and no address either."""
    with pytest.raises(Ending) as caught:
        parse(line.split())
    assert caught.value.code is Exit.USAGE


@pytest.mark.parametrize(("called", "mode"), [("mailq", "p"), ("newaliases", "i"), ("sendmail", "m")])
def test_the_program_is_what_it_is_called(called: str, mode: str) -> None:
    assert parse([], called).mode == mode
