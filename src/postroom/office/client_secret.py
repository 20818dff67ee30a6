"""The client secret that an identity provider knows this Postroom by: what it is sealed to, and sealing it anew."""

from __future__ import annotations

from sqlalchemy import Connection

from postroom.model.provider import Provider
from postroom.secrets import KeyRing, SealedTo
from postroom.store import providers

__all__ = ["reseal_client_secrets", "sealed_to"]


def reseal_client_secrets(connection: Connection, ring: KeyRing) -> int:
    """Seals every client secret with the current key of the ring; how many were not."""
    count = 0
    for provider, sealed in providers.all_sealed(connection):
        bound = sealed_to(provider)
        if not ring.is_current(sealed, bound):
            providers.put_secret(connection, provider, ring.reseal(sealed, bound), provider.secret_set_ms)
            count += 1
    return count


def sealed_to(provider: Provider) -> SealedTo:
    """What a client secret is sealed to: this provider's issuer and this client, and nothing else."""
    return SealedTo(
        provider.tenant_id,
        provider.id,
        "identity provider",
        0,
        "",
        provider.client_id,
        token_url=ascii(provider.issuer),
    )
