"""Stored secrets: sealed with a key ring, each to the one server it was typed for (promise P7).

`KeyRing` seals and opens, `SealedTo` says what a secret belongs to, `Secret` carries an opened one without showing it.
Where the sealed bytes are kept is the store's business; who may set a secret is decided in `office`.
"""

from postroom.secrets.ring import KeyRing
from postroom.secrets.seal import SealedTo
from postroom.secrets.secret import Blanking, Secret, blank

__all__ = ["Blanking", "KeyRing", "SealedTo", "Secret", "blank"]
