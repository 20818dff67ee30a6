"""How long a client waits, from RFC 5321, 4.5.3.2: patient, because giving up after the final dot means not to know.

A timeout is the longest silence that is borne: it starts when the last byte of a step was written and again with each
reply. While bytes are being written the driver allows `block` seconds without progress.
"""

from dataclasses import dataclass

GREETING_SECONDS = 300.0
MAIL_SECONDS = 300.0
RCPT_SECONDS = 300.0
DATA_SECONDS = 120.0
BLOCK_SECONDS = 180.0
DOT_SECONDS = 600.0
COMMAND_SECONDS = 300.0
QUIT_SECONDS = 5.0
PROBE_SECONDS = 10.0
RECKON_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of silence allowed at each step. `quit` and `probe` are ours: nothing is lost when they run out. So is
    `reckon`: how long a login may ask others, like a Kerberos server, while the mail server waits."""

    greeting: float = GREETING_SECONDS
    mail: float = MAIL_SECONDS
    rcpt: float = RCPT_SECONDS
    data: float = DATA_SECONDS
    block: float = BLOCK_SECONDS
    dot: float = DOT_SECONDS
    command: float = COMMAND_SECONDS
    quit: float = QUIT_SECONDS
    probe: float = PROBE_SECONDS
    reckon: float = RECKON_SECONDS

    @property
    def envelope(self) -> float:
        """For MAIL, RCPT and DATA written as one group: the most patient of the three."""
        return max(self.mail, self.rcpt, self.data)

    def scaled(self, factor: float) -> "Timeouts":
        """The same proportions, `factor` times as long: tests wait milliseconds where the world waits minutes."""
        return Timeouts(
            greeting=self.greeting * factor,
            mail=self.mail * factor,
            rcpt=self.rcpt * factor,
            data=self.data * factor,
            block=self.block * factor,
            dot=self.dot * factor,
            command=self.command * factor,
            quit=self.quit * factor,
            probe=self.probe * factor,
            reckon=self.reckon * factor,
        )
