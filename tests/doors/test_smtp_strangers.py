"""The SMTP door as strangers see it who look for its weak places: testssl.sh, nmap, and the oldest ciphers."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.doors.smtp_rig import Letterbox, Raw, open_letterbox, trusting
from tests.rigs.fixtures import require
from tests.rigs.parts import program


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Letterbox]:
    """As it is by default: with all its patience."""
    with open_letterbox(tmp_path_factory.mktemp("strangers")) as opened:
        yield opened


def protocols(folder: Path, port: int, *options: str) -> dict[str, str]:
    """What testssl.sh finds out about each version of SSL and TLS."""
    output = folder / f"{port}.json"
    subprocess.run(
        [
            str(program("testssl")), "--quiet", "--warnings", "batch", "--nodns", "none", "--ip", "127.0.0.1",
            "--protocols", *options, "--jsonfile", str(output), f"localhost:{port}",
        ],
        capture_output=True, check=False, timeout=170,
    )  # fmt: skip
    found = {one["id"]: one["finding"] for one in json.loads(output.read_text())}
    return {name: finding for name, finding in found.items() if name.startswith(("SSLv", "TLS1"))}


def test_testssl_finds_no_weak_protocol_on_either_port(door: Letterbox, tmp_path: Path) -> None:
    require("testssl")
    with ThreadPoolExecutor(2) as both:
        found = list(
            both.map(lambda one: protocols(tmp_path, *one), [(door.port, "--starttls", "smtp"), (door.tls_port,)])
        )
    for told in found:
        assert {name for name, finding in told.items() if not finding.startswith("not offered")} == {"TLS1_2", "TLS1_3"}
        assert set(told) == {"SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3"}


WEAK = [
    "NULL", "aNULL", "EXPORT", "LOW", "3DES", "RC4", "MD5", "DES", "IDEA", "SEED", "CAMELLIA", "ARIA", "PSK", "SRP",
    "kRSA", "kDHE", "SHA1", "SHA256:!AESGCM:!CHACHA20", "AESCCM",
]  # fmt: skip


@pytest.mark.parametrize("starttls", [True, False])
def test_no_weak_cipher_is_spoken_on_either_port(door: Letterbox, starttls: bool) -> None:
    """Each family that OpenSSL still knows, offered alone, is refused; what is left is forward secret and AEAD."""
    tried = 0
    for family in WEAK:
        context = trusting()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.set_ciphers(f"{family}:!ECDHE:@SECLEVEL=0" if family != "SHA1" else "ECDHE+SHA1:@SECLEVEL=0")
        except ssl.SSLError:  # this OpenSSL has forgotten it altogether
            continue
        tried += 1
        assert not _handshake(door, context, starttls=starttls), family
    assert tried >= 5
    assert _handshake(door, trusting(), starttls=starttls)


def _handshake(door: Letterbox, context: ssl.SSLContext, *, starttls: bool) -> bool:
    if starttls:
        with Raw(door.port) as raw:
            raw.ask(b"EHLO x\r\n")
            assert raw.ask(b"STARTTLS\r\n").startswith("220")
            return _wrapped(raw.socket, context)
    with socket.create_connection(("127.0.0.1", door.tls_port), timeout=30) as plain:
        return _wrapped(plain, context)


def _wrapped(plain: socket.socket, context: ssl.SSLContext) -> bool:
    try:
        context.wrap_socket(plain).close()
    except (ssl.SSLError, ConnectionError):
        return False
    return True


@pytest.mark.parametrize("trusted", [False, True])
def test_nmap_finds_no_open_relay(tmp_path: Path, trusted: bool) -> None:
    """A30: neither from anywhere, nor from a network that needs no login: its application has senders."""
    require("nmap")
    settings = {"smtp_trusted": "127.0.0.1=webshop"} if trusted else {}
    with open_letterbox(tmp_path, **settings) as letterbox:
        done = subprocess.run(
            [
                str(program("nmap")), "-n", "-Pn", "-sT", "-p", str(letterbox.port), "--script", "+smtp-open-relay",
                "--script-args", "smtp-open-relay.to=relaytest@example.org,smtp-open-relay.domain=example.org",
                "127.0.0.1",
            ],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert "smtp-open-relay: Server" in done.stdout, done.stdout + done.stderr
        assert "Server is an open relay" not in done.stdout
        assert letterbox.messages() == []
