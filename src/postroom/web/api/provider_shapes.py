"""The shapes of identity providers in JSON Schema. As in `shapes`, tables of sentences."""

from __future__ import annotations

from typing import Any

from postroom.web.api.people_shapes import FLAG, MOMENT, NUMBER, TEXT, or_null, shape, told

__all__ = ["schemas"]

_TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
_GROUPS = {"type": "object", "additionalProperties": _TEXTS}
_VALUES = {
    "name": told(TEXT, "What the button says."),
    "issuer": told(TEXT, "Exactly as the provider writes it, like `https://login.example.com/acme`."),
    "client_id": told(TEXT, "What the provider calls this Postroom."),
    "scopes": told(_TEXTS, "Without it: openid, profile, email."),
    "email_domains": told(_TEXTS, "Only verified addresses of these domains come in; empty: whatever the address."),
    "groups_claim": told(TEXT, "The claim that names groups, often `groups`; empty: roles stay as they are set here."),
    "roles": told(_GROUPS, "Group → roles. At each sign-in the user has the roles of his groups and no others."),
    "default_roles": told(_TEXTS, "Roles for everybody who comes by it."),
    "create_users": told(FLAG, "Whoever is not known yet becomes a user."),
    "link_by_email": told(FLAG, "A verified e-mail address links to the one user who has it."),
    "enabled": told(FLAG, "Whether anybody may sign in by it."),
}
_SECRET = {"type": "string", "writeOnly": True, "description": "What Postroom proves itself with; never shown."}
_SHOWN = {
    "id": told(TEXT, "Like `i_…`."),
    "tenant_id": told(TEXT, "Where its people are users."),
    **_VALUES,
    "has_secret": told(FLAG, "Whether a client secret is stored."),
    "secret_set_at": or_null(MOMENT, "When it was typed."),
    "created_at": MOMENT,
    "version": NUMBER,
}
_CHECK = {
    "trouble": told(TEXT, "Why nobody can sign in by it; empty when somebody can."),
    "return_address": told(TEXT, "The redirect address that the provider has to be told."),
    "authorization": told(TEXT, "Where people sign in."),
    "keys": told(NUMBER, "How many keys it signs with."),
    "signs_out": told(FLAG, "Whether people can be signed out there as well."),
}
_IDENTITY = {
    "id": told(TEXT, "Like `x_…`."),
    "provider_id": TEXT,
    "provider": told(TEXT, "The provider's name."),
    "issuer": TEXT,
    "subject": told(TEXT, "The provider's number for him."),
    "linked_at": MOMENT,
    "used_at": or_null(MOMENT, "When he last came by it."),
}
_SENT = {
    "attempt": told(TEXT, "For this browser alone. It is good once."),
    "address": TEXT,
    "expires_at": MOMENT,
}


def schemas() -> dict[str, dict[str, Any]]:
    """Every shape, by name."""
    return {
        "ProviderValues": shape(
            "An identity provider, as it is given. What is not named stays as it is.",
            {**_VALUES, "client_secret": _SECRET},
            whole=False,
        ),
        "Provider": shape("An identity provider (OpenID Connect).", _SHOWN),
        "ProviderCheck": shape("What a provider says of itself.", _CHECK),
        "SigningIn": shape(
            "By what people may sign in, besides login and password.",
            {
                "providers": {"type": "array", "items": shape("A provider.", {"id": TEXT, "name": TEXT})},
                "passkeys": told(FLAG, "Whether passkeys can be used at this address."),
            },
        ),
        "SentToProvider": shape("Where the browser goes.", _SENT),
        "SignedOut": shape("The end of a session.", {"address": or_null(TEXT, "Where the browser goes.")}),
        "Identity": shape("A user, as an identity provider knows him.", _IDENTITY),
    }
