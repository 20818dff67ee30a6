"""From what was seen in the DNS to findings: what is right, what is wrong, and the record that mends it.

What can't be known is said as such and never guessed: from which addresses a server sends in the end, which keys a
provider signs with, what stands in the return path of one that writes its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from postroom.model.dkim import DkimKey, DkimState
from postroom.model.dns import DnsRecord, Finding, Severity
from postroom.policy.dns.dkim_record import Seen, record_of
from postroom.policy.dns.examine import DkimSeen, DmarcSeen, Setup, SpfSeen
from postroom.policy.dns.report_dmarc import dmarc_findings
from postroom.policy.dns.spf import MOST_ASKING, Result, Survey
from postroom.policy.signing import Sight

__all__ = ["report"]

_OK, _INFO, _WARNING, _FAULT = Severity.OK, Severity.INFO, Severity.WARNING, Severity.FAULT
_NEAR = 8
_WEAK_BITS = 2_048


def report(setup: Setup, spf: SpfSeen | None, dkim: DkimSeen, dmarc: DmarcSeen) -> tuple[Finding, ...]:
    """The gravest first. `spf` is None where there is no return path to look at."""
    findings = [*_sender(setup), *_spf(setup, spf), *_dkim(setup, dkim), *dmarc_findings(setup, spf, dkim, dmarc)]
    ranks = {severity: rank for rank, severity in enumerate((_FAULT, _WARNING, _INFO, _OK))}
    return tuple(sorted(findings, key=lambda finding: ranks[finding.severity]))


def _sender(setup: Setup) -> Iterator[Finding]:
    if setup.rewritten:
        yield Finding(
            "from-rewritten", _INFO, "Mail leaves from another address",
            f"The account {setup.account} rewrites {setup.rewritten} to its own address, so the records of "
            f"{setup.from_domain} count.",
        )  # fmt: skip


# -- SPF --------------------------------------------------------------------------------------------------------------


def _spf(setup: Setup, seen: SpfSeen | None) -> Iterator[Finding]:
    if seen is None:
        yield Finding(
            "spf-no-return-path", _INFO, "SPF has nothing to look at",
            "Mail leaves without a return path, so receivers look at the name that the server greets with. Only DKIM "
            "can speak for the sender's domain.",
        )  # fmt: skip
        return
    origin = setup.origin
    if origin is not None and origin.own_return_path:
        yield Finding(
            "spf-elsewhere", _INFO, f"{origin.name} uses a return path of its own",
            f"{origin.name} usually puts an address of its own into the return path, so receivers ask for the SPF "
            f"record of that domain and not of {setup.envelope_domain}. DKIM has to speak for {setup.from_domain}, or "
            f"a return path below it that is set up at {origin.name}.",
        )  # fmt: skip
        return
    if seen.survey.record is None:
        yield _no_record(setup, seen.survey)
        return
    yield from _record_faults(setup, seen.survey)
    if not seen.survey.record.fault:
        yield from _coverage(setup, seen)


def _no_record(setup: Setup, found: Survey) -> Finding:
    domain, verdict = setup.envelope_domain, found.verdict
    if verdict is not None and verdict.result is Result.TEMPERROR:
        return _unasked("spf-trouble", "SPF", domain, verdict.why)
    if verdict is not None and verdict.result is Result.PERMERROR:
        return Finding(
            "spf-several", _FAULT, f"{domain} has several SPF records", f"{verdict.why}; receivers then use none.",
            "Put everything that they name into one record, and delete the others.",
        )  # fmt: skip
    return Finding(
        "spf-missing", _FAULT, f"{domain} has no SPF record",
        f"Receivers can't see that {setup.outside} may send for {domain}.", "Set this record.",
        DnsRecord.txt(domain, f"v=spf1 {_word_for(setup)} ~all"),
    )  # fmt: skip


def _word_for(setup: Setup) -> str:
    """What has to stand in the record for what sends."""
    if setup.origin is not None and not setup.addresses:
        return f"include:{setup.origin.include}"
    if setup.addresses:
        return " ".join(f"ip{one.version}:{one}" for one in setup.addresses)
    return f"a:{setup.host}" if "." in setup.host and not setup.host.replace(".", "").isdigit() else "mx"


def _with_word(setup: Setup, text: str) -> DnsRecord:
    """The record that is there, with one word more before what ends it."""
    words = text.split()
    place = next(
        (
            n
            for n, word in enumerate(words)
            if word.lstrip("+-~?").lower() == "all" or word.lower().startswith("redirect=")
        ),
        len(words),
    )
    words[place:place] = _word_for(setup).split()
    return DnsRecord.txt(setup.envelope_domain, " ".join(words))


def _record_faults(setup: Setup, found: Survey) -> Iterator[Finding]:
    domain = setup.envelope_domain
    for fault in found.faults:
        yield Finding(
            "spf-broken", _FAULT, f"The SPF record of {domain} is broken", f"{fault} Receivers then use none of it.",
            "Correct or take out this part of the record.",
        )  # fmt: skip
    if found.asking > MOST_ASKING:
        yield Finding(
            "spf-too-many-lookups", _FAULT, f"The SPF record of {domain} takes too many look-ups",
            f"It takes {found.asking}, with all that it includes; receivers stop at {MOST_ASKING} and then use none "
            "of it.", "Take out what does not send any more; put networks (ip4:, ip6:) in place of a: and mx.",
        )  # fmt: skip
    elif found.asking > _NEAR:
        yield Finding(
            "spf-near-limit", _WARNING, f"The SPF record of {domain} is near the limit of look-ups",
            f"It takes {found.asking} of {MOST_ASKING}. Whoever is included may add one at any time.",
            "Take out what does not send any more.",
        )  # fmt: skip
    if found.all == "+":
        yield Finding(
            "spf-allows-all", _FAULT, f"The SPF record of {domain} allows everybody to send",
            "It ends in +all, so it proves nothing, and some receivers take it as a sign of spam.", "Write ~all.",
            _ended(setup, found),
        )  # fmt: skip
    elif found.all in ("", "?") and not found.trouble and not found.faults:
        yield Finding(
            "spf-no-end", _WARNING, f"The SPF record of {domain} does not say who may not send",
            "Without ~all or -all at its end, mail from any other server is as good.", "Put ~all at its end.",
            _ended(setup, found),
        )  # fmt: skip
    if found.deprecated:
        yield Finding(
            "spf-ptr", _WARNING, f"The SPF record of {domain} uses ptr",
            "It is slow, unsure, and some receivers pass over it (RFC 7208, 5.5).", "Name networks or hosts instead.",
        )  # fmt: skip
    if found.trouble:
        yield _unasked("spf-trouble", "SPF", domain, found.trouble)


def _ended(setup: Setup, found: Survey) -> DnsRecord | None:
    if found.record is None or found.record.redirect:
        return None
    words = [word for word in found.record.text.split() if word.lstrip("+-~?").lower() != "all"]
    return DnsRecord.txt(setup.envelope_domain, " ".join([*words, "~all"]))


def _coverage(setup: Setup, seen: SpfSeen) -> Iterator[Finding]:
    domain, record = setup.envelope_domain, seen.survey.record
    text = record.text if record is not None else "v=spf1"
    if seen.covered is True:
        yield Finding(
            "spf-covers", _OK, f"SPF covers {setup.outside}", f"The record of {domain} names its servers: {text}"
        )
    elif seen.covered is False:
        yield Finding(
            "spf-lacks-provider", _FAULT, f"SPF does not cover {setup.outside}",
            f"The record of {domain} does not name its servers: {text}", "Change it to this.",
            None if seen.survey.faults else _with_word(setup, text),
        )  # fmt: skip
    elif not seen.verdicts:
        yield _unknown_origin(setup, text)
    else:
        yield from _addresses(setup, seen, text)


def _unknown_origin(setup: Setup, text: str) -> Finding:
    return Finding(
        "spf-unknown-origin", _INFO, "From where the mail comes in the end is not known here",
        f"{setup.outside} hands it on, and no public address of it is known. The record of {setup.envelope_domain} is: "
        f"{text}", "Give the public addresses from which it sends, to have them checked.",
    )  # fmt: skip


def _addresses(setup: Setup, seen: SpfSeen, text: str) -> Iterator[Finding]:
    domain = setup.envelope_domain
    good = [address for address, verdict in seen.verdicts.items() if verdict.result is Result.PASS]
    unasked = [verdict.why for verdict in seen.verdicts.values() if verdict.result is Result.TEMPERROR]
    bad = {
        address: verdict
        for address, verdict in seen.verdicts.items()
        if verdict.result not in (Result.PASS, Result.TEMPERROR)
    }
    if unasked and not seen.survey.trouble:
        yield _unasked("spf-trouble", "SPF", domain, unasked[0])
    if good:
        sure = "" if seen.told else " If mail leaves from another address in the end, that one counts."
        yield Finding("spf-covers", _OK, f"SPF covers {', '.join(good)}", f"The record of {domain} is: {text}{sure}")
    if not bad:
        return
    said = "; ".join(
        f"{address}: {verdict.result}{f' ({verdict.why})' if verdict.why else ''}" for address, verdict in bad.items()
    )
    maybe = "" if seen.told else f" These are the addresses of {setup.host}; mail may leave from others in the end."
    hopeless = any(verdict.result is Result.PERMERROR for verdict in bad.values())
    yield Finding(
        "spf-lacks-address", _FAULT if seen.told else _WARNING, f"SPF does not cover {', '.join(bad)}",
        f"What receivers find with the record of {domain}: {said}.{maybe}",
        "Mend the record first." if hopeless else "Change it to this.", None if hopeless else _with_word(setup, text),
    )  # fmt: skip


def _unasked(finding: str, what: str, domain: str, why: str) -> Finding:
    return Finding(
        finding, _WARNING, f"{what} of {domain} could not be looked up", why,
        "Check again later. If it stays so: the domain's name servers, or ours (dns_servers), do not answer.",
    )  # fmt: skip


# -- DKIM -------------------------------------------------------------------------------------------------------------


def _dkim(setup: Setup, seen: DkimSeen) -> Iterator[Finding]:
    for key, sight in seen.own:
        yield _own_key(key, sight)
    for name, found in seen.others:
        if found.fault:
            yield Finding(
                "dkim-provider-broken", _WARNING, f"A DKIM key of {setup.outside} is broken",
                f"The record {name} {found.fault}.", f"Take the record anew from {setup.outside}.",
            )  # fmt: skip
        elif found.algorithm == "rsa" and found.bits < _WEAK_BITS:
            yield Finding(
                "dkim-weak", _INFO, "A DKIM key is short", f"The record {name} holds a key of {found.bits} bits.",
                f"Let {setup.outside} make one of {_WEAK_BITS} bits.",
            )  # fmt: skip
    good = [name for name, found in seen.others if not found.fault]
    if good:
        yield Finding(
            "dkim-provider", _OK, f"{setup.outside} has a DKIM key for {setup.from_domain}",
            f"Found: {', '.join(good)}. Whether it signs with it, only a received mail shows.",
        )  # fmt: skip
    if not good and not any(key.signs for key, _ in seen.own):
        yield _unsigned(setup, seen)


def _own_key(key: DkimKey, seen: Seen) -> Finding:
    record = record_of(key)
    if seen.sight is Sight.UNKNOWN:
        return _unasked("dkim-trouble", "The DKIM key", key.name, seen.words)
    if key.state is DkimState.ACTIVE and seen.sight is Sight.RIGHT:
        return Finding("dkim-signs", _OK, f"Postroom signs for {key.domain}", seen.words)
    if key.state is DkimState.WAITING:
        right = seen.sight is Sight.RIGHT
        return Finding(
            "dkim-waiting", _WARNING, f"A DKIM key of {key.domain} does not sign yet", seen.words,
            f"Run: postroom dkim check {key.name}" if right else "Set this record.", None if right else record,
        )  # fmt: skip
    return Finding(
        "dkim-record-gone", _FAULT, f"The record of a DKIM key of {key.domain} is gone", seen.words,
        "Set this record again.", record,
    )  # fmt: skip


def _unsigned(setup: Setup, seen: DkimSeen) -> Finding:
    if seen.trouble:
        return _unasked("dkim-trouble", "DKIM", setup.from_domain, seen.trouble)
    where = f", and none of {setup.outside} was found" if setup.origin is not None and setup.origin.selectors else ""
    return Finding(
        "dkim-none", _WARNING, f"No signature is known for {setup.from_domain}",
        f"Postroom has no DKIM key that signs for it{where}. Large receivers want one.",
        f"Run: postroom dkim add {setup.from_domain}{_or_there(setup)}",
    )  # fmt: skip


def _or_there(setup: Setup) -> str:
    return f"; or have {setup.origin.name} sign for the domain." if setup.origin is not None else ""
