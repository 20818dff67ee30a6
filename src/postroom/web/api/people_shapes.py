"""The shapes of people in JSON Schema: users, roles, sessions, the audit trail. As in `shapes`, tables of sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postroom.model.application import Scope
from postroom.model.person import LOOKS
from postroom.policy.rights import READY

__all__ = ["FLAG", "MOMENT", "NUMBER", "TEXT", "or_null", "schemas", "shape", "told"]

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
_SCOPES: Schema = {"type": "array", "items": {"type": "string", "enum": [scope.value for scope in Scope]}}


def told(schema: Schema, sentence: str) -> Schema:
    return schema | {"description": sentence}


def or_null(schema: Schema, sentence: str) -> Schema:
    return {"anyOf": [schema, {"type": "null"}], "description": sentence}


def shape(sentence: str, properties: Mapping[str, Schema], *, whole: bool = True) -> Schema:
    found: Schema = {"type": "object", "description": sentence, "properties": dict(properties)}
    return found | ({"required": list(properties)} if whole else {})


_USER = {
    "login": told(TEXT, "What he signs in with: a word or an e-mail address."),
    "name": told(TEXT, "What he is called."),
    "email": told(TEXT, "Where invitations and links for a new password go."),
    "roles": told({"type": "array", "items": TEXT}, f"Names or ids. Ready ones: {', '.join(READY)}."),
}
_CHOSEN = {
    "language": told(TEXT, "The language of his pages, empty for what his browser says."),
    "time_zone": told(TEXT, "The time zone he reads times in, empty for what his browser says."),
    "look": told({"type": "string", "enum": ["", *LOOKS]}, "Light or dark."),
}
_USER_SHOWN = {
    "id": told(TEXT, "Like `u_…`."),
    "tenant_id": TEXT,
    **_USER,
    "has_password": told(FLAG, "Whether he has chosen one."),
    "password_set_at": or_null(MOMENT, "When he did."),
    "second_factor": told(FLAG, "Whether there is an authenticator app."),
    "passkeys": told(NUMBER, "How many passkeys he has."),
    **_CHOSEN,
    "deactivated_at": or_null(MOMENT, "Since when he can't sign in."),
    "created_at": MOMENT,
    "signed_in_at": or_null(MOMENT, "When he last signed in."),
    "version": NUMBER,
}
_LINK = {
    "mailed": told(FLAG, "The link was sent to his address."),
    "fallback": or_null(TEXT, "Why it left by the installation's default mailbox, where it did."),
    "link": or_null(TEXT, "The link, this one time, when it could not be sent or was asked for."),
    "link_expires_at": told(MOMENT, "Until when it is good. It is good once."),
}
_SESSION = {
    "id": told(TEXT, "Like `n_…`."),
    "tenant_id": TEXT,
    "user_id": TEXT,
    "created_at": told(MOMENT, "When he signed in."),
    "seen_at": told(MOMENT, "When it was last used, to the minute."),
    "expires_at": told(MOMENT, "When it ends at the latest."),
    "address": told(TEXT, "Where he signed in from."),
    "agent": told(TEXT, "The program he used, by its own words."),
    "provider_id": or_null(TEXT, "The identity provider he came in by."),
    "current": told(FLAG, "Whether it is this very one."),
}
_PASSKEY = {
    "id": told(TEXT, "Like `w_…`."),
    "name": told(TEXT, "What its owner calls it."),
    "created_at": told(MOMENT, "When it was added."),
    "used_at": or_null(MOMENT, "When it was last signed in with."),
    "backed_up": told(FLAG, "Its provider keeps copies: more than one device may have it."),
    "transports": told({"type": "array", "items": TEXT}, "How a browser reaches it, in its own words."),
}
_ENTRY = {
    "id": told(TEXT, "Like `j_…`."),
    "tenant_id": TEXT,
    "at": MOMENT,
    "verb": told(TEXT, "What was done, like `account.changed`."),
    "thing_id": or_null(TEXT, "The id of what it was done to."),
    "thing": told(TEXT, "Its name at that time."),
    "before": told({"type": "object"}, "The values that were changed, as they were. Never a secret."),
    "after": told({"type": "object"}, "The same values, as they became."),
    "who_kind": told({"type": "string", "enum": ["user", "key", "postroom"]}, "`postroom`: it did so by itself."),
    "who_id": or_null(TEXT, "The id of the user or key."),
    "who": told(TEXT, "The login of the user, or the application's name."),
    "door": told(TEXT, "By which door he came in."),
    "address": told(TEXT, "From which address."),
}
_ME = {
    "name": told(TEXT, "The login, or the application's name."),
    "tenant_id": TEXT,
    "everywhere": told(FLAG, "Whether the rights hold in every tenant."),
    "scopes": told(_SCOPES, "What this key or user may do."),
    "user": {"anyOf": [{"$ref": "#/components/schemas/User"}, {"type": "null"}], "description": "null for a key."},
    "session_id": or_null(TEXT, "The session; null for a key."),
    "recovery_codes": or_null(NUMBER, "How many of one's recovery codes are left; null for a key."),
}


def _passkeys() -> dict[str, Schema]:
    return {
        "Passkey": shape("A key of somebody's device that signs in without a password.", _PASSKEY),
        "AddedPasskey": shape(
            "A new passkey.",
            _PASSKEY
            | {
                "recovery_codes": told(
                    {"type": "array", "items": TEXT},
                    "With the first passkey of somebody who had none: each good once, shown this one time.",
                )
            },
        ),
        "PasskeyOptions": shape(
            "What the browser is asked, and what its answer comes back with.",
            {
                "attempt": told(TEXT, "Send it back with the answer. It is good once."),
                "options": {"type": "object", "description": "For the browser, as it is."},
                "expires_at": MOMENT,
            },
        ),
    }


def schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    return {
        "UserValues": shape(
            "A user, as he is given. What is not named stays as it is.",
            {**_USER, "deactivated": told(FLAG, "He can't sign in while true.")},
            whole=False,
        ),
        "NewUserValues": shape(
            "A new user.",
            {**_USER, "mail": told(FLAG, "Send the link to his address (without it: true), or show it here.")},
            whole=False,
        )
        | {"required": ["login"]},
        "User": shape("Somebody who signs in.", _USER_SHOWN),
        "InvitedUser": shape("A user, and the link that lets him choose a password.", _USER_SHOWN | _LINK),
        "RoleValues": shape(
            "A role, as it is given.", {"name": TEXT, "scopes": told(_SCOPES, "Its rights.")}, whole=False
        ),
        "Role": shape(
            "A named set of rights.",
            {
                "id": told(TEXT, "Like `r_…`; a ready one's name."),
                "name": TEXT,
                "scopes": _SCOPES,
                "ready": told(FLAG, "Part of Postroom: it can't be changed."),
                "sentence": told(TEXT, "What a ready one is for."),
            },
        ),
        "Session": shape("Somebody signed in.", _SESSION),
        "SignedIn": shape(
            "The session that has begun.",
            {
                "token": told(TEXT, "Send it as `Authorization: Bearer ps_…`. It is shown this one time."),
                "second_step": told(FLAG, "The session opens nothing yet: POST /v1/sessions/second-step first."),
                "second_step_by": told(
                    {"type": "array", "items": {"type": "string", "enum": ["code", "passkey", "recovery-code"]}},
                    "By what it can be done: a code of the app, a passkey, a recovery code.",
                ),
                "expires_at": MOMENT,
                "user": {"anyOf": [{"$ref": "#/components/schemas/User"}, {"type": "null"}]},
            },
        ),
        **_passkeys(),
        "Me": shape("Who asks.", _ME),
        "AuditEntry": shape("Who did what, when, from where.", _ENTRY),
    }
