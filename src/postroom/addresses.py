"""The one reading of an e-mail address: `local@domain` and `Name <local@domain>`.

What is checked, what goes into the envelope and what goes into a header all come from the same `Address`, so no two
parts of Postroom can read one text differently. Rules kept here:

- The domain is stored as A-labels (RFC 5890: ASCII, lower case) or as a literal in its shortest spelling; the local
  part is stored exactly as meant, without the quotes of its spelling. `key` compares those two and nothing else: no
  case folding and no Unicode normalisation of a local part, because only its own server knows what it means.
- Refused, each with a sentence: control characters (C0, DEL, C1, U+2028, U+2029), characters that change the direction
  of writing, comments, groups, routes (RFC 5322 section 3.4, RFC 5321 appendix C), several `@`, empty parts, parts that
  are too long (RFC 5321 section 4.5.3.1), and a local part that looks like an encoded word (some servers decode it into
  another address).
- A non-ASCII local part is kept as UTF-8 and needs SMTPUTF8 (RFC 6531); a non-ASCII domain never does.

How an address is spelled in a header is left to `compose.headers`; who may use one is left to the policy.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from postroom.sentence import Sentence

__all__ = ["Address", "BadAddress", "parse_list"]

MAX_LOCAL = 64
MAX_DOMAIN = 253
"""Octets. RFC 5321 allows 255 for a domain on the wire of DNS, which is 253 as text."""
MAX_NAME = 256
"""Characters of a display name: more is no name, and one line of a header has to hold it."""
_MAX_TEXT = 1_000

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_DOT_ATOM = rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*"
_BARE = re.compile(rf"({_DOT_ATOM})@({_HOST})").fullmatch
_NAMED = re.compile(rf"((?:[{_ATEXT}.]+ )*[{_ATEXT}.]+) ?<({_DOT_ATOM})@({_HOST})>").fullmatch
_STORED = re.compile(rf"({_DOT_ATOM})@({_HOST.replace('A-Z', '')})").fullmatch
_HOST_MATCH = re.compile(_HOST).fullmatch
_DOT_ATOM_MATCH = re.compile(_DOT_ATOM).fullmatch
_UTF8_DOT_ATOM = re.compile(rf"[{_ATEXT}\u00a1-\U0010ffff]+(?:\.[{_ATEXT}\u00a1-\U0010ffff]+)*").fullmatch
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_UNFIT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]",
)
# What some program on the way might decode into another address or a line end.
_DECODABLE = re.compile(r"=\?|%0[0-9A-Fa-f]").search
_SPECIALS = frozenset('()<>[]:;@\\,." ')


class BadAddress(ValueError):
    """This text is no address that mail can be sent to. `problem` says what is wrong, `mend` what to do about it.

    Neither repeats the text itself: it may hold what must not reach a log.
    """

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem} {mend}")
        self.problem = problem
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: `local` as meant (unquoted), `domain` as A-labels or a literal, `name` for people (may be empty)."""

    local: str
    domain: str
    name: str = ""

    @staticmethod
    def parse(text: str) -> Address:
        """Reads `local@domain` or `Name <local@domain>`. Raises BadAddress for anything else."""
        if len(text) > _MAX_TEXT:
            raise BadAddress(
                Sentence("This is longer than {max_text} characters.", max_text=_MAX_TEXT),
                "Give one address, like name@example.com.",
            )
        found = _BARE(text)
        if found is not None:
            name, (local, domain) = "", found.groups()
        else:
            found = _NAMED(text)
            if found is None:
                return _parse_slowly(text)
            name, local, domain = found.groups()
        if len(name) > MAX_NAME or not _is_simple(local, domain):
            return _parse_slowly(text)
        return Address(local, domain.lower(), name)

    @property
    def spec(self) -> str:
        """`local@domain` for the envelope and for headers (RFC 5321 section 4.1.2), quoted when needed."""
        return f"{_local_spec(self.local)}@{self.domain}"

    @property
    def key(self) -> str:
        """What makes two addresses the same mailbox: the exact local part and the A-label domain."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 can take this address (RFC 6531)."""
        return not self.local.isascii()

    def check(self) -> None:
        """Raises BadAddress unless `parse` could have made this address: for those put together in another way."""
        found = _STORED(self.key)
        if found is None or not _is_simple(self.local, self.domain):
            _refuse_unfit(self.key)
            _check_local(self.local)
            if _domain_from(self.domain) != self.domain:
                raise BadAddress("The domain is not in its stored form.", "Read the address with Address.parse first.")
        if self.name:
            _refuse_unfit(self.name)
            _check_name(self.name)

    def display(self) -> str:
        """For people's eyes: a readable domain, unless its letters could pass for another one (then punycode).

        Not for headers and not for parsing back.
        """
        spec = _UNFIT.sub("\ufffd", f"{_local_spec(self.local)}@{_readable_domain(self.domain)}")
        name = _UNFIT.sub("\ufffd", self.name)
        if not name:
            return spec
        if not _SPECIALS.isdisjoint(name.replace(".", "").replace(" ", "")) or '"' in name:
            name = _quote(name)
        return f"{name} <{spec}>"


