"""The client side of SMTP as generators: the front of this package, and the contract with the driver.

    opened = drive(open_session(settings))        # Opened, or Failed with the phase and the cause
    ended = drive(transfer(opened))               # until Next gives None; Ended.cause tells why otherwise

The generators know no socket, thread or clock. What each step asks is in `steps`; besides that a driver heeds this:

- **Replies.** It feeds what it reads to a `ReplyReader` and hands back replies in order. When the reader has a
  `fault`, the step ends with `Lost.unintelligible(fault, replies so far)`. A loss always carries the `replies` of its
  step that did come: the answer to body k may be there although the connection died under envelope k+1.
- **Nothing may be left over.** Before it writes a `Send` with data, no reply and no byte may be waiting. If there is
  one, somebody is off by one: `Lost(LostKind.OUT_OF_STEP, written=0)`, and nothing is written. A waiting 421 is
  different: it is the server's farewell, `Lost(LostKind.CLOSED, replies=(that reply,), written=0)`.
- **STARTTLS.** Before the handshake it calls `ReplyReader.drop()`; if that, or a reply left over, tells of bytes,
  `Lost(LostKind.INJECTED)`.
- **Doubt.** `Lost.written` is the greatest number of the step's bytes that may have left. Whoever does not know it
  leaves it None. A driver that ends a session at once (it is told to stop) sends a `Lost` instead of closing the
  generator: every transmission that was handed over then gets its outcome.
- **Time.** `Send.timeout` is the longest silence while waiting for a reply; while writing, `Timeouts.block` without
  progress.
- **Idle sessions.** A transfer that waits in `Next(wait=True)` is the kept connection. Before the driver hands the
  next transmission to a session that has been idle for more than a few seconds it runs `probe` on the same
  connection; if that gives a cause, it ends the session (sends None, then `Lost` to QUIT) and opens another for the
  transmission, which has not been touched. A connection that still dies on re-use before `Marked` is harmless too:
  nothing is in doubt, the transmission goes to a new session at once, and it counts against nobody.
- **After a session's end** the connection is closed, always.
"""

from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.rehearsal import Rehearsal, Rehearsed
from postroom.smtp.reply import Reply, ReplyReader, Unintelligible
from postroom.smtp.sasl import Credentials
from postroom.smtp.session import Failed, Opened, Opening, SessionSettings, open_session
from postroom.smtp.steps import AskBindings, Done, Marked, MarkSoon, Next, Reckon, Send, StartTls, Step
from postroom.smtp.timeouts import Timeouts
from postroom.smtp.transcript import Transcript
from postroom.smtp.transfer import Ended, probe, transfer
from postroom.smtp.transmission import Outcome, Recipient, RecipientOutcome, Transmission

__all__ = [
    "AskBindings",
    "Credentials",
    "Done",
    "Ended",
    "Failed",
    "Lost",
    "LostKind",
    "MarkSoon",
    "Marked",
    "Next",
    "Opened",
    "Opening",
    "Outcome",
    "Phase",
    "Recipient",
    "RecipientOutcome",
    "Reckon",
    "Refusal",
    "Rehearsal",
    "Rehearsed",
    "Reply",
    "ReplyReader",
    "Send",
    "SessionSettings",
    "StartTls",
    "Step",
    "Timeouts",
    "Transcript",
    "Transmission",
    "Unintelligible",
    "open_session",
    "probe",
    "transfer",
]
