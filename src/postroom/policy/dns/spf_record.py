"""Reading SPF records and spelling out their macros (RFC 7208, 4.5, 4.6, 5, 6, 7). No bytes make it raise.

A record is read as a whole before any of it counts: one mistake anywhere makes it useless to every receiver (4.6), and
the fault says which term that is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

from postroom.sentence import Sentence

__all__ = ["Around", "Record", "Term", "expand", "is_spf", "read_record"]

IpAddress = IPv4Address | IPv6Address
_LONGEST = 16_384
_LONGEST_NAME = 253
_QUALIFIERS = "+-~?"
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_CIDR = re.compile(r"(.*?)(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?", re.DOTALL)
_EXPANSION = re.compile(r"%\{([slodiphcrtvSLODIPHCRTV])([0-9]*)([rR]?)([.\-+,/_=]*)\}|%[%_-]")
_LITERAL = re.compile(r"[!-$&-~]*")
_TOP_LABEL = re.compile(r"\.(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?\Z")
_NEEDS_DOMAIN = frozenset({"include", "exists", "redirect"})


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism with its qualifier, or a modifier with "". `domain` is not expanded; "" is the domain itself."""

    name: str
    qualifier: str = ""
    domain: str = ""
    network: IPv4Network | IPv6Network | None = None
    bits4: int = 32
    bits6: int = 128
    text: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """`fault`: why no receiver can use it, "" when it is right. `redirect`: the domain that goes on, unexpanded."""

    text: str
    terms: tuple[Term, ...] = ()
    redirect: str = ""
    fault: str = ""


def is_spf(octets: bytes) -> bool:
    """Whether a TXT record is an SPF record at all (4.5)."""
    return octets[:6].lower() == b"v=spf1" and octets[6:7] in (b"", b" ")


def read_record(octets: bytes) -> Record:
    """An SPF record (see `is_spf`)."""
    text = octets[:_LONGEST].decode("ascii", "replace")
    shown = "".join(char if char.isprintable() else "\ufffd" for char in text)
    if "\ufffd" in shown:
        return Record(shown, fault="holds characters other than plain ASCII")
    terms: list[Term] = []
    modifiers: dict[str, str] = {}
    for word in text[6:].split(" "):
        if not word:
            continue
        found = _read_term(word)
        if isinstance(found, str):
            return Record(shown, fault=Sentence("can't be read at {word!r}: {found}", word=word[:80], found=found))
        if found.qualifier:
            terms.append(found)
        elif found.name in ("redirect", "exp"):
            if found.name in modifiers:
                return Record(shown, fault=Sentence("says {found}= twice", found=found.name))
            modifiers[found.name] = found.domain
    return Record(shown, tuple(terms), modifiers.get("redirect", ""))


def _read_term(word: str) -> Term | str:
    """A term, or what is wrong with it."""
    modifier = _MODIFIER.fullmatch(word)
    if modifier is not None:
        return _read_modifier(modifier[1].lower(), modifier[2])
    qualifier = word[0] if word[0] in _QUALIFIERS else "+"
    body = word.removeprefix(qualifier) if word[0] in _QUALIFIERS else word
    name = re.split(r"[:/]", body, maxsplit=1)[0].lower()
    rest = body[len(name) :]
    match name:
        case "all":
            return Term(name, qualifier, text=word) if not rest else "all stands alone"
        case "ip4" | "ip6":
            return _read_network(name, qualifier, rest, word)
        case "a" | "mx":
            return _read_with_cidr(name, qualifier, rest, word)
        case "include" | "exists" | "ptr":
            return _read_domain(name, qualifier, rest, word)
        case _:
            return "there is no such mechanism"


def _read_modifier(name: str, value: str) -> Term | str:
    if name in ("redirect", "exp"):
        return Term(name, domain=value) if value and _is_domain_spec(value) else "no domain stands there"
    return Term(name) if _is_macro_string(value) else "the value can't be read"


