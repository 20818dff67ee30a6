"""Asking an identity provider for tokens: one question in the words of each flow, over `wire.http`, and through the
account's connector where it has one: who can't reach the mail server from here can't reach its provider either, and
providers have rules about where a question comes from.

It decides nothing and keeps nothing: who may ask now, and what is kept, is the caller's business. What is sent is
secret and so is what comes back; an answer that repeats some of it in its reasons gets that blanked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from postroom.model.account import Account
from postroom.model.attempt import Failure, Result
from postroom.model.grant import OAuth2Flow
from postroom.model.tenant import INSTALLATION
from postroom.policy.providers import Endpoints, endpoints
from postroom.policy.token import Issued, no_token, read_answer
from postroom.secrets import Secret, blank
from postroom.secrets.assertion import BadKey, is_key, read_key, signed
from postroom.wire import sightings
from postroom.wire.dial import Way
from postroom.wire.guard import allow_all, refuse_internal
from postroom.wire.http import HttpQuestion, NoAnswer, ask

__all__ = ["Code", "Tokens", "fetch"]

_SECONDS = 20.0
_MOST_BODY = 65_536
_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_OUR_FAULT = frozenset(
    {
        Failure.FORBIDDEN_ADDRESS,
        Failure.UNWRITABLE,
        Failure.CERTIFICATE,
        Failure.NAME,
        Failure.CONNECTOR_ADDRESS,
        Failure.CONNECTOR_LOGIN,
        Failure.CONNECTOR_FORBIDS,
        Failure.CONNECTOR_KEY,
    }
)
"""What waiting alone does not mend."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code that a person's consent gave, with what proves that we began it (RFC 7636)."""

    code: Secret
    verifier: Secret
    redirect_url: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires_ms`: of the access token, ms UTC by our clock. `refresh` is None where none came."""

    access: Secret
    refresh: Secret | None
    expires_ms: int


async def fetch(
    account: Account, proof: Secret | None, have: Code | Secret | None, now_ms: int, nonce: str, via: Way | None = None
) -> Tokens | Result:
    """Asks once. `proof`: the application's secret or key, None for one without; `have`: a code, or a refresh token.

    `via`: the way through the account's connector.
    """
    found = endpoints(account)
    try:
        form = _form(account, found, proof, have, now_ms, nonce)
    except BadKey as bad:
        return no_token(Failure.GRANT, f"The application's key {bad.problem} {bad.mend}")
    question = HttpQuestion(
        found.token_url,
        "POST",
        (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")),
        urlencode(form).encode("ascii"),
        seconds=_SECONDS,
        max_body=_MOST_BODY,
    )
    ours = account.tenant_id == INSTALLATION
    answer = await ask(question, guard=allow_all if ours else refuse_internal, plain_on_loopback=ours, via=via)
    if isinstance(answer, NoAnswer):
        failure = Failure.GRANT if answer.failure in _OUR_FAULT else Failure.GRANT_LATER
        return no_token(failure, f"The token URL can't be asked: {answer.detail}")
    if ours:
        sightings.note(urlsplit(found.token_url).hostname or "", answer.header("date"))
    issued = read_answer(answer.status, answer.body)
    if isinstance(issued, Issued):
        refresh = Secret(issued.refresh) if issued.refresh else None
        return Tokens(Secret(issued.access), refresh, now_ms + issued.seconds * 1000)
    secrets = [Secret(value) for name, value in form.items() if name in _SECRET_FIELDS]
    return no_token(issued.failure or Failure.GRANT, blank(issued.text, secrets))


_SECRET_FIELDS = frozenset(
    {"client_secret", "client_assertion", "assertion", "refresh_token", "code", "code_verifier"}  # what may be repeated
)


def _form(
    account: Account, found: Endpoints, proof: Secret | None, have: Code | Secret | None, now_ms: int, nonce: str
) -> dict[str, str]:
    """The question. Raises BadKey."""
    if account.oauth2_flow is OAuth2Flow.SERVICE_ACCOUNT:
        return _service_account(account, found, proof, now_ms, nonce)
    form = {"client_id": account.oauth2_client_id, **_asked(found, have)}
    if proof is not None and is_key(proof):
        claims = {"iss": account.oauth2_client_id, "sub": account.oauth2_client_id, "aud": found.token_url}
        form["client_assertion_type"] = _ASSERTION
        form["client_assertion"] = signed(read_key(proof), claims, found.signature, now_ms, nonce)
    elif proof is not None:
        form["client_secret"] = proof.reveal()
    return form


def _asked(found: Endpoints, have: Code | Secret | None) -> Mapping[str, str]:
    if isinstance(have, Code):  # RFC 6749, 4.1.3
        return {
            "grant_type": "authorization_code",
            "code": have.code.reveal(),
            "redirect_uri": have.redirect_url,
            "code_verifier": have.verifier.reveal(),
        }
    if have is not None:  # RFC 6749, 6
        return {"grant_type": "refresh_token", "refresh_token": have.reveal()}
    return {"grant_type": "client_credentials", **({"scope": found.scope} if found.scope else {})}  # RFC 6749, 4.4


def _service_account(
    account: Account, found: Endpoints, proof: Secret | None, now_ms: int, nonce: str
) -> dict[str, str]:
    """RFC 7523, 2.1, as Google wants it: for the mailbox (`sub`) in the name of the service account (`iss`)."""
    if proof is None:
        raise BadKey("is missing.", "Paste the JSON file of the service account's key as the account's secret.")
    key = read_key(proof)
    claims = {
        "iss": key.issuer or account.oauth2_client_id,
        "sub": account.user,
        "aud": found.token_url,
        "scope": found.scope,
    }
    return {"grant_type": _BEARER, "assertion": signed(key, claims, found.signature, now_ms, nonce)}
