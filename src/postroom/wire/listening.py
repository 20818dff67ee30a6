"""Taking an address to listen on, for whichever door it is."""

from __future__ import annotations

import os
import socket

from postroom.errors import BadSettings, Fault

__all__ = ["bound_to", "listen"]

_BACKLOG = 2048


def listen(host: str, port: int, setting: str = "listen") -> list[socket.socket]:
    """A listening socket for each address of the name; port 0 is the same free port for all.

    Raises BadSettings, which names the `setting`.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, name in dict.fromkeys((info[0], info[4][0]) for info in found):
            free = bound_to(sockets[0])[1] if sockets else port
            sockets.append(socket.create_server((str(name), free), family=family, backlog=_BACKLOG))
    except OSError as error:
        for one in sockets:
            one.close()
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        problem = f"{host}:{port} can't be listened on: {reason}."
        raise BadSettings([Fault(setting, problem, "Choose another address or port, or stop who has it.")]) from None
    return sockets


def bound_to(bound: socket.socket) -> tuple[str, int]:
    """The address and port of a socket."""
    host, port = bound.getsockname()[:2]
    return str(host), int(port)
