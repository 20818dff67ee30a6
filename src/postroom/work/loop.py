"""The event loop Postroom runs on, and how its process is set up when it is Postroom's alone."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc

__all__ = ["load_without_pause", "new_loop", "own_process"]

_YOUNG_OBJECTS = 50_000
_MMAP_THRESHOLD = -3
"""M_MMAP_THRESHOLD of mallopt(3)."""
_LARGE_OCTETS = 262_144


def load_without_pause() -> None:
    """For `serve`, until `own_process`: what a start makes stays, so a tenth of it would go into looking for garbage in
    vain."""
    gc.disable()


def own_process() -> None:
    """For `serve`, once everything is loaded; never for a program that embeds Postroom, whose process it is.

    What was loaded stays, so the garbage collector need not look at it again; and since nothing on a message's way
    makes cycles, it need not look often (by default it took a tenth of the time). Memory of large messages goes back to
    the system at once: by itself glibc learns from the first of them to keep it, in pieces that no other one fits in.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library has no such knob
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_OCTETS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 50)
    gc.enable()


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it exists, else the standard one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
