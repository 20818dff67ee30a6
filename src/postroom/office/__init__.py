"""Settings and people: how all doors look at and change tenants, accounts, senders, applications and keys."""

from postroom.office.office import Office
from postroom.office.views import AccountView, NewKey, SenderView

__all__ = ["AccountView", "NewKey", "Office", "SenderView"]
