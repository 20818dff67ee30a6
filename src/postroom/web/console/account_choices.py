"""What can be chosen in the form of an account: each field's values, in words."""

from __future__ import annotations

from dataclasses import dataclass

from postroom.model.account import AddressTag, CertificateCheck, CredentialSource, Encryption, Login, default_port
from postroom.model.grant import OAuth2Flow, OAuth2Provider
from postroom.web.console.words import N_

__all__ = ["CHECKS", "ENCRYPTIONS", "FLOWS", "LOGINS", "PROVIDERS", "SOURCES", "TAGS", "Choice"]


@dataclass(frozen=True, slots=True)
class Choice:
    """`follows`: what another field becomes with this choice, while nobody typed another value there."""

    value: str
    text: str
    sentence: str = ""
    follows: str = ""


ENCRYPTIONS = (
    Choice(
        Encryption.STARTTLS,
        N_("STARTTLS"),
        N_("Begins in clear and is encrypted before anything is said. Usual with port 587."),
        str(default_port(Encryption.STARTTLS)),
    ),
    Choice(
        Encryption.TLS,
        N_("TLS from the start"),
        N_("Many call it SSL. Usual with port 465."),
        str(default_port(Encryption.TLS)),
    ),
    Choice(
        Encryption.NONE,
        N_("Not encrypted"),
        N_("Only for a server on this machine or in a network you trust. Usual with port 25."),
        str(default_port(Encryption.NONE)),
    ),
)
LOGINS = (
    Choice(Login.NONE, N_("No login: the server takes mail from this machine")),
    Choice(Login.PASSWORD, N_("User name and password (the strongest way both sides know)")),
    Choice(Login.OAUTH2, N_("OAuth2: with access tokens (Microsoft 365, Google and others)")),
    Choice(Login.KERBEROS, N_("Kerberos: integrated, with a ticket")),
    Choice(Login.NTLM, N_("NTLM: integrated, of Windows")),
    Choice(Login.PLAIN, N_("Password, only PLAIN")),
    Choice(Login.LOGIN, N_("Password, only LOGIN")),
    Choice(Login.CRAM_MD5, N_("Password, only CRAM-MD5")),
    Choice(Login.SCRAM_SHA_1, N_("Password, only SCRAM-SHA-1")),
    Choice(Login.SCRAM_SHA_256, N_("Password, only SCRAM-SHA-256")),
)
SOURCES = (
    Choice(CredentialSource.PASSWORD, N_("User name and password")),
    Choice(CredentialSource.KEYTAB, N_("A keytab of this machine")),
    Choice(CredentialSource.TICKET_CACHE, N_("The tickets of the account this service runs as")),
)
PROVIDERS = (
    Choice(OAuth2Provider.NONE, N_("Choose one")),
    Choice(OAuth2Provider.MICROSOFT, N_("Microsoft 365")),
    Choice(OAuth2Provider.GOOGLE, N_("Google")),
    Choice(OAuth2Provider.CUSTOM, N_("Another provider")),
    Choice(OAuth2Provider.MICROSOFT_US_GOV, N_("Microsoft 365 US Government")),
    Choice(OAuth2Provider.MICROSOFT_US_DOD, N_("Microsoft 365 US DoD")),
    Choice(OAuth2Provider.MICROSOFT_CHINA, N_("Microsoft 365 China (21Vianet)")),
)
FLOWS = (
    Choice(OAuth2Flow.AUTHORIZATION_CODE, N_("Somebody consents once, in the browser")),
    Choice(OAuth2Flow.CLIENT_CREDENTIALS, N_("The application logs in in its own name (Microsoft)")),
    Choice(OAuth2Flow.SERVICE_ACCOUNT, N_("A service account (Google)")),
    Choice(OAuth2Flow.REFRESH_TOKEN, N_("With a refresh token got elsewhere")),
)
TAGS = (
    Choice(AddressTag.OFF, N_("Leave the address as it is")),
    Choice(AddressTag.PLUS, N_("Add it behind a plus: post+…@example.com")),
    Choice(AddressTag.WHOLE, N_("Put it before the @: …@example.com, for a domain that takes mail for any address")),
)
CHECKS = (
    Choice(
        CertificateCheck.VERIFY,
        N_("Check it by the authorities this machine trusts"),
        N_("Right for every public provider."),
    ),
    Choice(
        CertificateCheck.PINNED,
        N_("Trust one certificate that you looked at"),
        N_(
            "For a server with a certificate of its own making. When it shows another one, mail waits and you are told."
        ),
    ),
    Choice(
        CertificateCheck.OWN_CA,
        N_("Check it by your own authority (CA)"),
        N_("For companies that issue their own certificates."),
    ),
    Choice(
        CertificateCheck.IGNORE,
        N_("Ignore certificate errors"),
        N_("The last resort: whoever stands in between can read and change all mail. The warning stays visible."),
    ),
)
