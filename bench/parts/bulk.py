"""One template to many in one call: whether memory grows with the number of recipients, and how quickly rows are taken.

The rows are made as they are sent, and the answer is read when the last one is written, as a plain client would. The
peak of the whole process counts, in one process: after a tenth of the rows, and after all of them.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

from bench.bench import Bench, peak_octets
from bench.figures import Figure, ratios
from bench.sides import HttpSide
from tests.rigs.process import RigFailed

__all__ = ["measure"]

_AIM = 1.1
_SHARE = 10
_SECONDS = 900.0
_TEXTS = {"en": {"subject": "{{ title }}", "text": "Dear {{ name }}, this is new.\n"}}
_NEWS = {"name": "news", "kind": "news", "texts": _TEXTS, "variables": [{"name": "title"}, {"name": "name"}]}
_HEAD = {"template": "news", "variables": {"title": "November"}}


def measure(bench: Bench) -> list[Figure]:
    return [figure for database in bench.databases for figure in _of(bench, database)]


def _of(bench: Bench, database: str) -> list[Figure]:
    with ExitStack() as stack:
        side = HttpSide(bench, stack, database)
        side.postroom.api.post("/v1/kinds", {"name": "news", "bulk": True}).expect(201)
        side.postroom.api.post("/v1/templates", _NEWS).expect(201)
        peaks, rates = [], []
        for rows in (bench.size.bulk // _SHARE, bench.size.bulk):
            began = time.monotonic()
            _send(side.postroom.url, side.postroom.api.key, rows)
            rates.append(rows / (time.monotonic() - began))
            peaks.append(peak_octets(side.postroom.process.pid) / 1e6)
            bench.say(f"  {peaks[-1]:.0f} MB after {rows:,} recipients in one call, {rates[-1]:,.0f} a second")
        side.postroom.kill9()
    measured = {"MB": peaks, "rows a second": rates}
    name = f"memory after {bench.size.bulk:,} recipients over a tenth of them, {database}"
    return [Figure("bulk", name, ratios(peaks[1:], peaks[:1]), _AIM, at_most=True, measured=measured)]


def _send(url: str, key: str, rows: int) -> None:
    """Raises RigFailed unless each row was taken."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_SECONDS)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    connection.request("POST", "/v1/bulks", _lines(rows), headers, encode_chunked=True)
    answer = connection.getresponse()
    last = b""
    for line in answer:
        last = line
    connection.close()
    if answer.status != http.HTTPStatus.OK or json.loads(last).get("accepted") != rows:
        raise RigFailed(f"a bulk of {rows:,} ended with {answer.status}: {last[:500]!r}")


def _lines(rows: int, at_once: int = 200) -> Iterator[bytes]:
    lines = [json.dumps(_HEAD)]
    for number in range(rows):
        lines.append(json.dumps({"to": f"reader{number}@customer.example", "variables": {"name": f"R{number}"}}))
        if len(lines) >= at_once:
            yield "".join(f"{line}\n" for line in lines).encode()
            lines = []
    yield "".join(f"{line}\n" for line in lines).encode() or b"\n"
