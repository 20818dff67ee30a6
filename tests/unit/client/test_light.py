"""Importing the client costs next to nothing: no part of the server, no HTTP library, no framework."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVER = {"store", "web", "work", "outbox", "office", "reports", "intake", "cli", "settings", "smtp", "wire", "compose"}
HEAVY = {"httpx2", "fastapi", "starlette", "pydantic", "sqlalchemy", "typer", "rich", "uvicorn", "cryptography"}


def loaded(statement: str) -> set[str]:
    """The modules a fresh Python has loaded after this statement."""
    words = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", ["Client", "AsyncClient"])
def test_the_client_is_light(name: str) -> None:
    modules = loaded(f"from postroom.client import {name}, Refused\n{name}('http://127.0.0.1:1', 'pr_12345678')")
    assert not {module.split(".")[0] for module in modules} & HEAVY
    assert not {module for module in modules if module.startswith("postroom.") and module.split(".")[1] in SERVER}


def test_who_waits_loads_no_asyncio() -> None:
    assert "asyncio" not in loaded("from postroom.client import Client, Refused, Receipt")
