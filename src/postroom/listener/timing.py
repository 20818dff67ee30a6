"""How long a client may take: seconds, each for one thing (RFC 5321, 4.5.3.2.7 asks for five minutes a command).

A client that sends an octet now and then gains nothing: what counts is whole commands, and octets of a body in all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """`login`: from the connection to a login; `command`: from one command to the next; `handshake`: of TLS;
    `body_grace`: how long a body may come in with less than `body_rate` octets a second; `room`: to wait
    for room in the middle of a message; `answer`: for a client to read what we
    say; `engine`: for us to say what became of a message; `last`: for what is under way when Postroom stops; `sweep`:
    how often all that is looked at.
    """

    login: float = 60.0
    command: float = 300.0
    handshake: float = 30.0
    body_grace: float = 60.0
    body_rate: float = 500.0
    room: float = 60.0
    answer: float = 300.0
    engine: float = 600.0
    last: float = 20.0
    sweep: float = 1.0

    def scaled(self, scale: float) -> Timing:
        """Every duration multiplied; a rate stays as it is."""
        return Timing(
            **{one.name: getattr(self, one.name) * (1 if one.name == "body_rate" else scale) for one in fields(self)}
        )
