"""What is unwise or expires soon, over all accounts of a tenant: each with its account and a sentence.

It lasts as long as its cause: it is made from the settings of this moment, nothing is noted down, nothing dismissed.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION
from postroom.office.changes import Changes, require, tenant_for
from postroom.office.views import account_needs, account_warnings

__all__ = ["Remark", "WarningVerbs"]

_OLD_TLS = frozenset({"1.0", "1.1"})


@dataclass(frozen=True, slots=True)
class Remark:
    """`account`: its name, "" for the installation itself. `stops`: whether mail waits because of it."""

    account: str
    sentence: str
    stops: bool


class WarningVerbs(Changes):
    def warnings(self, actor: Actor, tenant_id: int | None = None) -> list[Remark]:
        """What stops mail first, then what works but is unwise."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        own = [one for one in self.snapshot.accounts.values() if one.tenant_id == number]
        found = [Remark(one.name, sentence, True) for one in own for sentence in account_needs(one)]
        found += [Remark(one.name, sentence, False) for one in own for sentence in account_warnings(one)]
        if number == INSTALLATION and self._settings.tls_minimum in _OLD_TLS:
            sentence = "TLS older than 1.2 is allowed (setting tls_minimum); it can be broken by others on the way."
            found.append(Remark("", sentence, False))
        return found
