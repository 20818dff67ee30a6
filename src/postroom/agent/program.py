"""Keeps an agent's connections: one to each address of Postroom, made anew whenever it ends, until somebody stops it.

Waits between tries grow to half a minute, each with some chance in it, so that many agents do not come back at once.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable

from postroom.agent.configuration import Configuration
from postroom.agent.tunnel import NotTaken, dwell

__all__ = ["FIRST_WAIT", "LONGEST_WAIT", "run"]

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds."""


async def run(configuration: Configuration, told: Callable[[str], None]) -> None:
    """Until SIGINT or SIGTERM. `told` gets a line for everything that people may want to know."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    keeping = [asyncio.create_task(_keep(host, port, configuration, told)) for host, port in configuration.to]
    await stopping.wait()
    for task in keeping:
        task.cancel()
    await asyncio.gather(*keeping, return_exceptions=True)


async def _keep(host: str, port: int, configuration: Configuration, told: Callable[[str], None]) -> None:
    wait = FIRST_WAIT
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    while True:
        stood: list[bool] = []
        try:
            await dwell(host, port, configuration, told, lambda stood=stood: stood.append(True))  # type: ignore[misc]
            why = "the connection ended"
        except NotTaken as error:
            why = str(error)
        wait = FIRST_WAIT if stood else min(wait * 2, LONGEST_WAIT)
        pause = wait * random.uniform(0.8, 1.2)  # noqa: S311  (spreads agents, guards nothing)
        told(f"{shown}: {why}; again in {pause:.1f} s")
        await asyncio.sleep(pause)
