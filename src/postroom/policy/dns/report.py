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
from postroom.sentence import Sentence

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
            "from-rewritten",
            _INFO,
            "Mail leaves from another address",
            Sentence(
                "The account {account} rewrites {rewritten} to its own address, so the records of {from_domain} count.",
                account=setup.account,
                rewritten=setup.rewritten,
                from_domain=setup.from_domain,
            ),
        )


# -- SPF --------------------------------------------------------------------------------------------------------------


def _spf(setup: Setup, seen: SpfSeen | None) -> Iterator[Finding]:
    if seen is None:
        yield Finding(
            "spf-no-return-path",
            _INFO,
            "SPF has nothing to look at",
            "Mail leaves without a return path, so receivers look at the name that the server greets with. Only DKIM "
            "can speak for the sender's domain.",
        )
        return
    origin = setup.origin
    if origin is not None and origin.own_return_path:
        yield Finding(
            "spf-elsewhere",
            _INFO,
            Sentence("{origin} uses a return path of its own", origin=origin.name),
            Sentence(
                "{origin} usually puts an address of its own into the return path, so receivers ask for the SPF "
                "record of that domain and not of {envelope_domain}. DKIM has to speak for {from_domain}, or a "
                "return path below it that is set up at {origin}.",
                origin=origin.name,
                envelope_domain=setup.envelope_domain,
                from_domain=setup.from_domain,
            ),
        )
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
            "spf-several",
            _FAULT,
            Sentence("{domain} has several SPF records", domain=domain),
            Sentence("{why}; receivers then use none.", why=verdict.why),
            "Put everything that they name into one record, and delete the others.",
        )
    return Finding(
        "spf-missing",
        _FAULT,
        Sentence("{domain} has no SPF record", domain=domain),
        Sentence("Receivers can't see that {outside} may send for {domain}.", outside=setup.outside, domain=domain),
        "Set this record.",
        DnsRecord.txt(domain, f"v=spf1 {_word_for(setup)} ~all"),
    )


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
            "spf-broken",
            _FAULT,
            Sentence("The SPF record of {domain} is broken", domain=domain),
            Sentence("{fault} Receivers then use none of it.", fault=fault),
            "Correct or take out this part of the record.",
        )
    if found.asking > MOST_ASKING:
        yield Finding(
            "spf-too-many-lookups",
            _FAULT,
            Sentence("The SPF record of {domain} takes too many look-ups", domain=domain),
            Sentence(
                "It takes {asking}, with all that it includes; receivers stop at {most_asking} and then use none of "
                "it.",
                asking=found.asking,
                most_asking=MOST_ASKING,
            ),
            "Take out what does not send any more; put networks (ip4:, ip6:) in place of a: and mx.",
        )
    elif found.asking > _NEAR:
        yield Finding(
            "spf-near-limit",
            _WARNING,
            Sentence("The SPF record of {domain} is near the limit of look-ups", domain=domain),
            Sentence(
                "It takes {asking} of {most_asking}. Whoever is included may add one at any time.",
                asking=found.asking,
                most_asking=MOST_ASKING,
            ),
            "Take out what does not send any more.",
        )
    yield from _end(setup, found)
    if found.deprecated:
        yield Finding(
            "spf-ptr",
            _WARNING,
            Sentence("The SPF record of {domain} uses ptr", domain=domain),
            "It is slow, unsure, and some receivers pass over it (RFC 7208, 5.5).",
            "Name networks or hosts instead.",
        )
    if found.trouble:
        yield _unasked("spf-trouble", "SPF", domain, found.trouble)


def _end(setup: Setup, found: Survey) -> Iterator[Finding]:
    """What the record says of everybody whom it does not name."""
    domain = setup.envelope_domain
    if found.all == "+":
        yield Finding(
            "spf-allows-all",
            _FAULT,
            Sentence("The SPF record of {domain} allows everybody to send", domain=domain),
            "It ends in +all, so it proves nothing, and some receivers take it as a sign of spam.",
            "Write ~all.",
            _ended(setup, found),
        )
    elif found.all in ("", "?") and not found.trouble and not found.faults:
        yield Finding(
            "spf-no-end",
            _WARNING,
            Sentence("The SPF record of {domain} does not say who may not send", domain=domain),
            "Without ~all or -all at its end, mail from any other server is as good.",
            "Put ~all at its end.",
            _ended(setup, found),
        )


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
            "spf-covers",
            _OK,
            Sentence("SPF covers {outside}", outside=setup.outside),
            Sentence("The record of {domain} names its servers: {text}", domain=domain, text=text),
        )
    elif seen.covered is False:
        yield Finding(
            "spf-lacks-provider",
            _FAULT,
            Sentence("SPF does not cover {outside}", outside=setup.outside),
            Sentence("The record of {domain} does not name its servers: {text}", domain=domain, text=text),
            "Change it to this.",
            None if seen.survey.faults else _with_word(setup, text),
        )
    elif not seen.verdicts:
        yield _unknown_origin(setup, text)
    else:
        yield from _addresses(setup, seen, text)


