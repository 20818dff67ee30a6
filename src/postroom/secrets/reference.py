"""References: where a password is kept that Postroom does not keep itself.

    env:NAME                 a variable of Postroom's environment
    file:/path               a file of one line, which others on the machine can't read
    systemd:NAME             a credential that systemd passed ($CREDENTIALS_DIRECTORY)
    vault:mount/path#field   a field of a secret in HashiCorp Vault or OpenBao, KV version 2; `mount//path` where the
                             mount itself has a slash in its name

A reference is no secret and is shown. Reading it is here; whether somebody may use it is `office`'s and the operator's
business, looking up what it leads to `local`'s and `wire.vault`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from postroom.sentence import Sentence

__all__ = ["BadReference", "Kind", "Reference", "parse_reference"]

_LONGEST = 1_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_@.-]+")
_OURS = "POSTROOM_"
_SHAPES = "Write env:NAME, file:/path, systemd:NAME or vault:mount/path#field."


class Kind(StrEnum):
    ENV = "env"
    FILE = "file"
    SYSTEMD = "systemd"
    VAULT = "vault"


@dataclass(frozen=True, slots=True)
class Reference:
    """`path`: the name or path; `mount` and `field` are a vault's."""

    kind: Kind
    path: str
    mount: str = ""
    field: str = ""

    def __str__(self) -> str:
        if self.kind is not Kind.VAULT:
            return f"{self.kind}:{self.path}"
        return f"{self.kind}:{self.mount}{'//' if '/' in self.mount else '/'}{self.path}#{self.field}"


class BadReference(ValueError):
    """`problem` and `mend` are sentences that follow the field's name; neither repeats what was typed."""

    def __init__(self, problem: str, mend: str = _SHAPES) -> None:
        super().__init__(f"{problem} {mend}")
        self.problem = problem
        self.mend = mend


def parse_reference(text: str) -> Reference:
    """Raises BadReference. What was typed is not repeated: a password may have been typed into the wrong field."""
    text = text.strip()
    if len(text) > _LONGEST or not text.isprintable():
        raise BadReference(
            Sentence("is longer than {longest} characters, or holds a control character.", longest=_LONGEST)
        )
    word, _, rest = text.partition(":")
    if word == Kind.ENV:
        return _environment(rest)
    if word == Kind.FILE:
        return _file(rest)
    if word == Kind.SYSTEMD:
        if not _CREDENTIAL.fullmatch(rest) or rest in (".", ".."):
            raise BadReference("names no credential of systemd.", "Write systemd:NAME, as in LoadCredential=NAME:….")
        return Reference(Kind.SYSTEMD, rest)
    if word == Kind.VAULT:
        return _vault(rest)
    raise BadReference("does not say where the password is kept.")


def _environment(name: str) -> Reference:
    if not _NAME.fullmatch(name):
        raise BadReference("names no variable of the environment.", "Write env:NAME, with letters, digits and _.")
    if name.upper().startswith(_OURS):
        raise BadReference("names a setting of Postroom itself.", "Use a variable of another name.")
    return Reference(Kind.ENV, name)


def _file(path: str) -> Reference:
    parts = path.split("/")
    if not path.startswith("/") or path.endswith("/") or {"", ".", ".."} & set(parts[1:]):
        raise BadReference("names no file by its full path.", "Write file:/path/to/it, without . or ..")
    return Reference(Kind.FILE, path)


def _vault(text: str) -> Reference:
    place, mark, field = text.rpartition("#")
    mount, deep, path = place.partition("//")
    if not deep:
        mount, _, path = place.partition("/")
    parts = [*mount.split("/"), *path.split("/")]
    if not mark or not field or {"", ".", ".."} & set(parts) or "?" in place or "#" in place:
        raise BadReference("names no field of a secret in the vault.", "Write vault:mount/path#field.")
    if path.startswith("data/"):
        raise BadReference(
            "has the data/ in it that only the vault's API has.", "Leave data/ out: vault:mount/path#field."
        )
    return Reference(Kind.VAULT, path, mount, field)
