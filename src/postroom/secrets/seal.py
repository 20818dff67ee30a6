"""The envelope: how a secret becomes bytes that only the right server, account and key open.

    octet 0        version of this format (1)
    octets 1-8     the id of the key in the ring
    octets 9-20    nonce, random
    the rest       AES-256-GCM of the text, with its tag

Each tenant has a data key of its own, derived from the ring's key (`Key.for_tenant`). Derived and not stored: there is
no second thing to lose or to back up, rotating the ring's key rotates all of them, and a mixed-up tenant fails by
arithmetic and not by a query. Deleting a tenant deletes its rows; that is what ends its secrets.

The associated data (AEAD) are what the secret was typed for. Nothing compares them: for anything else the tag is wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag

from postroom.errors import SecretSealed
from postroom.model.account import Account, Login
from postroom.model.connector import Connector
from postroom.model.webhook import Webhook
from postroom.policy.providers import endpoints
from postroom.secrets.key import KEY_ID_SIZE, Key
from postroom.secrets.secret import Secret
from postroom.sentence import Sentence

__all__ = ["SealedTo", "key_of", "seal_with", "unseal_with"]

_VERSION = 1
_NONCE_SIZE = 12
_HEAD_SIZE = 1 + KEY_ID_SIZE
_BODY_AT = _HEAD_SIZE + _NONCE_SIZE
_TAG_SIZE = 16
_LATER = frozenset({"realm", "service_principal", "own_identity"})


@dataclass(frozen=True, slots=True)
class SealedTo:
    """What a secret was typed for: change any of it, and the secret has to be typed again.

    Besides the server and the user these are the settings that decide who could listen: a lower encryption, a
    certificate that is no longer checked or checked against somebody else's CA or fingerprint, a login allowed in
    clear, another way to the server. Texts are compared as they are: `Mail.example.com` is not `mail.example.com` here.
    """

    tenant_id: int
    account_id: int
    host: str
    port: int
    encryption: str
    user: str
    token_url: str = ""
    certificate_check: str = "verify"
    certificate_authority: str = ""
    certificate_pin: str = ""
    allow_clear_login: bool = False
    connector: str = ""
    realm: str = ""
    service_principal: str = ""
    own_identity: str = ""

    @classmethod
    def of(cls, account: Account) -> SealedTo:
        """What a password for this account is sealed to; with OAuth2 the secret of the application, which goes to the
        token URL alone, but what it fetches goes to the server."""
        return cls(
            tenant_id=account.tenant_id,
            account_id=account.id,
            host=account.host,
            port=account.port,
            encryption=str(account.encryption),
            user=account.user,
            token_url=endpoints(account).token_url if account.login is Login.OAUTH2 else "",
            certificate_check=str(account.certificate_check),
            certificate_authority=account.certificate_authority,
            certificate_pin=account.certificate_pin,
            allow_clear_login=account.allow_clear_login,
            connector="" if account.connector_id is None else str(account.connector_id),
            realm=account.realm,
            service_principal=account.service_principal,
            own_identity=f"{account.credential_source}:{account.credential_path}" if account.by_own_identity else "",
        )

    @classmethod
    def client_key(cls, account: Account) -> SealedTo:
        """What the private key of this account's client certificate is sealed to: its server, and that certificate.

        It never leaves, so who could listen does not matter here.
        """
        certificate = hashlib.sha256(account.client_certificate.encode()).hexdigest()
        return cls(
            tenant_id=account.tenant_id,
            account_id=account.id,
            host=account.host,
            port=account.port,
            encryption="client-key",
            user=certificate,
        )

    @classmethod
    def of_connector(cls, connector: Connector) -> SealedTo:
        """What a connector's password or key is sealed to. No account has a connector's id."""
        return cls(
            tenant_id=connector.tenant_id,
            account_id=connector.id,
            host=connector.host,
            port=connector.port,
            encryption=f"connector {connector.kind}",
            user=connector.user,
        )

    @classmethod
    def of_webhook(cls, webhook: Webhook) -> SealedTo:
        """What the secret is sealed to that a webhook's deliveries are signed with: the server they go to."""
        parts = urlsplit(webhook.url)
        return cls(
            tenant_id=webhook.tenant_id,
            account_id=webhook.id,
            host=parts.hostname or "",
            port=parts.port or (443 if parts.scheme == "https" else 80),
            encryption=f"webhook {parts.scheme}",
            user="",
        )

    @classmethod
    def of_grant(cls, account: Account, what: str) -> SealedTo:
        """What one of the secrets of a grant is sealed to. `what`: "refresh", "access" or "verifier".

        No URL that is asked has a fragment, so none of them opens as another, nor as the application's secret.
        """
        seal_to = cls.of(account)
        return replace(seal_to, token_url=f"{seal_to.token_url}#{what}:{account.oauth2_client_id}")

    def associated_data(self) -> bytes:
        """Canonical JSON: names sorted, no spaces, ASCII. No two different values give the same octets.

        What came later is left out while it is empty, so that older secrets still open.
        """
        given = {name: value for name, value in asdict(self).items() if value or name not in _LATER}
        return json.dumps(given, sort_keys=True, separators=(",", ":")).encode("ascii")


def seal_with(key: Key, secret: Secret, seal_to: SealedTo) -> bytes:
    """The envelope. The nonce is new each time."""
    head = bytes([_VERSION]) + key.id
    nonce = os.urandom(_NONCE_SIZE)
    data_key = key.for_tenant(seal_to.tenant_id)
    return head + nonce + data_key.encrypt(nonce, secret.reveal().encode(), head + seal_to.associated_data())


def unseal_with(key: Key, sealed: bytes, seal_to: SealedTo) -> Secret:
    """The secret. Raises SecretSealed when it was typed for anything else, or when the bytes were altered."""
    head, nonce, body = sealed[:_HEAD_SIZE], sealed[_HEAD_SIZE:_BODY_AT], sealed[_BODY_AT:]
    try:
        text = key.for_tenant(seal_to.tenant_id).decrypt(nonce, body, head + seal_to.associated_data())
    except InvalidTag:
        raise _sealed(seal_to) from None
    return Secret(text.decode())


def key_of(sealed: bytes, seal_to: SealedTo) -> bytes:
    """The id of the key an envelope was made with. Raises SecretSealed when it is no envelope of ours."""
    if len(sealed) < _BODY_AT + _TAG_SIZE or sealed[0] != _VERSION:
        raise _sealed(seal_to)
    return sealed[1:_HEAD_SIZE]


def _sealed(seal_to: SealedTo) -> SecretSealed:
    return SecretSealed(
        Sentence(
            "The stored secret was not typed for {host}:{port} with these settings; type it again.",
            host=seal_to.host,
            port=seal_to.port,
        ),
        tenant_id=seal_to.tenant_id,
        account_id=seal_to.account_id,
    )
