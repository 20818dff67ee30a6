"""Asking HashiCorp Vault or OpenBao for a secret: KV version 2, by token or AppRole.

Rules it keeps: whatever the vault says or does not say is data with a sentence that names what to change, never an
exception (P6); tokens, secret ids and what is read show nowhere (P7). A vault that is sealed, busy or out of reach may
come back by itself; a missing path or right has to be mended. After the vault's API documentation (KV secrets engine
version 2; AppRole auth method; /sys/internal/ui/mounts). Caching what was read is the caller's business.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from postroom.secrets import Secret
from postroom.secrets.local import Missing, one_line
from postroom.secrets.reference import Reference
from postroom.settings import Settings
from postroom.smtp.reply import printable
from postroom.wire.guard import allow_all
from postroom.wire.http import HttpAnswer, HttpQuestion, NoAnswer, ask

__all__ = ["Vault"]

_SECONDS = 15.0
_EARLY_SECONDS = 30.0
"""A token is renewed so long before it ends."""
_MOST = 512 * 1024
_LARGEST_FILE = 256 * 1024


@dataclass(slots=True)
class Vault:
    """One installation's vault. `monotonic`: seconds, for the age of tokens."""

    settings: Settings
    monotonic: Callable[[], float] = time.monotonic
    seconds: float = _SECONDS
    _token: str = field(default="", repr=False)
    _token_ends: float = 0.0

    async def read(self, reference: Reference) -> Secret | Missing:
        """The field of the secret."""
        if not self.settings.vault_address:
            return Missing("secret_reference: no vault is set up for this installation (setting vault_address).")
        kept = bool(self._token)
        found = await self._read_once(reference)
        if isinstance(found, int) and kept and self.settings.vault_role_id:
            self._token = ""  # the token of an earlier login may have ended before its time
            found = await self._read_once(reference)
        if isinstance(found, int):
            return Missing(f'{self._name} says "permission denied" (403). {self._mend_of_403(reference)}')
        return found

    async def _read_once(self, reference: Reference) -> Secret | Missing | int:
        """403 as a number: what it means depends on the token's age."""
        token = await self._current_token()
        if isinstance(token, Missing):
            return token
        answer = await self._ask("GET", f"{_quoted(reference.mount)}/data/{_quoted(reference.path)}", token)
        if isinstance(answer, Missing):
            return answer
        if answer.status == 200:
            return _field_of(answer, reference)
        if answer.status == 403:
            return 403
        if answer.status == 404:
            return await self._why_not_found(answer, reference, token)
        return self._odd(answer)

    # -- tokens -----------------------------------------------------------------------------------------------------

    async def _current_token(self) -> str | Missing:
        settings = self.settings
        if settings.vault_role_id:
            if self._token and self.monotonic() < self._token_ends:
                return self._token
            return await self._log_in()
        if settings.vault_token_file is not None:
            found = _from_file(settings.vault_token_file, "vault_token_file")
            return found if isinstance(found, Missing) else found.reveal()
        if settings.vault_token:
            return settings.vault_token.reveal()
        return Missing("Postroom has no way into the vault: set vault_token, vault_token_file or vault_role_id.")

    async def _log_in(self) -> str | Missing:
        """By AppRole; the token is kept until shortly before it ends."""
        settings = self.settings
        secret_id = settings.vault_secret_id.reveal()
        if settings.vault_secret_id_file is not None:
            found = _from_file(settings.vault_secret_id_file, "vault_secret_id_file")
            if isinstance(found, Missing):
                return found
            secret_id = found.reveal()
        body = json.dumps({"role_id": settings.vault_role_id, "secret_id": secret_id}).encode()
        answer = await self._ask("POST", f"auth/{_quoted(settings.vault_approle_mount)}/login", "", body)
        if isinstance(answer, Missing):
            return answer
        auth = _table(answer.json(), "auth")
        token = auth.get("client_token")
        if answer.status != 200 or not isinstance(token, str) or not token:
            return self._refused_login(answer)
        lease = auth.get("lease_duration")
        seconds = float(lease) if isinstance(lease, int) and lease > 0 else 3_600.0
        self._token = token
        self._token_ends = self.monotonic() + max(seconds - _EARLY_SECONDS, seconds / 2)
        return token

    def _refused_login(self, answer: HttpAnswer) -> Missing:
        if answer.status not in (400, 401, 403, 404):
            return self._odd(answer)
        if answer.status == 404:
            mend = "Is AppRole mounted there (vault_approle_mount)?"
        else:
            mend = "Has the secret id expired, or is it used up? Make a new one (vault_secret_id); check vault_role_id."
        return Missing(f"{self._name} refuses the AppRole login ({answer.status}{_words(answer)}). {mend}")

    # -- what answers mean ------------------------------------------------------------------------------------------

    async def _why_not_found(self, answer: HttpAnswer, reference: Reference, token: str) -> Missing:
        if isinstance(_table(answer.json(), "data").get("metadata"), dict):
            return Missing(
                f"secret_reference: the newest version of {reference.path} in the vault is deleted. Write it anew."
            )
        mount = await self._ask("GET", f"sys/internal/ui/mounts/{_quoted(reference.mount)}/", token)
        if isinstance(mount, HttpAnswer) and mount.status == 200:
            version = _table(_table(mount.json(), "data"), "options").get("version")
            if str(version or "1") != "2":
                return Missing(
                    f"secret_reference: {reference.mount} is KV version 1, or no KV at all; Postroom reads version 2. "
                    "Turn it into version 2 (`vault kv enable-versioning`), or name another mount."
                )
            return Missing(f"secret_reference: the vault has nothing at {reference.path} in {reference.mount}.")
        return Missing(
            f"secret_reference: the vault knows neither the mount {reference.mount} nor {reference.path} in it. "
            "Where the mount's name has a slash in it, write vault:mount//path#field."
        )

    def _mend_of_403(self, reference: Reference) -> str:
        path = f"{reference.mount}/data/{reference.path}"
        if self.settings.vault_role_id:
            return f"Give the AppRole's policy the right to read {path}."
        return f"Is the token still good (vault_token)? Its policy needs the right to read {path}."

    def _odd(self, answer: HttpAnswer) -> Missing:
        if answer.status == 503:
            return Missing(f"{self._name} is sealed, or not ready (503). Unseal it.", passing=True)
        if answer.status in (412, 429, 472, 473) or answer.status >= 500:
            return Missing(f"{self._name} can't answer now ({answer.status}{_words(answer)}).", passing=True)
        return Missing(
            f"{self._name} answers {answer.status}{_words(answer)}: is that a vault (vault_address, vault_namespace)?"
        )

    # -- asking -----------------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return f"The vault {printable(urlsplit(self.settings.vault_address).hostname or '')}"

    async def _ask(self, method: Any, path: str, token: str, body: bytes = b"") -> HttpAnswer | Missing:
        authority = ""
        if self.settings.vault_ca is not None:
            try:
                authority = self.settings.vault_ca.read_text("ascii")
            except (OSError, UnicodeDecodeError):
                return Missing(f"The vault's CA {self.settings.vault_ca} can't be read (setting vault_ca).")
        headers = [("X-Vault-Request", "true")]
        headers += [("X-Vault-Token", token)] if token else []
        headers += [("X-Vault-Namespace", self.settings.vault_namespace)] if self.settings.vault_namespace else []
        question = HttpQuestion(
            f"{self.settings.vault_address}/v1/{path}", method, tuple(headers), body, authority, self.seconds, _MOST
        )
        answer = await ask(question, guard=allow_all, plain_on_loopback=True)
        if isinstance(answer, NoAnswer):
            return Missing(f"{self._name} can't be asked: {answer.detail}", passing=True)
        return answer


