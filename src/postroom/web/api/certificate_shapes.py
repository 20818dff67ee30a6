"""The shapes of certificates in JSON Schema: what an account's say, and what a server shows."""

from __future__ import annotations

from typing import Any

__all__ = ["certificate_schemas"]

Schema = dict[str, Any]

_MOMENT: Schema = {"type": "string", "format": "date-time"}
_FLAG: Schema = {"type": "boolean"}
_ONE: Schema = {"$ref": "#/components/schemas/Certificate"}
_MANY: Schema = {"type": "array", "items": _ONE}
_ONE_OR_NONE: Schema = {"anyOf": [_ONE, {"type": "null"}]}


def _text(sentence: str = "") -> Schema:
    return {"type": "string"} | ({"description": sentence} if sentence else {})


def _answer(sentence: str, /, **properties: Schema) -> Schema:
    return {"type": "object", "description": sentence, "properties": properties, "required": list(properties)}


def certificate_schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    return {
        "Certificate": _answer(
            "A certificate in words.",
            subject=_text(),
            issuer=_text(),
            names={"type": "array", "items": _text(), "description": "The hosts and addresses it is for."},
            not_before_at=_MOMENT,
            not_after_at=_MOMENT,
            fingerprint=_text("SHA-256, hexadecimal."),
            self_signed=_FLAG,
        ),
        "AccountCertificates": _answer(
            "What the certificates of an account say.",
            authority=_MANY | {"description": "The own CA."},
            trusted=_ONE_OR_NONE,
            client=_MANY | {"description": "What is shown of us, our own first."},
        ),
        "SeenCertificate": _answer(
            "What a server shows at this moment.",
            account=_text("Its name."),
            chain=_MANY | {"description": "What the server shows now, its own first."},
            why=_text("What is wrong with it; empty when it is believed without further ado."),
            pin=_text("The fingerprint that the account trusts; empty when it trusts none in particular."),
            trusted=_ONE_OR_NONE,
            changed=_FLAG | {"description": "Whether it is another than the one that is trusted."},
        ),
    }
