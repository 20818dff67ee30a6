"""The shapes of DKIM keys and looks into the DNS in JSON Schema. As in `shapes`, tables of sentences."""

from __future__ import annotations

from typing import Any

from postroom.model.dkim import DkimAlgorithm, DkimState
from postroom.model.dns import Severity
from postroom.web.api.people_shapes import FLAG, MOMENT, NUMBER, TEXT, or_null, shape, told

__all__ = ["schemas"]

_ALGORITHM = {"type": "string", "enum": [one.value for one in DkimAlgorithm]}
_STATE = {"type": "string", "enum": [one.value for one in DkimState]}
_RECORD = {
    "name": told(TEXT, "Its full name, without the last dot."),
    "type": told(TEXT, "Like `TXT`."),
    "value": told(TEXT, "For the form of a DNS provider, in one piece."),
    "zone": told(TEXT, "The same as a line of a zone file; a long text is split into strings of 255."),
}
_KEY_VALUES = {
    "domain": told(TEXT, "The domain of the senders' addresses. It signs for the domains below it as well."),
    "algorithm": told(_ALGORITHM, "Without it `rsa-sha256`, which every server knows."),
    "bits": told(NUMBER, "Of an RSA key: 2048, 3072 or 4096."),
    "selector": told(TEXT, "The first part of the record's name. Without it Postroom chooses one."),
}
_SEVERITY = {"type": "string", "enum": [one.value for one in Severity]}
_FINDING = {
    "id": told(TEXT, "A word for programs that stays the same, like `spf-missing`."),
    "severity": told(
        _SEVERITY, "`fault`: it costs mail; `warning`: it may; `info`: worth knowing; `ok`: as it should be."
    ),
    "title": told(TEXT, "What it is, in a few words."),
    "what": told(TEXT, "What was found."),
    "mend": told(TEXT, "What to do; empty where nothing has to be done."),
    "record": {"anyOf": [{"$ref": "#/components/schemas/DnsRecord"}, {"type": "null"}], "description": "To be set."},
}
_CHECK_VALUES = {
    "sender": told(TEXT, "Its address. Without it the default sender."),
    "account": told(TEXT, "Its name or id. Without it the one that the sender's mail takes."),
    "addresses": told({"type": "array", "items": TEXT}, "Public IP addresses from which the mail comes in the end."),
}
_CHECK = {
    "sender": told(TEXT, "The sender that was asked for."),
    "account_id": or_null(TEXT, "Like `a_…`; null where there is no account."),
    "account": told(TEXT, "Its name."),
    "from_domain": told(TEXT, "The domain of From when the mail leaves."),
    "envelope_domain": told(TEXT, "The domain of the return path, which SPF is about; empty where there is none."),
    "severity": told(_SEVERITY, "The gravest of the findings."),
    "findings": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/DnsFinding"},
        "description": "Gravest first.",
    },
    "checked_at": MOMENT,
    "addresses": told({"type": "array", "items": TEXT}, "From which the mail comes in the end, as it was said."),
}
_PRIVATE = {"type": "string", "writeOnly": True, "description": "A key to import, as PEM; never shown again."}
_KEY = {
    "id": told(TEXT, "Like `y_…`."),
    "tenant_id": told(TEXT, "Whose it is. It signs mail from addresses of this tenant only."),
    **_KEY_VALUES,
    "public_key": told(TEXT, "What stands in `p=` of the record."),
    "state": told(
        _STATE,
        "`waiting` for its record; `active`: it signs; `missing`: its record has been gone for an hour; `retired`.",
    ),
    "absent_since_at": or_null(MOMENT, "Since when its record is not there although it signs."),
    "activated_at": or_null(MOMENT, "When it began to sign."),
    "retired_at": or_null(MOMENT, "When it was replaced or retired."),
    "created_at": MOMENT,
    "version": NUMBER,
    "record": {"$ref": "#/components/schemas/DnsRecord"},
    "signs": told(FLAG, "Whether it signs now."),
    "checked_at": or_null(MOMENT, "When its record was last looked for."),
    "seen": told(TEXT, "What was found, in a sentence."),
    "record_stays_until": or_null(MOMENT, "Until when a retired key's record should stay in the DNS."),
}


def schemas() -> dict[str, dict[str, Any]]:
    """Every shape, by name."""
    return {
        "DnsRecord": shape("A record to be set in the DNS.", _RECORD),
        "DkimKeyValues": shape("A new DKIM key.", {**_KEY_VALUES, "private_key": _PRIVATE}, whole=False),
        "DnsFinding": shape("One thing that was found in the DNS.", _FINDING),
        "DnsCheckValues": shape("What to look at.", _CHECK_VALUES, whole=False),
        "DnsCheck": shape("What was found for a sender and an account.", _CHECK),
        "DkimKey": shape("A DKIM key, without its private half.", _KEY),
    }
