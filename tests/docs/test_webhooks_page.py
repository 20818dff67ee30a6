"""The example on the page about webhooks accepts what Postroom signs, and nothing else."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path
from typing import Any

from postroom.secrets import Secret
from postroom.work.webhooks import signatures

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"


def test_the_example_verifies_what_is_signed_and_refuses_what_is_not() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", _PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    is_ours = names["is_from_postroom"]
    new, old = (Secret("whsec_" + base64.b64encode(bytes([n]) * 32).decode()) for n in (1, 2))
    now, body = int(time.time()), b'{"id":"e_1"}'

    def headers(at: int) -> dict[str, str]:
        signed = signatures([new, old], "e_1", at, body)
        return {"webhook-id": "e_1", "webhook-timestamp": str(at), "webhook-signature": signed}

    assert is_ours(new.reveal(), headers(now), body)
    assert is_ours(old.reveal(), headers(now), body), "for as long as both sign"
    assert not is_ours(new.reveal(), headers(now), body + b" ")
    assert not is_ours(new.reveal(), headers(now - 1_000), body)
    assert not is_ours("whsec_" + base64.b64encode(b"x" * 32).decode(), headers(now), body)
    assert not is_ours(new.reveal(), headers(now) | {"webhook-id": "e_2"}, body)