def parse_list(text: str) -> tuple[Address, ...]:
    """Several addresses with commas between them. Raises BadAddress that says which of them is wrong."""
    _refuse_unfit(text)
    masked = _mask_quotes(text)
    pieces: list[str] = []
    start = 0
    for comma in re.finditer(",", masked):
        pieces.append(text[start : comma.start()])
        start = comma.end()
    pieces.append(text[start:])
    found: list[Address] = []
    for number, piece in enumerate(pieces, start=1):
        try:
            found.append(Address.parse(piece.strip(" ")))
        except BadAddress as error:
            if len(pieces) == 1:
                raise
            raise BadAddress(
                Sentence(
                    "Address {number} of {pieces}: {problem}", number=number, pieces=len(pieces), problem=error.problem
                ),
                error.mend,
            ) from None
    return tuple(found)


def _is_simple(local: str, domain: str) -> bool:
    """Whether parts that already have the right letters also keep the rules of length and meaning."""
    return len(local) <= MAX_LOCAL and len(domain) <= MAX_DOMAIN and not _DECODABLE(local) and not domain[-1].isdigit()


def _parse_slowly(text: str) -> Address:
    _refuse_unfit(text)
    text = text.strip(" ")
    if not text:
        raise BadAddress("The address is empty.", "Give an address like name@example.com.")
    name, spec = _split_name(text)
    local, domain = _split_spec(spec)
    return Address(_local_from(local), _domain_from(domain), name)


def _refuse_unfit(text: str) -> None:
    found = _UNFIT.search(text)
    if found is not None:
        raise BadAddress(
            Sentence("There is an invisible or control character (U+{found:04X}) in it.", found=ord(found.group())),
            "Remove it; typing the address anew is the surest way.",
        )


def _mask_quotes(text: str) -> str:
    """The same text with what stands in quotes made harmless, letter for letter."""
    masked = _QUOTED.sub(lambda quoted: "q" * len(quoted.group()), text)
    if '"' in masked:
        raise BadAddress("A quotation mark is opened but not closed.", "Add the missing one, or remove it.")
    return masked


def _split_name(text: str) -> tuple[str, str]:
    masked = _mask_quotes(text)
    if "(" in masked or ")" in masked:
        raise BadAddress("It holds a comment in parentheses.", "Write it as Name <local@domain>.")
    opened = masked.find("<")
    if opened < 0:
        if ">" in masked:
            raise BadAddress("There is a > without a <.", "Write it as Name <local@domain>.")
        _refuse_several(masked)
        return "", text
    if masked.count("<") > 1 or masked.count(">") != 1 or not masked.endswith(">"):
        raise BadAddress("The angle brackets do not fit together.", "Write it as Name <local@domain>.")
    before = masked[:opened]
    if "@" in before or "," in before or ":" in before or ";" in before:
        _refuse_several(before)
        raise BadAddress("The name holds an @ outside quotes.", 'Put the name in quotes: "Name" <local@domain>.')
    _refuse_several(masked[opened + 1 : -1])
    return _name_from(text[:opened].strip(" "), before.strip(" ")), text[opened + 1 : -1]


