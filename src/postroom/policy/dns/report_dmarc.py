"""Findings about DMARC: the policy, whether mail passes it, and whether the sender's domain can be answered at all."""

from __future__ import annotations

from collections.abc import Iterator

from postroom.model.dns import DnsRecord, Finding, Severity
from postroom.policy.dns.dmarc import DmarcRecord
from postroom.policy.dns.examine import DkimSeen, DmarcSeen, Setup, SpfSeen
from postroom.policy.dns.spf import Result
from postroom.sentence import Sentence

__all__ = ["dmarc_findings"]

_OK, _INFO, _WARNING, _FAULT = Severity.OK, Severity.INFO, Severity.WARNING, Severity.FAULT
_WORDS = {
    "none": "asks receivers to do nothing with mail that fails",
    "quarantine": "asks receivers to put mail that fails into the spam folder",
    "reject": "asks receivers to refuse mail that fails",
}


def dmarc_findings(setup: Setup, spf: SpfSeen | None, dkim: DkimSeen, dmarc: DmarcSeen) -> Iterator[Finding]:
    yield from _answerable(setup, dmarc)
    yield from _policy(setup, dmarc)
    yield from _outcome(setup, spf, dkim, dmarc)


def _answerable(setup: Setup, seen: DmarcSeen) -> Iterator[Finding]:
    domain = setup.from_domain
    if seen.null_mx:
        yield Finding(
            "sender-null-mx",
            _FAULT,
            Sentence("{domain} says that it takes no mail", domain=domain),
            "It has a null MX (RFC 7505), so nobody can answer, and many receivers refuse mail from such a domain.",
            "Use a sender of a domain that takes mail, or set the domain's MX records.",
        )
    elif seen.takes_mail is False:
        what = "is not in the DNS" if not seen.exists else "has neither a mail server (MX) nor an address"
        yield Finding(
            "sender-no-mail",
            _FAULT,
            Sentence("{domain} can't be answered", domain=domain),
            Sentence("{domain} {what}; many receivers refuse mail from such a domain.", domain=domain, what=what),
            "Check how the sender's address is spelled, or set the domain's MX records.",
        )


def _policy(setup: Setup, seen: DmarcSeen) -> Iterator[Finding]:
    domain, found = setup.from_domain, seen.found
    if found.walk.several:
        yield Finding(
            "dmarc-several",
            _FAULT,
            Sentence("{several} has several DMARC records", several=found.walk.several),
            "Receivers then use none of them.",
            Sentence("Leave one TXT record at _dmarc.{several}.", several=found.walk.several),
        )
        return
    if found.record is None:
        yield _no_policy(setup, seen)
        return
    record = found.record
    if record.fault:
        yield Finding(
            "dmarc-broken",
            _FAULT,
            Sentence("The DMARC record of {domain} is broken", domain=record.domain),
            Sentence("It {fault}: {text}", fault=record.fault, text=record.text),
            "Correct it, for example like this.",
            _simple(record.domain),
        )
        return
    where = "" if record.domain == domain else Sentence(" (from {domain})", domain=record.domain)
    yield Finding(
        "dmarc-policy",
        _OK if found.policy != "none" else _INFO,
        Sentence("DMARC of {domain}: {policy}", domain=domain, policy=found.policy),
        Sentence("The record{where} {words}: {text}", where=where, words=_WORDS[found.policy], text=record.text),
    )
    yield from _oddities(record)


def _no_policy(setup: Setup, seen: DmarcSeen) -> Finding:
    domain, top = setup.from_domain, seen.found.organisation
    if seen.found.trouble:
        return Finding(
            "dmarc-trouble",
            _WARNING,
            Sentence("DMARC of {domain} could not be looked up", domain=domain),
            seen.found.trouble,
            "Check again later.",
        )
    return Finding(
        "dmarc-missing",
        _WARNING,
        Sentence("{domain} has no DMARC record", domain=domain),
        "Google, Yahoo and Microsoft want one of everybody who sends much.",
        "Set this record. It changes nothing for your mail yet; give rua= an address where you want to read reports.",
        _simple(top if "." in top else domain),
    )


def _simple(domain: str) -> DnsRecord:
    return DnsRecord.txt(f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}")


