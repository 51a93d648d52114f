"""Whatever a program sends to the API, valid or not: an answer that the description allows, and never a fault of ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.console.consoles import Console, alert

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Any:
    console = Console(
        tmp_path_factory.mktemp("fuzzed"),
        [alert(number) for number in range(60)],
        hosts=frozenset({"testserver"}),
    )
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", console.app)


def test_no_request_makes_the_api_fail(described: Any) -> None:
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) >= 9
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for operation in operations:
            _asked(operation, mode)


def _asked(operation: Any, mode: GenerationMode) -> None:
    @settings(
        max_examples=25,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    ask()