def _refuse_several(masked: str) -> None:
    outside = re.sub(r"\[[^\[\]]*\]", "", masked)
    if outside.startswith("@"):
        raise BadAddress("It names a route (@relay:address), which nobody supports.", "Give the address alone.")
    if ";" in outside or ":" in outside:
        raise BadAddress(
            "It looks like a group or a list (there is a : or ; outside quotes).",
            "Give one address; put a name with such characters in quotes.",
        )
    if "," in outside:
        raise BadAddress(
            "There is a comma outside quotes.",
            "Give one address; put a name with a comma in quotes, and lists in a list.",
        )


def _name_from(name: str, masked: str) -> str:
    if name.startswith('"') and masked == "q" * len(name) and _QUOTED.fullmatch(name):
        name = re.sub(r"\\(.)", r"\1", name[1:-1]).strip(" ")
    elif '"' in name:
        raise BadAddress("Only a part of the name is in quotes.", "Put the whole name in quotes.")
    _check_name(name)
    return name


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME:
        raise BadAddress(Sentence("The name is longer than {max_name} characters.", max_name=MAX_NAME), "Shorten it.")


def _split_spec(spec: str) -> tuple[str, str]:
    masked = _mask_quotes(spec)
    ats = masked.count("@")
    if ats == 0:
        raise BadAddress("There is no @ in it.", "An address looks like name@example.com.")
    if ats > 1:
        raise BadAddress("There is more than one @ outside quotes.", "An address has exactly one.")
    at = masked.index("@")
    return spec[:at], spec[at + 1 :]


def _local_from(text: str) -> str:
    if not text:
        raise BadAddress("There is nothing before the @.", "An address looks like name@example.com.")
    if text.startswith('"') and _QUOTED.fullmatch(text):
        local = re.sub(r"\\(.)", r"\1", text[1:-1])
    else:
        local = text
        _check_unquoted(local)
    _check_local(local)
    return local


def _check_unquoted(local: str) -> None:
    if _UTF8_DOT_ATOM(local):
        return
    if " " in local:
        raise BadAddress("There is a space before the @.", "Remove it.")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise BadAddress(
            "The part before the @ begins or ends with a dot, or has two in a row.",
            'Correct it, or put that part in quotes if it is really so: "a..b"@example.com.',
        )
    raise BadAddress(
        "The part before the @ holds a character that is not allowed there.",
        'Correct it, or put that part in quotes if it is really so: "a b"@example.com.',
    )


def _check_local(local: str) -> None:
    """What holds for every local part, quoted or not."""
    if not local:
        raise BadAddress("There is nothing before the @.", "An address looks like name@example.com.")
    if _DECODABLE(local):
        raise BadAddress(
            "The part before the @ looks encoded (=? or %0).", "Give the address itself, not an encoded form of it."
        )
    for char in local:
        if char > "\x7f" and _unfit_in_local(char):
            raise BadAddress(
                Sentence(
                    "The part before the @ holds a character that can be mistaken (U+{char:04X}).", char=ord(char)
                ),
                "Replace it.",
            )
    if len(_local_spec(local).encode()) > MAX_LOCAL:
        raise BadAddress(
            Sentence("The part before the @ is longer than {max_local} octets.", max_local=MAX_LOCAL),
            "Check the address.",
        )


def _unfit_in_local(char: str) -> bool:
    """Spaces, invisible and unassigned characters, and those that become an ASCII special when normalised."""
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn", "Co", "Zs", "Zl", "Zp"}:
        return True
    return not _SPECIALS.isdisjoint(unicodedata.normalize("NFKC", char))


