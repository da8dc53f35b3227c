"""Whatever is sent, the answer is declared, fits its declaration, and is never a failure of the house."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from api.app import create_app
from tests.api.fakes import edge
from tests.api.house import Office, build

EXAMPLES = int(os.environ.get("SHAOXIANG_FUZZ_EXAMPLES", "8"))
"""Examples for each operation; the long form sets the variable to some hundreds."""

CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            # A missing If-Match is 428, and what a valid body meets depends on the state of the case.
            "missing_required_header": {"expected-statuses": [400, 401, 403, 406, 415, 422, 428]},
            "positive_data_acceptance": {"expected-statuses": ["2xx", 400, 401, 403, 404, 409, 412, 422, 428]},
        },
        # HTTP lets a client send headers that nobody asked for.
        "generation": {"allow-extra-parameters": False},
    }
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A house with a case in it, so that lists are not empty."""
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    house = build(folder)
    house.closed()
    house.whistled()
    house.house.projector.catch_up()
    yield house
    house.close()


# The OpenAPI is the same whatever lies behind the edge, and collecting tests should open no house. Streams do not end,
# and are left out.
schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(edge()), config=CONFIG).exclude(
    path="/api/v1/events"
)


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_operation_fails_or_answers_what_it_does_not_declare(case: Any, fuzzed: Office) -> None:
    case.call_and_validate(headers=fuzzed.by("command"), app=fuzzed.client.app)
