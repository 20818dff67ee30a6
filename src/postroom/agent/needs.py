"""What SSH needs that is not always installed."""

from __future__ import annotations

import importlib.util

__all__ = ["ssh_missing"]


def ssh_missing() -> str:
    """Why connectors of the kinds ssh and agent can't work here, or ""."""
    if importlib.util.find_spec("asyncssh") is not None:
        return ""
    return "it needs the package asyncssh: install postroom[ssh]"