def _local_spec(local: str) -> str:
    if _DOT_ATOM_MATCH(local) or _UTF8_DOT_ATOM(local):
        return local
    return _quote(local)


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _domain_from(text: str) -> str:
    if not text:
        raise BadAddress("There is nothing after the @.", "An address looks like name@example.com.")
    if text.startswith("["):
        return _literal_from(text)
    if len(text) > MAX_DOMAIN:
        raise BadAddress(
            Sentence("The domain is longer than {max_domain} octets.", max_domain=MAX_DOMAIN), "Check the address."
        )
    domain = text.lower() if text.isascii() else _a_labels(text)
    if not _HOST_MATCH(domain):
        raise BadAddress(_what_is_wrong_with(domain), "A domain looks like example.com.")
    if len(domain) > MAX_DOMAIN:
        raise BadAddress(
            Sentence("The domain is longer than {max_domain} octets.", max_domain=MAX_DOMAIN), "Check the address."
        )
    if domain.rpartition(".")[2].isdigit():
        raise BadAddress("The domain ends in a number.", "Write an IP address in brackets: name@[192.0.2.1].")
    return domain


def _what_is_wrong_with(domain: str) -> str:
    if " " in domain:
        return "There is a space in the domain."
    if domain.startswith(".") or domain.endswith(".") or ".." in domain:
        return "The domain has an empty part (a dot too many)."
    if any(len(label) > 63 for label in domain.split(".")):
        return "A part of the domain is longer than 63 octets."
    return "The domain holds a character that no domain has."


def _a_labels(text: str) -> str:
    """UTS 46 mapping and IDNA 2008 (RFC 5891). The caller checks the result again: a mapping may yield specials."""
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:
        raise BadAddress(
            "The domain is no valid international domain name.", "Check it for characters that do not belong there."
        ) from None


def _literal_from(text: str) -> str:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3), in the shortest spelling."""
    inner = text[1:-1]
    try:
        if not text.endswith("]") or not inner.isascii() or "%" in inner:
            raise AddressValueError
        if inner[:5].lower() == "ipv6:":
            return f"[IPv6:{IPv6Address(inner[5:]).compressed}]"
        return f"[{IPv4Address(inner)}]"
    except AddressValueError:
        raise BadAddress(
            "The address in brackets is no IP address.", "Write it as [192.0.2.1] or [IPv6:2001:db8::1]."
        ) from None


# Scripts that are written together (the "highly restrictive" level of Unicode TR 39); anything else mixed is shown raw.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)
# Letters that look like Latin ones: a label of nothing else reads as another name (the well-known false "apple").
_LATIN_LOOKALIKES = frozenset("аеорсухіјѕһԁԛԝгьѵѡӏᴦαικνορυοϲϳոսօցհѐёѝїӧӱ")


def _readable_domain(domain: str) -> str:
    if "xn--" not in domain:
        return domain
    try:
        labels = idna.decode(domain).split(".")
    except UnicodeError:
        return domain
    pairs = zip(labels, domain.split("."), strict=True)
    return ".".join(label if _is_unmistakable(label) else raw for label, raw in pairs)


def _is_unmistakable(label: str) -> bool:
    if label.isascii():
        return True
    scripts = {_script(char) for char in label} - {""}
    if len(scripts) > 1 and not any(scripts <= family for family in _TOGETHER):
        return False
    letters = {char for char in label if _script(char)}
    return not letters <= _LATIN_LOOKALIKES


def _script(char: str) -> str:
    """The script of a letter, taken from its Unicode name; empty for digits, marks and what all scripts share."""
    category = unicodedata.category(char)
    if not category.startswith("L"):
        return ""
    word = unicodedata.name(char, "UNKNOWN").partition(" ")[0]
    if word in {"MODIFIER", "KATAKANA-HIRAGANA"}:
        return ""
    return "CJK" if word == "IDEOGRAPHIC" else word
