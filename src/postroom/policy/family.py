"""Which kind of mail server this is: by the name it is reached under, else by how it greets.

The name decides first, because it is ours and a greeting is not. A family only chooses between explanations and the
deeds that go with them; a server that lies about itself gains nothing but wrong advice for its own mail.
"""

from __future__ import annotations

import re

__all__ = ["FAMILIES", "family"]

_DOMAINS = {
    "microsoft365": ("office365.com", "outlook.com", "hotmail.com", "protection.office365.us", "partner.outlook.cn"),
    "google": ("gmail.com", "google.com", "googlemail.com"),
    "sendgrid": ("sendgrid.net", "sendgrid.com"),
    "mailgun": ("mailgun.org", "mailgun.com"),
    "postmark": ("postmarkapp.com",),
    "yandex": ("yandex.com", "yandex.ru", "yandex.net"),
    "zoho": (
        *("zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.jp", "zoho.com.cn", "zoho.sa", "zohomail.com"),
        *("zeptomail.com", "zeptomail.eu", "zeptomail.in"),
    ),
    "yahoo": ("yahoo.com", "yahoodns.net", "aol.com"),
    "icloud": ("mail.me.com", "mail.icloud.com"),
    "brevo": ("brevo.com", "sendinblue.com"),
}
_SES = re.compile(r"email-smtp(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
"""Not every host of Amazon's is SES: people run mail servers of their own there."""
_GREETINGS = {
    "microsoft365": re.compile(r"\.(outlook|office365)\.com Microsoft ESMTP|protection\.outlook\.com", re.IGNORECASE),
    "google": re.compile(r"\bgsmtp\b|\bmx\.google\.com\b", re.IGNORECASE),
    "ses": re.compile(r"\bSimpleEmailService\b|amazonaws\.com ESMTP", re.IGNORECASE),
    "sendgrid": re.compile(r"\bSG ESMTP\b|sendgrid", re.IGNORECASE),
    "mailgun": re.compile(r"\bMailgun\b", re.IGNORECASE),
    "postmark": re.compile(r"\bpostmarkapp\.com\b", re.IGNORECASE),
    "yandex": re.compile(r"\byandex\.(net|ru|com)\b", re.IGNORECASE),
    "zoho": re.compile(r"\bzohomail\.(com|eu|in)\b", re.IGNORECASE),
    "yahoo": re.compile(r"\byahoo(dns)?\.(com|net)\b", re.IGNORECASE),
    "exchange": re.compile(r"Microsoft ESMTP MAIL Service", re.IGNORECASE),
    "postfix": re.compile(r"\bPostfix\b", re.IGNORECASE),
    "exim": re.compile(r"\bExim\b", re.IGNORECASE),
    "dovecot": re.compile(r"\bDovecot\b", re.IGNORECASE),
    "opensmtpd": re.compile(r"\bOpenSMTPD\b", re.IGNORECASE),
    "sendmail": re.compile(r"\bSendmail\b", re.IGNORECASE),
}

FAMILIES = tuple(dict.fromkeys((*_DOMAINS, *_GREETINGS, "imap")))
"""Every family there is, whether or not there are rules for it yet. `imap` are servers that mail is read from, whatever
they are: whoever reads says so himself."""

_MAX_GREETING = 1_000


def family(host: str, greeting: str = "") -> str:
    """A word of `FAMILIES`, or "" when neither tells. `greeting` is the text of the 220 reply."""
    name = host.strip().rstrip(".").lower()
    if _SES.fullmatch(name):
        return "ses"
    for word, domains in _DOMAINS.items():
        if any(name == domain or name.endswith("." + domain) for domain in domains):
            return word
    start = greeting[:_MAX_GREETING]
    for word, pattern in _GREETINGS.items():
        if pattern.search(start):
            return word
    return ""
