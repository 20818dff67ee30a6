"""Findings about DMARC: the policy, whether mail passes it, and whether the sender's domain can be answered at all."""

from __future__ import annotations

from collections.abc import Iterator

from postroom.model.dns import DnsRecord, Finding, Severity
from postroom.policy.dns.dmarc import DmarcRecord
from postroom.policy.dns.examine import DkimSeen, DmarcSeen, Setup, SpfSeen
from postroom.policy.dns.spf import Result

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
            "sender-null-mx", _FAULT, f"{domain} says that it takes no mail",
            "It has a null MX (RFC 7505), so nobody can answer, and many receivers refuse mail from such a domain.",
            "Use a sender of a domain that takes mail, or set the domain's MX records.",
        )  # fmt: skip
    elif seen.takes_mail is False:
        what = "is not in the DNS" if not seen.exists else "has neither a mail server (MX) nor an address"
        yield Finding(
            "sender-no-mail", _FAULT, f"{domain} can't be answered",
            f"{domain} {what}; many receivers refuse mail from such a domain.",
            "Check how the sender's address is spelled, or set the domain's MX records.",
        )  # fmt: skip


def _policy(setup: Setup, seen: DmarcSeen) -> Iterator[Finding]:
    domain, found = setup.from_domain, seen.found
    if found.walk.several:
        yield Finding(
            "dmarc-several", _FAULT, f"{found.walk.several} has several DMARC records",
            "Receivers then use none of them.", f"Leave one TXT record at _dmarc.{found.walk.several}.",
        )  # fmt: skip
        return
    if found.record is None:
        yield _no_policy(setup, seen)
        return
    record = found.record
    if record.fault:
        yield Finding(
            "dmarc-broken", _FAULT, f"The DMARC record of {record.domain} is broken",
            f"It {record.fault}: {record.text}", "Correct it, for example like this.", _simple(record.domain),
        )  # fmt: skip
        return
    where = "" if record.domain == domain else f" (from {record.domain})"
    yield Finding(
        "dmarc-policy", _OK if found.policy != "none" else _INFO, f"DMARC of {domain}: {found.policy}",
        f"The record{where} {_WORDS[found.policy]}: {record.text}",
    )  # fmt: skip
    yield from _oddities(record)


def _no_policy(setup: Setup, seen: DmarcSeen) -> Finding:
    domain, top = setup.from_domain, seen.found.organisation
    if seen.found.trouble:
        return Finding(
            "dmarc-trouble", _WARNING, f"DMARC of {domain} could not be looked up", seen.found.trouble,
            "Check again later.",
        )  # fmt: skip
    return Finding(
        "dmarc-missing", _WARNING, f"{domain} has no DMARC record",
        "Google, Yahoo and Microsoft want one of everybody who sends much.",
        "Set this record. It changes nothing for your mail yet; give rua= an address where you want to read reports.",
        _simple(top if "." in top else domain),
    )  # fmt: skip


def _simple(domain: str) -> DnsRecord:
    return DnsRecord.txt(f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}")


def _oddities(record: DmarcRecord) -> Iterator[Finding]:
    if record.testing:
        yield Finding(
            "dmarc-testing", _INFO, f"The DMARC record of {record.domain} is on trial",
            "It says t=y, so receivers do the next milder thing.", "Take t=y out once reports look right.",
        )  # fmt: skip
    if record.historic:
        tags = ", ".join(f"{name}=" for name in record.historic)
        yield Finding(
            "dmarc-historic", _INFO, f"The DMARC record of {record.domain} holds words of former times",
            f"{tags} means nothing any more (RFC 9989).", "Take it out; for a trial there is t=y.",
        )  # fmt: skip


# -- what becomes of it -----------------------------------------------------------------------------------------------


def _outcome(setup: Setup, spf: SpfSeen | None, dkim: DkimSeen, dmarc: DmarcSeen) -> Iterator[Finding]:
    """DMARC passes where SPF or DKIM passes for a domain that is aligned with From."""
    domain, envelope = setup.from_domain, setup.envelope_domain
    replaced = setup.origin is not None and setup.origin.own_return_path
    if dmarc.aligned is False and not replaced:
        yield Finding(
            "spf-not-aligned", _INFO if dkim.signs else _WARNING, f"The return path does not stand for {domain}",
            f"It is in {envelope}, so SPF says nothing of {domain}, whatever it says. Only DKIM can.",
            "" if dkim.signs else f"Set a return path in {domain}, or sign with DKIM.",
        )  # fmt: skip
    by_spf = None if spf is None or replaced else _passes_spf(spf)
    if dkim.signs and _aligned_key(dkim, dmarc, domain):
        yield Finding("dmarc-passes", _OK, f"Mail from {domain} passes DMARC", "Postroom's DKIM signature is aligned.")
    elif by_spf and dmarc.aligned:
        yield Finding("dmarc-passes", _OK, f"Mail from {domain} passes DMARC", "SPF covers it, and is aligned.")
    elif dkim.unsure:
        return
    elif by_spf is False or (dmarc.aligned is False and not replaced):
        yield _fails(setup, dkim, dmarc)
    else:
        yield Finding(
            "dmarc-unknown", _INFO, f"Whether mail from {domain} passes DMARC can't be known from here",
            f"That depends on what {setup.outside} does. With a DKIM key of your own it would be certain.",
            f"Run: postroom dkim add {domain}",
        )  # fmt: skip


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
    hope = f" unless {setup.outside} signs it with the key that was found" if there else ""
    return Finding(
        "dmarc-fails", _FAULT if grave else _WARNING, f"Mail from {domain} does not pass DMARC",
        f"Neither SPF nor a DKIM signature of ours speaks for {domain}{hope}."
        + (f" Its record {_WORDS[policy]}." if policy in _WORDS else ""),
        f"Mend SPF as said above, or sign with DKIM: postroom dkim add {domain}",
    )  # fmt: skip
