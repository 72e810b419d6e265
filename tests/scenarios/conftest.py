"""Scenarios: the real service and the real receiver as processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ReceiverProcess, Service, running_receiver, running_service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything below this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.scenario)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of its own for each test; loopback endpoints are allowed."""
    with running_service(tmp_path) as service:
        yield service


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiverProcess]:
    """A receiver of its own for each test."""
    with running_receiver(tmp_path) as receiver:
        yield receiver
