"""What a browser is asked to do with a passkey, and whether its answer proves anything (W3C WebAuthn level 3).

The library `webauthn` does the work; it is loaded with the first use, for it is large. Its complaints quote the answer,
so none of them is passed on: what is wrong is said in words of ours, as data. The user has to be verified by the device
(a finger, a face, a PIN) each time: a passkey is two factors, or it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from postroom.office.relying_party import RelyingParty

__all__ = [
    "NewCredential",
    "Presented",
    "Refused",
    "Used",
    "checked_new",
    "checked_use",
    "options_for_new",
    "options_for_use",
    "presented",
]

PATIENCE_MS = 5 * 60_000
"""How long somebody may take to find his key."""
_LONGEST_TEXT = 16 * 1024
_LONGEST_ID = 1023
"""Octets of a credential's id (WebAuthn level 3, section 5.8.3 note)."""
_TRANSPORTS = 10


class Refused(NamedTuple):
    """What is wrong with an answer, as a sentence."""

    why: str


class NewCredential(NamedTuple):
    credential_id: bytes
    public_key: bytes
    sign_count: int
    backed_up: bool
    transports: tuple[str, ...]


class Presented(NamedTuple):
    """What an answer claims to be, before anything of it is checked."""

    credential_id: bytes
    user_handle: bytes | None


class Used(NamedTuple):
    sign_count: int
    backed_up: bool


_ODD = Refused("It is not what browsers answer with.")
_UNPROVEN = Refused("It does not prove that the key was there and its owner was recognised by it.")


def options_for_new(
    party: RelyingParty, handle: bytes, login: str, name: str, challenge: bytes, known: Iterable[tuple[bytes, Any]]
) -> dict[str, Any]:
    """For `navigator.credentials.create`. `known`: ids and transports of passkeys that are there already; a device that
    has one of them makes no second.
    """
    import webauthn
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="Postroom",
        user_id=handle,
        user_name=login,
        user_display_name=name or login,
        challenge=challenge,
        timeout=PATIENCE_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(known),
    )
    return _plain(webauthn.options_to_json(options))


def options_for_use(party: RelyingParty, challenge: bytes, allowed: Iterable[tuple[bytes, Any]] = ()) -> dict[str, Any]:
    """For `navigator.credentials.get`. Without `allowed` the device offers what it has for this Postroom."""
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=PATIENCE_MS,
        allow_credentials=_described(allowed) or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _plain(webauthn.options_to_json(options))


def checked_new(party: RelyingParty, challenge: bytes, answer: Mapping[str, Any]) -> NewCredential | Refused:
    """What the answer of `navigator.credentials.create` (its `toJSON()`) proves."""
    import webauthn

    odd = _first_look(party, answer, "attestationObject")
    if odd is not None:
        return odd
    try:
        found = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception:  # what a malformed answer leads the library to is of many kinds
        return _UNPROVEN
    if not 0 < len(found.credential_id) <= _LONGEST_ID:
        return _ODD
    transports = _transports(answer)
    return NewCredential(
        found.credential_id, found.credential_public_key, found.sign_count, found.credential_backed_up, transports
    )


def presented(answer: Mapping[str, Any]) -> Presented | Refused:
    """Which passkey an answer of `navigator.credentials.get` claims to be, to find it by."""
    from webauthn.helpers import base64url_to_bytes

    response = answer.get("response")
    number, handle = answer.get("rawId"), response.get("userHandle") if isinstance(response, Mapping) else None
    if not _is_text(number) or not (handle is None or _is_text(handle)):
        return _ODD
    try:
        found = Presented(base64url_to_bytes(str(number)), base64url_to_bytes(str(handle)) if handle else None)
    except ValueError:
        return _ODD
    return found if 0 < len(found.credential_id) <= _LONGEST_ID else _ODD


def checked_use(party: RelyingParty, challenge: bytes, answer: Mapping[str, Any], public_key: bytes) -> Used | Refused:
    """What the answer of `navigator.credentials.get` proves; whether its count has grown is left to the store."""
    import webauthn

    odd = _first_look(party, answer, "authenticatorData", "signature")
    if odd is not None:
        return odd
    try:
        found = webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception:  # as above
        return _UNPROVEN
    return Used(found.new_sign_count, found.credential_backed_up)


def _first_look(party: RelyingParty, answer: Mapping[str, Any], *texts: str) -> Refused | None:
    """What can be said better than the library does: no answer at all, or one for another page."""
    from webauthn.helpers import base64url_to_bytes

    response = answer.get("response")
    if not isinstance(response, Mapping):
        return _ODD
    if not all(_is_text(value) for value in (answer.get("id"), answer.get("rawId"), answer.get("type"))):
        return _ODD
    if not all(_is_text(response.get(name)) for name in ("clientDataJSON", *texts)):
        return _ODD
    try:
        said = json.loads(base64url_to_bytes(response["clientDataJSON"]))
    except (ValueError, RecursionError):
        return _ODD
    if not isinstance(said, dict) or not isinstance(said.get("origin"), str):
        return _ODD
    if said["origin"] != party.origin:
        return Refused(f"It was made on a page of another address; people reach this Postroom at {party.origin}.")
    return Refused("It was made in a page within another's.") if said.get("crossOrigin") is True else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and value.isascii()


def _transports(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """A hint of the browser's, kept only as plain words."""
    given = answer["response"].get("transports")
    words = given[:_TRANSPORTS] if isinstance(given, list) else []
    return tuple(word for word in words if isinstance(word, str) and len(word) <= 20 and word.isidentifier())


def _described(known: Iterable[tuple[bytes, Any]]) -> list[Any]:
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    heard_of = {one.value for one in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=number, transports=[AuthenticatorTransport(word) for word in words if word in heard_of] or None
        )
        for number, words in known
    ]


def _plain(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