def _read_network(name: str, qualifier: str, rest: str, word: str) -> Term | str:
    kind = IPv4Network if name == "ip4" else IPv6Network
    text = rest[1:]
    address, slash, bits = text.partition("/")
    if not rest.startswith(":") or (slash and not re.fullmatch(r"0|[1-9][0-9]{0,2}", bits)):
        return "no network stands there"
    if "%" in address:
        return "no network stands there"
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return "no network stands there"
    return Term(name, qualifier, network=network, text=word) if isinstance(network, kind) else "not of this kind"


def _read_with_cidr(name: str, qualifier: str, rest: str, word: str) -> Term | str:
    found = _CIDR.fullmatch(rest)
    if found is None:
        return "it can't be read"
    domain = found[1]
    if domain and (not domain.startswith(":") or not _is_domain_spec(domain[1:])):
        return "no domain stands there"
    four, six = int(found[2] or 32), int(found[3] or 128)
    if four > 32 or six > 128:
        return "the network is longer than an address"
    return Term(name, qualifier, domain[1:], None, four, six, word)


def _read_domain(name: str, qualifier: str, rest: str, word: str) -> Term | str:
    if not rest and name not in _NEEDS_DOMAIN:
        return Term(name, qualifier, text=word)
    if not rest.startswith(":") or not _is_domain_spec(rest[1:]):
        return "no domain stands there"
    return Term(name, qualifier, rest[1:], text=word)


def _is_macro_string(text: str) -> bool:
    return bool(_LITERAL.fullmatch(_EXPANSION.sub("", text)))


def _is_domain_spec(text: str) -> bool:
    """Macro text that ends in a top label or in a macro (7.1)."""
    if not text or not _is_macro_string(text):
        return False
    if re.search(r"%\{[crtCRT]", text):  # these are for explanations only (7.2)
        return False
    return text.endswith("}") or _TOP_LABEL.search(text) is not None


class Around(NamedTuple):
    """What macros stand for. `domain`: the one that is evaluated now; `sender`: `local@domain` of the envelope."""

    ip: IpAddress
    domain: str
    sender: str
    helo: str
    name: str = "unknown"
    """What `p` stands for: the checked name of the address. It may be left at that (7.3)."""


def expand(text: str, around: Around) -> str:
    """A domain-spec, spelled out; labels are dropped from the left until it is short enough (7.3)."""
    found = _EXPANSION.sub(lambda one: _expansion(one, around), text).removesuffix(".")
    if len(found) <= _LONGEST_NAME:
        return found
    return found[-_LONGEST_NAME - 1 :].partition(".")[2]


def _expansion(found: re.Match[str], around: Around) -> str:
    if found[1] is None:
        return {"%%": "%", "%_": " ", "%-": "%20"}[found[0]]
    value = _value(found[1].lower(), around)
    parts = re.split("[" + re.escape(found[4] or ".") + "]", value)
    if found[3]:
        parts.reverse()
    if found[2]:
        kept = int(found[2][:6])
        parts = parts[-kept:] if kept else parts
    text = ".".join(parts)
    return _quoted(text) if found[1].isupper() else text


def _value(letter: str, around: Around) -> str:
    local, _, domain = around.sender.rpartition("@")
    values = {
        "s": around.sender,
        "l": local or "postmaster",
        "o": domain,
        "d": around.domain,
        "i": _dotted(around.ip),
        "p": around.name,
        "v": "in-addr" if around.ip.version == 4 else "ip6",
        "h": around.helo,
    }
    return values.get(letter, "")


def _dotted(ip: IpAddress) -> str:
    return str(ip) if isinstance(ip, IPv4Address) else ".".join(ip.exploded.replace(":", ""))


def _quoted(text: str) -> str:
    return "".join(char if re.match(r"[A-Za-z0-9._~-]", char) else f"%{ord(char):02X}" for char in text)
