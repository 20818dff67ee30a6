"""What the system's errors mean for a connection: a `Failure` and a plain sentence each."""

from __future__ import annotations

import errno
import os
import socket

from postroom.model.attempt import Failure

__all__ = ["of_lookup", "of_os_error"]

_BY_NUMBER = {
    errno.ECONNREFUSED: (Failure.REFUSED, "connection refused: nothing listens there, or a firewall says no"),
    errno.ETIMEDOUT: (Failure.TIMEOUT, "no answer"),
    errno.ENETUNREACH: (Failure.UNREACHABLE, "this machine has no way to that network"),
    errno.EHOSTUNREACH: (Failure.UNREACHABLE, "the host can't be reached"),
    errno.ENETDOWN: (Failure.UNREACHABLE, "this machine's network is down"),
    errno.EHOSTDOWN: (Failure.UNREACHABLE, "the host is down"),
    errno.EADDRNOTAVAIL: (Failure.UNREACHABLE, "this machine has no address to reach it from"),
    errno.EAFNOSUPPORT: (Failure.UNREACHABLE, "this machine does not speak that version of IP"),
    errno.EACCES: (Failure.UNREACHABLE, "this machine's firewall forbids the connection"),
    errno.EPERM: (Failure.UNREACHABLE, "this machine's firewall forbids the connection"),
    errno.ECONNRESET: (Failure.CLOSED, "the connection was reset"),
    errno.ECONNABORTED: (Failure.CLOSED, "the connection was aborted"),
    errno.EPIPE: (Failure.CLOSED, "the connection was closed while data were on their way"),
    errno.EMFILE: (Failure.INTERNAL, "this process has no file descriptors left"),
    errno.ENFILE: (Failure.INTERNAL, "this machine has no file descriptors left"),
    errno.ENOBUFS: (Failure.INTERNAL, "this machine has no buffers left"),
    errno.ENOMEM: (Failure.INTERNAL, "this machine has no memory left"),
}

_NO_SUCH_NAME = {
    number
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
    if (number := getattr(socket, name, None)) is not None
}


def of_os_error(error: OSError) -> tuple[Failure, str]:
    """For what `connect`, `send` and `recv` raise. Unknown errors are INTERNAL, with the system's words."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return Failure.TIMEOUT, "no answer"
    number = error.errno
    if number in _BY_NUMBER:
        return _BY_NUMBER[number]
    return Failure.INTERNAL, os.strerror(number) if number else type(error).__name__


def of_lookup(error: socket.gaierror, host: str) -> tuple[Failure, str]:
    """For what `getaddrinfo` raises: no such name, or nobody could say."""
    if error.errno in _NO_SUCH_NAME:
        return Failure.NAME, f"There is no host {host} in the DNS, or it has no address."
    return (
        Failure.NAME_TEMPORARY,
        f"The address of {host} could not be looked up: {error.strerror or 'no reason given'}.",
    )