def _quoted(path: str) -> str:
    return quote(path, safe="/")


def _from_file(path: Path, name: str) -> Secret | Missing:
    try:
        with path.open("rb") as stream:
            text = stream.read(_LARGEST_FILE).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return Missing(f"The file of the setting {name} can't be read: {path}.", passing=True)
    return Secret(text) if text and text.isprintable() else Missing(f"The file of the setting {name} is empty: {path}.")


def _table(document: object, name: str) -> dict[str, Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _field_of(answer: HttpAnswer, reference: Reference) -> Secret | Missing:
    values = _table(_table(answer.json(), "data"), "data")
    if reference.field not in values:
        known = ", ".join(printable(name)[:60] for name in sorted(values)[:8])
        has = f"It has: {known}." if known else "It has none at all."
        return Missing(f"secret_reference: the secret {reference.path} has no field {reference.field}. {has}")
    value = values[reference.field]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return Missing(f"secret_reference: the field {reference.field} of {reference.path} is no text.")
    return one_line(value, f"the field {reference.field} of {reference.path}")


def _words(answer: HttpAnswer) -> str:
    """The vault's own words, bounded. They tell of paths and rights, never of values."""
    document = answer.json()
    errors = document.get("errors") if isinstance(document, dict) else None
    first = next((one for one in errors if isinstance(one, str)), "") if isinstance(errors, list) else ""
    return f": {printable(' '.join(first.split()))[:120]}" if first else ""
