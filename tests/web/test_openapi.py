"""The OpenAPI document, and a check of the service against it with generated valid and invalid requests."""

import subprocess
import sys
from pathlib import Path

import pytest

from breakwater.core.domain.states import FailureClass
from breakwater.core.text.outcomes import failure_name
from tests.processes import KEY, clean_environment, running_service
from tests.web.running_app import RunningApp

NOT_IN_A_SCHEMA = (
    "list_deliveries",  # cursors and times
    "list_endpoints",  # cursors
    "audit",  # cursors
    "replay_results",  # cursors
    "create_endpoint",  # addresses that are not allowed
    "change_endpoint",  # the same
    "accept_message",  # the same, and idempotency keys of another message
    "list_circuits",  # cursors
    "hold_circuit",  # times in the past
    "create_replay",  # the same, and one replay at a time
)
"""Operations that refuse some requests that fit their schema, by rules that a schema cannot express."""


async def test_the_document_names_every_operation_once(service: RunningApp) -> None:
    document = (await service.api.get("/schema")).json()
    assert document["openapi"] == "3.1.0"
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids)) > 30
    assert set(NOT_IN_A_SCHEMA) <= set(ids)
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert "application/problem+json" in str(operation["responses"]["401"])


async def test_the_failure_class_filter_lists_every_class_with_its_meaning(service: RunningApp) -> None:
    document = (await service.api.get("/schema")).json()
    parameters = document["paths"]["/api/v1/deliveries"]["get"]["parameters"]
    (parameter,) = (parameter for parameter in parameters if parameter["name"] == "class")
    assert parameter["schema"]["enum"] == [failure_class.value for failure_class in FailureClass]
    for failure_class in FailureClass:
        assert f"{failure_class} ({failure_name(failure_class)})" in parameter["description"]


async def test_deliveries_can_be_filtered_by_every_failure_class(service: RunningApp) -> None:
    for failure_class in FailureClass:
        assert (await service.get("/deliveries", **{"class": failure_class.value}))["items"] == []


@pytest.mark.slow
@pytest.mark.parametrize("positive", [True, False])
def test_the_service_conforms_to_its_openapi_document(tmp_path: Path, positive: bool) -> None:
    only = "--exclude-operation-id" if positive else "--include-operation-id"
    checks = [] if positive else ["--exclude-checks", "positive_data_acceptance"]
    with running_service(tmp_path) as service:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/schema"]
        command += [
            "--header",
            f"Authorization: Bearer {KEY}",
            "--max-examples",
            "10",
            "--seed",
            "7",
            *checks,
        ]
        command += [word for name in NOT_IN_A_SCHEMA for word in (only, name)]
        ran = subprocess.run(  # noqa: S603 - our own service
            command,
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:] + service.printed[-2000:]