def _oddities(record: DmarcRecord) -> Iterator[Finding]:
    if record.testing:
        yield Finding(
            "dmarc-testing",
            _INFO,
            Sentence("The DMARC record of {domain} is on trial", domain=record.domain),
            "It says t=y, so receivers do the next milder thing.",
            "Take t=y out once reports look right.",
        )
    if record.historic:
        tags = ", ".join(f"{name}=" for name in record.historic)
        yield Finding(
            "dmarc-historic",
            _INFO,
            Sentence("The DMARC record of {domain} holds words of former times", domain=record.domain),
            Sentence("{tags} means nothing any more (RFC 9989).", tags=tags),
            "Take it out; for a trial there is t=y.",
        )


# -- what becomes of it -----------------------------------------------------------------------------------------------


def _outcome(setup: Setup, spf: SpfSeen | None, dkim: DkimSeen, dmarc: DmarcSeen) -> Iterator[Finding]:
    """DMARC passes where SPF or DKIM passes for a domain that is aligned with From."""
    domain, envelope = setup.from_domain, setup.envelope_domain
    replaced = setup.origin is not None and setup.origin.own_return_path
    if dmarc.aligned is False and not replaced:
        yield Finding(
            "spf-not-aligned",
            _INFO if dkim.signs else _WARNING,
            Sentence("The return path does not stand for {domain}", domain=domain),
            Sentence(
                "It is in {envelope}, so SPF says nothing of {domain}, whatever it says. Only DKIM can.",
                envelope=envelope,
                domain=domain,
            ),
            "" if dkim.signs else Sentence("Set a return path in {domain}, or sign with DKIM.", domain=domain),
        )
    by_spf = None if spf is None or replaced else _passes_spf(spf)
    if dkim.signs and _aligned_key(dkim, dmarc, domain):
        yield Finding(
            "dmarc-passes",
            _OK,
            Sentence("Mail from {domain} passes DMARC", domain=domain),
            "Postroom's DKIM signature is aligned.",
        )
    elif by_spf and dmarc.aligned:
        yield Finding(
            "dmarc-passes",
            _OK,
            Sentence("Mail from {domain} passes DMARC", domain=domain),
            "SPF covers it, and is aligned.",
        )
    elif dkim.unsure:
        return
    elif by_spf is False or (dmarc.aligned is False and not replaced):
        yield _fails(setup, dkim, dmarc)
    else:
        yield Finding(
            "dmarc-unknown",
            _INFO,
            Sentence("Whether mail from {domain} passes DMARC can't be known from here", domain=domain),
            Sentence(
                "That depends on what {outside} does. With a DKIM key of your own it would be certain.",
                outside=setup.outside,
            ),
            Sentence("Run: postroom dkim add {domain}", domain=domain),
        )


def _passes_spf(spf: SpfSeen) -> bool | None:
    """None where it is not known from where the mail comes."""
    if spf.survey.trouble:
        return None
    if spf.survey.record is None or spf.survey.record.fault or spf.survey.faults:
        return False
    if spf.covered is not None:
        return spf.covered
    if any(one.result is Result.TEMPERROR for one in spf.verdicts.values()):
        return None
    if not spf.verdicts or (not spf.told and any(one.result is not Result.PASS for one in spf.verdicts.values())):
        return None
    return all(one.result is Result.PASS for one in spf.verdicts.values())


def _aligned_key(dkim: DkimSeen, dmarc: DmarcSeen, domain: str) -> bool:
    """A key of a domain above is aligned unless the record wants the very same domain (adkim=s)."""
    record = dmarc.found.record
    strict = record is not None and record.strict_dkim
    return any(key.signs and (key.domain == domain or not strict) for key, _ in dkim.own)


def _fails(setup: Setup, dkim: DkimSeen, dmarc: DmarcSeen) -> Finding:
    domain, policy = setup.from_domain, dmarc.found.policy
    there = bool(dkim.others)
    grave = policy in ("quarantine", "reject") and not there
    hope = Sentence(" unless {outside} signs it with the key that was found", outside=setup.outside) if there else ""
    return Finding(
        "dmarc-fails",
        _FAULT if grave else _WARNING,
        Sentence("Mail from {domain} does not pass DMARC", domain=domain),
        Sentence(
            "Neither SPF nor a DKIM signature of ours speaks for {domain}{hope}.{record}",
            domain=domain,
            hope=hope,
            record=Sentence(" Its record {words}.", words=_WORDS[policy]) if policy in _WORDS else "",
        ),
        Sentence("Mend SPF as said above, or sign with DKIM: postroom dkim add {domain}", domain=domain),
    )