def _unknown_origin(setup: Setup, text: str) -> Finding:
    return Finding(
        "spf-unknown-origin",
        _INFO,
        "From where the mail comes in the end is not known here",
        Sentence(
            "{outside} hands it on, and no public address of it is known. The record of {envelope_domain} is: {text}",
            outside=setup.outside,
            envelope_domain=setup.envelope_domain,
            text=text,
        ),
        "Give the public addresses from which it sends, to have them checked.",
    )


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
        yield Finding(
            "spf-covers",
            _OK,
            Sentence("SPF covers {good}", good=", ".join(good)),
            Sentence("The record of {domain} is: {text}{sure}", domain=domain, text=text, sure=sure),
        )
    if not bad:
        return
    said = "; ".join(
        f"{address}: {verdict.result}{f' ({verdict.why})' if verdict.why else ''}" for address, verdict in bad.items()
    )
    maybe = (
        ""
        if seen.told
        else Sentence(" These are the addresses of {host}; mail may leave from others in the end.", host=setup.host)
    )
    hopeless = any(verdict.result is Result.PERMERROR for verdict in bad.values())
    yield Finding(
        "spf-lacks-address",
        _FAULT if seen.told else _WARNING,
        Sentence("SPF does not cover {bad}", bad=", ".join(bad)),
        Sentence(
            "What receivers find with the record of {domain}: {said}.{maybe}", domain=domain, said=said, maybe=maybe
        ),
        "Mend the record first." if hopeless else "Change it to this.",
        None if hopeless else _with_word(setup, text),
    )


def _unasked(finding: str, what: str, domain: str, why: str) -> Finding:
    return Finding(
        finding,
        _WARNING,
        Sentence("{what} of {domain} could not be looked up", what=what, domain=domain),
        why,
        "Check again later. If it stays so: the domain's name servers, or ours (dns_servers), do not answer.",
    )


# -- DKIM -------------------------------------------------------------------------------------------------------------


def _dkim(setup: Setup, seen: DkimSeen) -> Iterator[Finding]:
    for key, sight in seen.own:
        yield _own_key(key, sight)
    for name, found in seen.others:
        if found.fault:
            yield Finding(
                "dkim-provider-broken",
                _WARNING,
                Sentence("A DKIM key of {outside} is broken", outside=setup.outside),
                Sentence("The record {name} {fault}.", name=name, fault=found.fault),
                Sentence("Take the record anew from {outside}.", outside=setup.outside),
            )
        elif found.algorithm == "rsa" and found.bits < _WEAK_BITS:
            yield Finding(
                "dkim-weak",
                _INFO,
                "A DKIM key is short",
                Sentence("The record {name} holds a key of {bits} bits.", name=name, bits=found.bits),
                Sentence("Let {outside} make one of {weak_bits} bits.", outside=setup.outside, weak_bits=_WEAK_BITS),
            )
    good = [name for name, found in seen.others if not found.fault]
    if good:
        yield Finding(
            "dkim-provider",
            _OK,
            Sentence(
                "{outside} has a DKIM key for {from_domain}", outside=setup.outside, from_domain=setup.from_domain
            ),
            Sentence("Found: {good}. Whether it signs with it, only a received mail shows.", good=", ".join(good)),
        )
    if not good and not any(key.signs for key, _ in seen.own):
        yield _unsigned(setup, seen)


def _own_key(key: DkimKey, seen: Seen) -> Finding:
    record = record_of(key)
    if seen.sight is Sight.UNKNOWN:
        return _unasked("dkim-trouble", "The DKIM key", key.name, seen.words)
    if key.state is DkimState.ACTIVE and seen.sight is Sight.RIGHT:
        return Finding("dkim-signs", _OK, Sentence("Postroom signs for {domain}", domain=key.domain), seen.words)
    if key.state is DkimState.WAITING:
        right = seen.sight is Sight.RIGHT
        return Finding(
            "dkim-waiting",
            _WARNING,
            Sentence("A DKIM key of {domain} does not sign yet", domain=key.domain),
            seen.words,
            Sentence("Run: postroom dkim check {key}", key=key.name) if right else "Set this record.",
            None if right else record,
        )
    return Finding(
        "dkim-record-gone",
        _FAULT,
        Sentence("The record of a DKIM key of {domain} is gone", domain=key.domain),
        seen.words,
        "Set this record again.",
        record,
    )


def _unsigned(setup: Setup, seen: DkimSeen) -> Finding:
    if seen.trouble:
        return _unasked("dkim-trouble", "DKIM", setup.from_domain, seen.trouble)
    where = (
        Sentence(", and none of {outside} was found", outside=setup.outside)
        if setup.origin is not None and setup.origin.selectors
        else ""
    )
    return Finding(
        "dkim-none",
        _WARNING,
        Sentence("No signature is known for {from_domain}", from_domain=setup.from_domain),
        Sentence("Postroom has no DKIM key that signs for it{where}. Large receivers want one.", where=where),
        Sentence("Run: postroom dkim add {from_domain}{setup}", from_domain=setup.from_domain, setup=_or_there(setup)),
    )


def _or_there(setup: Setup) -> str:
    return (
        Sentence("; or have {origin} sign for the domain.", origin=setup.origin.name)
        if setup.origin is not None
        else ""
    )
