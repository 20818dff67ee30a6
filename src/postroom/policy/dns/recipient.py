"""Whether a recipient's domain takes mail at all: MX, null MX (RFC 7505), or an address (RFC 5321, 5.1)."""

from __future__ import annotations

from postroom.model.dns import Finding, Severity
from postroom.policy.dns.question import Asking, Question
from postroom.sentence import Sentence

__all__ = ["examine_recipient"]

_MOST_SHOWN = 5


def examine_recipient(domain: str) -> Asking[Finding]:
    """One finding: what is to be said of mail to this domain."""
    mx = yield Question(domain, "MX")
    if mx.trouble:
        return _trouble(domain, mx.trouble)
    hosts = [host for _, host in sorted(mx.mx) if host]
    if mx.mx and not hosts:
        return Finding(
            "recipient-null-mx",
            Severity.FAULT,
            Sentence("{domain} takes no mail", domain=domain),
            "It says so itself, by a null MX (RFC 7505).",
            "Ask the recipient for another address.",
        )
    if hosts:
        shown = ", ".join(hosts[:_MOST_SHOWN]) + (" …" if len(hosts) > _MOST_SHOWN else "")
        return Finding(
            "recipient-ok",
            Severity.OK,
            Sentence("{domain} takes mail", domain=domain),
            Sentence("Its mail servers are {shown}.", shown=shown),
        )
    four, six = (yield Question(domain, "A")), (yield Question(domain, "AAAA"))
    if four.addresses or six.addresses:
        return Finding(
            "recipient-no-mx",
            Severity.INFO,
            Sentence("{domain} has no mail server of its own (MX)", domain=domain),
            "Mail goes to the address of the domain itself, which may not take any.",
        )
    if four.trouble or six.trouble:
        return _trouble(domain, four.trouble or six.trouble)
    known = mx.exists or four.exists or six.exists
    what = "It is in the DNS, but with neither a mail server nor an address." if known else "It is not in the DNS."
    return Finding(
        "recipient-no-domain",
        Severity.FAULT,
        Sentence("Mail can't be sent to {domain}", domain=domain),
        what,
        "Check how the address is spelled.",
    )


def _trouble(domain: str, why: str) -> Finding:
    return Finding(
        "recipient-trouble",
        Severity.WARNING,
        Sentence("{domain} could not be looked up", domain=domain),
        why,
        "Check again later.",
    )
