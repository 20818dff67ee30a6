"""The document against the door: requests made from it, good ones and bad ones, and each answer as it promises.

Schemathesis makes the requests, the same ones in every run. POSTROOM_EXAMPLES asks for more than the few of each
operation that a quick run has time for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from tests.doors.api_rig import Api, open_api
from tests.doors.test_api_document import DOCUMENT, Things

EXAMPLES = int(os.environ.get("POSTROOM_EXAMPLES", "4"))
PROMISED = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
NOT_NOW = (501, 503)
"""What this very installation can't do: that is said so, and is no failure."""

schema: Any = schemathesis.openapi.from_dict(DOCUMENT).exclude(
    operation_id=["check_provider", "begin_by_provider", "look_at_certificate", "test_connector", "discover"]
)
"""Without those that go out and ask a server: nothing of these tests leaves this machine."""
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@schemathesis.serializer("message/rfc822", "application/x-ndjson")
def _as_it_is(context: Any, value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


class House:
    """A door that only these requests use: they change and delete what they find."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.session = requests.Session()
        self.session.trust_env = False
        self.key = api.key(INSTALLATION, Scope.ADMIN)
        self.things = Things(api.boss)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_api(tmp_path_factory.mktemp("schemathesis"), instant_seconds=0.1) as api:
        found = House(api)
        yield found
        found.session.close()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_was_promised(case: Any, house: House) -> None:
    """No 5xx, and no status, type or shape that the document does not tell of: for ids that exist and others."""
    asked(case, house)
    if case.path_parameters:
        case.path_parameters = {name: quote(house.things.names[name]) for name in case.path_parameters}
        asked(case, house)


def asked(case: Any, house: House) -> None:
    answer = case.call(base_url=house.api.server.url, headers=house.headers, session=house.session)
    assert answer.status_code < 500 or answer.status_code in NOT_NOW, answer.text
    case.validate_response(answer, checks=PROMISED)
