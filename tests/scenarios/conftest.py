"""Scenarios: the service and the receiver as processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ReceiverProcess, Service, running_receiver, running_service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.scenario)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service per test; loopback endpoints are allowed."""
    with running_service(tmp_path) as service:
        yield service


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for a module whose tests use different endpoints and event types."""
    with running_service(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def receiver_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    """One receiver for a module."""
    with running_receiver(tmp_path_factory.mktemp("receiver")) as receiver:
        yield receiver


@pytest.fixture
def receiver(receiver_process: ReceiverProcess) -> ReceiverProcess:
    """A receiver without requests and overrides."""
    receiver_process.control.delete("/control")
    receiver_process.control.delete("/received")
    return receiver_process
