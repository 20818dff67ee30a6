"""People: users, their roles, their sessions, and the links that let them choose a password.

A user belongs to the installation, and then his rights hold in every tenant, or to one tenant, and then only there.
How a login is compared is decided here, once: two that a reader or a mail server may take for one another are one
(Unicode TR 36; threat: a password reset sent to a look-alike address).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from postroom.model.application import Scope

__all__ = ["LOOKS", "Purpose", "Role", "User", "UserSession", "login_key", "mixes_scripts"]


LOOKS = ("auto", "light", "dark")
"""How the console may look; `auto` follows the browser."""
_LONGEST = 300
"""Characters of a login that are looked at; none that is stored has so many."""


class Purpose(StrEnum):
    """What a link by mail is for. Both let its holder choose a password, once."""

    INVITATION = "invitation"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of rights. `ready` ones are part of Postroom and have no id of their own."""

    name: str
    scopes: frozenset[Scope]
    id: int = 0
    tenant_id: int = 0
    created_ms: int = 0
    version: int = 1
    sentence: str = ""

    @property
    def ready(self) -> bool:
        return self.id == 0


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signs in. `roles`: names of ready roles, and ids (`r_…`) of the tenant's own. `second_factor`: codes
    of an authenticator app; `passkeys`: how many he has. `language`, `time_zone`, `look`: what he chose, "" as his
    browser says. No field is secret.
    """

    id: int
    tenant_id: int
    login: str
    name: str = ""
    email: str = ""
    roles: tuple[str, ...] = ()
    has_password: bool = False
    password_set_ms: int | None = None
    second_factor: bool = False
    deactivated_ms: int | None = None
    created_ms: int = 0
    signed_in_ms: int | None = None
    passkeys: int = 0
    language: str = ""
    time_zone: str = ""
    look: str = ""
    version: int = 1

    @property
    def second_step(self) -> bool:
        """Whether his password alone does not sign him in."""
        return self.second_factor or self.passkeys > 0


@dataclass(frozen=True, slots=True)
class UserSession:
    """Somebody signed in. `pending`: the second step is missing, so it opens nothing yet. `provider_id`: the identity
    provider that he came in by. Times: ms UTC.
    """

    id: int
    tenant_id: int
    user_id: int
    created_ms: int
    seen_ms: int
    expires_ms: int
    pending: bool = False
    address: str = ""
    agent: str = ""
    provider_id: int | None = None


def login_key(login: str) -> str:
    """What logins are compared by: compatibility forms and case folded away, until nothing changes any more."""
    text = login[:_LONGEST].encode("utf-8", "replace").decode().replace("\x00", "").strip()
    for _ in range(4):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        if folded == text:
            break
        text = folded
    return text


def mixes_scripts(text: str) -> bool:
    """Whether letters of the scripts that look alike (Latin, Greek, Cyrillic …) stand in one word."""
    found = {
        unicodedata.name(char, "").partition(" ")[0] for char in text if unicodedata.category(char).startswith("L")
    }
    return len(found & {"LATIN", "CYRILLIC", "GREEK", "COPTIC", "ARMENIAN", "CHEROKEE"}) > 1
