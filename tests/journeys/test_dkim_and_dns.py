"""From making a key on the command line to a mail that has arrived and is believed; and what is said of a sender."""

from __future__ import annotations

import re
from collections.abc import Callable

import dkim

from tests.rigs.names import NameServerRig
from tests.rigs.postroom import Postroom
from tests.rigs.shell import Shell
from tests.rigs.sink import Sink

TEXT = "Hello.\r\n.\r\n..a line of dots  \r\n" + "x" * 900 + "\r\nüöä\r\n\r\n\r\n"


def test_a_key_is_made_seen_and_signs_what_arrives(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink]
) -> None:
    zone = {"first.test": {"TXT": ['"v=spf1 -all"'], "MX": ["10 mail.first.test."]}}
    with NameServerRig(zone) as names:
        sink = make_sink(keep=True)
        postroom = fork_postroom(dns_servers=f"{names.host}:{names.port}").start()
        postroom.deliver_to(sink.port, name="relay")
        postroom.api.post("/v1/senders", {"address": "shop@first.test", "name": "Shop"}).expect(201)
        shell = Shell(postroom.environment(), postroom.folder)

        made = shell.run("dkim", "add", "first.test").expect().out
        name, value = (re.search(rf"{word} +(\S.*)", made) for word in ("Name", "Value"))
        assert name is not None
        assert value is not None
        names.zone[name[1]] = {"TXT": [f'"{value[1][:250]}" "{value[1][250:]}"']}
        assert shell.run("dkim", "check", name[1]).expect().out.startswith("signs: ")

        message = postroom.api.send("ok@sink.test", text=TEXT, **{"from": "shop@first.test"})
        postroom.api.wait_for_state(message, "sent")
        (record,) = sink.taken()
        arrived = sink.source(record)
        assert arrived.count(b"DKIM-Signature: ") == 1
        assert dkim.verify(arrived, dnsfunc=lambda asked, timeout=5: value[1].encode())
        assert arrived == postroom.api.get(f"/v1/messages/{message}/content").body

        told = shell.run("dns", "shop@first.test", "--address", "192.0.2.25").expect().out
        for words in ("SPF does not cover 192.0.2.25", "v=spf1 ip4:192.0.2.25 -all", "Postroom signs for first.test",
                      "Mail from first.test passes DMARC", "_dmarc.first.test"):  # fmt: skip
            assert words in told
        assert "not in the DNS" in shell.run("dns", "--recipient", "ann@gone.test").expect().out
