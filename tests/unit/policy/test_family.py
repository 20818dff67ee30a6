"""A server is told by the name it is reached under, else by its greeting; our own name for it is never overruled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.policy.family import FAMILIES, family


@pytest.mark.parametrize(
    ("host", "greeting", "expected"),
    [
        ("smtp.office365.com", "", "microsoft365"),
        ("SMTP.Office365.com.", "", "microsoft365"),
        ("acme-example.mail.protection.outlook.com", "", "microsoft365"),
        ("smtp.gmail.com", "", "google"),
        ("smtp-relay.gmail.com", "", "google"),
        ("aspmx.l.google.com", "", "google"),
        ("email-smtp.eu-west-1.amazonaws.com", "", "ses"),
        ("email-smtp-fips.us-east-1.amazonaws.com", "", "ses"),
        ("ec2-203-0-113-7.compute.amazonaws.com", "mail.acme.example ESMTP Postfix", "postfix"),
        ("smtp.sendgrid.net", "", "sendgrid"),
        ("notgmail.com", "", ""),
        ("gmail.com.attacker.example", "", ""),
        ("mail.acme.example", "mail.acme.example ESMTP Postfix (Debian/GNU)", "postfix"),
        ("mail.acme.example", "mail.acme.example ESMTP Exim 4.96 Fri, 20 Nov 2026", "exim"),
        ("mail.acme.example", "mail.acme.example Dovecot ready.", "dovecot"),
        ("mail.acme.example", "mail.acme.example ESMTP OpenSMTPD", "opensmtpd"),
        ("mail.acme.example", "mail.acme.example ESMTP Sendmail 8.17", "sendmail"),
        ("exchange.acme.local", "EX01.acme.local Microsoft ESMTP MAIL Service ready at Fri", "exchange"),
        ("192.0.2.1", "AM0PR.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready", "microsoft365"),
        ("192.0.2.1", "AM6PR08CA0021.outlook.office365.com Microsoft ESMTP MAIL Service ready", "microsoft365"),
        ("192.0.2.1", "mx.google.com ESMTP 5b1f17b1804b1 - gsmtp", "google"),
        ("192.0.2.1", "email-smtp.amazonaws.com ESMTP SimpleEmailService-d-ABC", "ses"),
        ("192.0.2.1", "SG ESMTP service ready at geopod", "sendgrid"),
        ("smtp.gmail.com", "mail.acme.example ESMTP Postfix", "google"),
        ("mail.acme.example", "", ""),
        ("", "", ""),
    ],
)
def test_a_server_is_told_by_its_name_first(host: str, greeting: str, expected: str) -> None:
    assert family(host, greeting) == expected


@given(st.text(), st.text())
def test_any_text_is_a_family_or_none(host: str, greeting: str) -> None:
    assert family(host, greeting) in ("", *FAMILIES)
