"""The OpenAPI document, and the service held against it by Schemathesis with good and bad requests of its making."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import KEY, clean_environment, running_service
from tests.web.running_app import RunningApp

NOT_IN_A_SCHEMA = (
    "list_deliveries",  # cursors and times
    "list_endpoints",  # cursors
    "audit",  # cursors
    "replay_results",  # cursors
    "create_endpoint",  # which addresses may be called
    "change_endpoint",  # the same
    "accept_message",  # the same, and keys that stand for another message
    "list_circuits",  # cursors
    "hold_circuit",  # times that have passed
    "create_replay",  # the same, and one replay at a time
)
"""Operations that rightly refuse some requests that fit their schema: what is accepted there, no schema can say."""


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


@pytest.mark.slow
@pytest.mark.parametrize("positive", [True, False])
def test_the_service_keeps_to_its_document(tmp_path: Path, positive: bool) -> None:
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
