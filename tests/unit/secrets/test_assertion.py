"""An application's key signs what its provider can check; a wrong one is told in words that show none of it."""

from __future__ import annotations

import asyncio
import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from postroom.clock import now_ms
from postroom.deliver.tokens import Tokens, fetch
from postroom.model.account import Account, Login
from postroom.model.grant import OAuth2Flow, OAuth2Provider
from postroom.model.tenant import INSTALLATION
from postroom.secrets import Secret
from postroom.secrets.assertion import BadKey, read_key
from tests.rigs.provider import CLIENT, Provider

RSA = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=365))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def account(provider: Provider, flow: OAuth2Flow) -> Account:
    return Account(
        1,
        INSTALLATION,
        "main",
        "h.example",
        587,
        login=Login.OAUTH2,
        user="ann@example.test",
        oauth2_provider=OAuth2Provider.CUSTOM,
        oauth2_flow=flow,
        oauth2_client_id=CLIENT,
        oauth2_token_url=provider.token_url,
        oauth2_scope="smtp",
    )


@pytest.mark.parametrize("key", [RSA, CURVE], ids=["rsa", "p-256"])
def test_a_certificate_proves_the_application(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    with Provider() as provider:
        provider.public_key = key.public_key()
        proof = Secret(pem(key) + certificate(key))
        asked = account(provider, OAuth2Flow.CLIENT_CREDENTIALS)
        found = asyncio.run(fetch(asked, proof, None, now_ms(), "once"))
        assert isinstance(found, Tokens), found
        assert provider.claims[0]["jti"] == "once"
        assert provider.claims[0]["header"]["x5t#S256"]
    assert read_key(proof).expires_ms is not None


def test_a_service_account_speaks_for_its_mailbox() -> None:
    with Provider() as provider:
        provider.public_key = RSA.public_key()
        told = {"private_key": pem(RSA), "client_email": "svc@project.test", "private_key_id": "k1"}
        asked = account(provider, OAuth2Flow.SERVICE_ACCOUNT)
        found = asyncio.run(fetch(asked, Secret(json.dumps(told)), None, now_ms(), "once"))
        assert isinstance(found, Tokens), found
        claims = provider.claims[0]
        assert (claims["iss"], claims["sub"], claims["scope"]) == ("svc@project.test", "ann@example.test", "smtp")
        assert claims["header"]["kid"] == "k1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "can't be read"),
        ("{}", "no private_key"),
        ("-----BEGIN CERTIFICATE-----", "no private key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "can't be read"),
        (pem(CURVE) + certificate(RSA), "does not belong"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (pem(rsa.generate_private_key(65537, 1024)), "2048"),
    ],
)
def test_what_is_no_key_is_told_in_words(text: str, words: str) -> None:
    with pytest.raises(BadKey) as bad:
        read_key(Secret(text))
    assert words in bad.value.problem
    assert bad.value.mend
