"""Certificates on the command line: looked at, trusted, missed when they change; files for what is no word to type."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.rigs.certificate_set import Authority, key_pem
from tests.rigs.postroom import Postroom
from tests.rigs.shell import Shell
from tests.rigs.sink import Sink


def test_a_certificate_is_looked_at_trusted_and_compared(
    tmp_path: Path, make_sink: Callable[..., Sink], fork_postroom: Callable[..., Postroom]
) -> None:
    own, other = Authority("Cellar"), Authority("Attic")
    first, second = (one.issue("127.0.0.1", common_name=one.name, key=one.key) for one in (own, other))
    path = first.bundle(tmp_path)
    sink = make_sink(tls="starttls", certificate=path)
    postroom = fork_postroom(poll_seconds=0.1).start()
    shell = Shell(postroom.environment(), postroom.folder)
    shell.run("account", "add", "--name", "Main", "--host", "127.0.0.1", "--port", str(sink.port)).expect()

    looked = shell.run("account", "certificate", "Main").expect().out
    for words in ("Cellar", "127.0.0.1", first.fingerprint, "nobody vouches for it", "--trust"):
        assert words in looked
    assert (
        "trusts this certificate now"
        in shell.run("account", "certificate", "Main", "--trust", first.fingerprint).expect().out
    )
    assert "It is the one that you trust." in shell.run("account", "certificate", "Main").expect().out

    sink.stop()
    path.write_text(key_pem(second.key) + second.chain)
    sink.run()
    compared = shell.run("account", "certificate", "Main").expect().out
    for words in (
        "another certificate than the one you trust",
        "Cellar",
        "Attic",
        first.fingerprint,
        second.fingerprint,
    ):
        assert words in compared
    refused = shell.run("account", "certificate", "Main", "--trust", first.fingerprint).expect(1).err
    assert "Nothing was changed" in refused
    assert json.loads(shell.run("account", "certificate", "Main", "--json").expect().out)["changed"] is True


def test_files_are_read_checked_and_described(tmp_path: Path, fork_postroom: Callable[..., Postroom]) -> None:
    root = Authority("Example Root")
    soon = root.issue(common_name="mailer", until=10)
    ca, certificate, key, opens = (tmp_path / name for name in ("ca.pem", "client.pem", "client.key", "passphrase"))
    ca.write_text(root.pem)
    certificate.write_text(soon.chain)
    key.write_text(key_pem(soon.key, "open sesame"))
    opens.write_text("open sesame\n")
    postroom = fork_postroom().start()
    shell = Shell(postroom.environment(), postroom.folder)
    files = (
        "--certificate-authority",
        str(ca),
        "--client-certificate",
        str(certificate),
        "--client-key-file",
        str(key),
    )
    add = ("account", "add", "--name", "Main", "--host", "smtp.example.com", *files)
    assert "client_key_passphrase" in shell.run(*add).expect(1).err
    shell.run(*add, "--client-key-passphrase-file", str(opens)).expect()
    told = shell.run("account", "show", "Main").expect().out
    for words in ("own-ca", "Example Root", "mailer", "expires on"):
        assert words in told
    assert "PRIVATE" not in told
    assert "client_certificate" in shell.run("doctor").expect(1).out
    shell.run("account", "edit", "Main", "--certificate-check", "ignore").expect()
    assert "Certificate errors are ignored" in shell.run("account", "list").expect().out
    missing = shell.run("account", "edit", "Main", "--certificate-authority", str(tmp_path / "none.pem")).expect(1).err
    assert "none.pem" in missing
