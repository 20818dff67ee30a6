"""The shapes of people in JSON Schema: users, roles, sessions, the audit trail. As in `shapes`, tables of sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postroom.model.application import Scope
from postroom.policy.rights import READY

__all__ = ["schemas"]

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_NUMBER: Schema = {"type": "integer"}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
_SCOPES: Schema = {"type": "array", "items": {"type": "string", "enum": [scope.value for scope in Scope]}}


def _told(schema: Schema, sentence: str) -> Schema:
    return schema | {"description": sentence}


def _or_null(schema: Schema, sentence: str) -> Schema:
    return {"anyOf": [schema, {"type": "null"}], "description": sentence}


def _shape(sentence: str, properties: Mapping[str, Schema], *, whole: bool = True) -> Schema:
    shape: Schema = {"type": "object", "description": sentence, "properties": dict(properties)}
    return shape | ({"required": list(properties)} if whole else {})


_USER = {
    "login": _told(_TEXT, "What he signs in with: a word or an e-mail address."),
    "name": _told(_TEXT, "What he is called."),
    "email": _told(_TEXT, "Where invitations and links for a new password go."),
    "roles": _told({"type": "array", "items": _TEXT}, f"Names or ids. Ready ones: {', '.join(READY)}."),
}
_USER_SHOWN = {
    "id": _told(_TEXT, "Like `u_…`."),
    "tenant_id": _TEXT,
    **_USER,
    "has_password": _told(_FLAG, "Whether he has chosen one."),
    "password_set_at": _or_null(_MOMENT, "When he did."),
    "second_factor": _told(_FLAG, "Whether there is an authenticator app."),
    "passkeys": _told(_NUMBER, "How many passkeys he has."),
    "deactivated_at": _or_null(_MOMENT, "Since when he can't sign in."),
    "created_at": _MOMENT,
    "signed_in_at": _or_null(_MOMENT, "When he last signed in."),
    "version": _NUMBER,
}
_LINK = {
    "mailed": _told(_FLAG, "The link was sent to his address."),
    "link": _or_null(_TEXT, "The link, this one time, when it could not be sent or was asked for."),
    "link_expires_at": _told(_MOMENT, "Until when it is good. It is good once."),
}
_SESSION = {
    "id": _told(_TEXT, "Like `n_…`."),
    "tenant_id": _TEXT,
    "user_id": _TEXT,
    "created_at": _told(_MOMENT, "When he signed in."),
    "seen_at": _told(_MOMENT, "When it was last used, to the minute."),
    "expires_at": _told(_MOMENT, "When it ends at the latest."),
    "address": _told(_TEXT, "Where he signed in from."),
    "agent": _told(_TEXT, "The program he used, by its own words."),
    "current": _told(_FLAG, "Whether it is this very one."),
}
_PASSKEY = {
    "id": _told(_TEXT, "Like `w_…`."),
    "name": _told(_TEXT, "What its owner calls it."),
    "created_at": _told(_MOMENT, "When it was added."),
    "used_at": _or_null(_MOMENT, "When it was last signed in with."),
    "backed_up": _told(_FLAG, "Its provider keeps copies: more than one device may have it."),
    "transports": _told({"type": "array", "items": _TEXT}, "How a browser reaches it, in its own words."),
}
_ENTRY = {
    "id": _told(_TEXT, "Like `j_…`."),
    "tenant_id": _TEXT,
    "at": _MOMENT,
    "verb": _told(_TEXT, "What was done, like `account.changed`."),
    "thing_id": _or_null(_TEXT, "The id of what it was done to."),
    "thing": _told(_TEXT, "Its name at that time."),
    "before": _told({"type": "object"}, "The values that were changed, as they were. Never a secret."),
    "after": _told({"type": "object"}, "The same values, as they became."),
    "who_kind": _told({"type": "string", "enum": ["user", "key", "postroom"]}, "`postroom`: it did so by itself."),
    "who_id": _or_null(_TEXT, "The id of the user or key."),
    "who": _told(_TEXT, "The login of the user, or the application's name."),
    "door": _told(_TEXT, "By which door he came in."),
    "address": _told(_TEXT, "From which address."),
}
_ME = {
    "name": _told(_TEXT, "The login, or the application's name."),
    "tenant_id": _TEXT,
    "everywhere": _told(_FLAG, "Whether the rights hold in every tenant."),
    "scopes": _told(_SCOPES, "What this key or user may do."),
    "user": {"anyOf": [{"$ref": "#/components/schemas/User"}, {"type": "null"}], "description": "null for a key."},
    "session_id": _or_null(_TEXT, "The session; null for a key."),
    "recovery_codes": _or_null(_NUMBER, "How many of one's recovery codes are left; null for a key."),
}


def _passkeys() -> dict[str, Schema]:
    return {
        "Passkey": _shape("A key of somebody's device that signs in without a password.", _PASSKEY),
        "AddedPasskey": _shape(
            "A new passkey.",
            _PASSKEY
            | {
                "recovery_codes": _told(
                    {"type": "array", "items": _TEXT},
                    "With the first passkey of somebody who had none: each good once, shown this one time.",
                )
            },
        ),
        "PasskeyOptions": _shape(
            "What the browser is asked, and what its answer comes back with.",
            {
                "attempt": _told(_TEXT, "Send it back with the answer. It is good once."),
                "options": {"type": "object", "description": "For the browser, as it is."},
                "expires_at": _MOMENT,
            },
        ),
    }


def schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    return {
        "UserValues": _shape(
            "A user, as he is given. What is not named stays as it is.",
            {**_USER, "deactivated": _told(_FLAG, "He can't sign in while true.")},
            whole=False,
        ),
        "NewUserValues": _shape(
            "A new user.",
            {**_USER, "mail": _told(_FLAG, "Send the link to his address (without it: true), or show it here.")},
            whole=False,
        )
        | {"required": ["login"]},
        "User": _shape("Somebody who signs in.", _USER_SHOWN),
        "InvitedUser": _shape("A user, and the link that lets him choose a password.", _USER_SHOWN | _LINK),
        "RoleValues": _shape(
            "A role, as it is given.", {"name": _TEXT, "scopes": _told(_SCOPES, "Its rights.")}, whole=False
        ),
        "Role": _shape(
            "A named set of rights.",
            {
                "id": _told(_TEXT, "Like `r_…`; a ready one's name."),
                "name": _TEXT,
                "scopes": _SCOPES,
                "ready": _told(_FLAG, "Part of Postroom: it can't be changed."),
                "sentence": _told(_TEXT, "What a ready one is for."),
            },
        ),
        "Session": _shape("Somebody signed in.", _SESSION),
        "SignedIn": _shape(
            "The session that has begun.",
            {
                "token": _told(_TEXT, "Send it as `Authorization: Bearer ps_…`. It is shown this one time."),
                "second_step": _told(_FLAG, "The session opens nothing yet: POST /v1/sessions/second-step first."),
                "second_step_by": _told(
                    {"type": "array", "items": {"type": "string", "enum": ["code", "passkey", "recovery-code"]}},
                    "By what it can be done: a code of the app, a passkey, a recovery code.",
                ),
                "expires_at": _MOMENT,
                "user": {"anyOf": [{"$ref": "#/components/schemas/User"}, {"type": "null"}]},
            },
        ),
        **_passkeys(),
        "Me": _shape("Who asks.", _ME),
        "AuditEntry": _shape("Who did what, when, from where.", _ENTRY),
    }
