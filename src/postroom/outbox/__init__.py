"""The outbox: handing messages over, and what may be done with them afterwards. All doors call this and nothing below
it.
"""

from postroom.outbox.outbox import Outbox
from postroom.outbox.receipt import Receipt, RecipientReceipt

__all__ = ["Outbox", "Receipt", "RecipientReceipt"]
