"""With few file descriptors the API has priority, and no receiver is blamed for the shortage."""

import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from breakwater.core.egress.reqwest.client_pool import IDLE_SECONDS
from tests.processes import ROOT, ReceiverProcess, Service, clean_environment, eventually, running_service

OURS = ("descriptor", "run out", "too many open files", "local_shortage")
"""Words of our own shortages, which no circuit and no attempt may name."""


def limit_descriptors(folder: Path, limit: int) -> None:
    """Let processes with `folder` in PYTHONPATH begin with this limit, which they cannot raise."""
    (folder / "sitecustomize.py").write_text(
        f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))\n", encoding="utf-8"
    )


@contextmanager
def limited_service(folder: Path, limit: int) -> Iterator[Service]:
    """Run a service as after `ulimit -n LIMIT`: it cannot raise the limit."""
    limit_descriptors(folder, limit)
    with running_service(folder, environment={"PYTHONPATH": f"{folder}:{ROOT}"}) as service:
        yield service


@contextmanager
def hanging_receiver() -> Iterator[str]:
    """Listen without ever accepting: connections are established, and no request gets a response."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def assert_responds(service: Service, times: int, *, within: float) -> None:
    """Check that each of so many new connections to the API gets a response."""
    for _ in range(times):
        started = time.monotonic()
        response = httpx.get(f"{service.url}/health/live", timeout=within, trust_env=False)
        assert response.status_code == 200
        assert time.monotonic() - started < within


def open_circuits(service: Service) -> list[str]:
    """Return the open circuits as text."""
    circuits = service.api.get("/circuits", params={"limit": 200}).json()["items"]
    return [str(circuit) for circuit in circuits if circuit["state"] != "closed"]


def deliveries(service: Service, **filters: str) -> list[dict[str, Any]]:
    """Return the newest deliveries that match."""
    items: list[dict[str, Any]] = service.api.get("/deliveries", params={"limit": "50", **filters}).json()[
        "items"
    ]
    return items


@pytest.mark.parametrize(("limit", "hanging", "messages"), [(128, 3, 40), (256, 200, 1)])
def test_hanging_endpoints_exhaust_no_descriptors_of_the_api_and_of_healthy_endpoints(
    limit: int, hanging: int, messages: int, tmp_path: Path, receiver: ReceiverProcess
) -> None:
    with hanging_receiver() as url, limited_service(tmp_path, limit) as service:
        slow = [service.endpoint(f"{url}/{number}", timeout_seconds=4) for number in range(hanging)]
        healthy = service.endpoint(f"{receiver.url}/healthy")
        for number in range(messages):
            for endpoint_id in slow:
                service.send({"n": number}, endpoint_ids=[endpoint_id])
        accepted = [service.send({"n": number}, endpoint_ids=[healthy]) for number in range(10)]
        assert_responds(service, 30, within=2.0)
        for message in accepted:
            delivery = service.delivery_once(message["deliveries"][0]["id"], "delivered", within=60)
            assert [attempt["failure_class"] for attempt in delivery["attempts"]] == [None]
        assert_responds(service, 30, within=2.0)
        timed_out = eventually(lambda: deliveries(service, **{"class": "timeout"}), within=20)
        for delivery in timed_out[:5]:
            attempts = service.delivery(delivery["id"])["attempts"]
            assert {attempt["failure_class"] for attempt in attempts} == {"timeout"}
        assert deliveries(service, **{"class": "local_shortage"}) == []
        assert "shortage.began" not in service.printed
        assert service.api.get(f"/circuits/{healthy}").json()["state"] == "closed"
        assert not [circuit for circuit in open_circuits(service) if any(word in circuit for word in OURS)]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process can be set on Linux only")
def test_deliveries_of_a_running_service_outlive_a_time_without_descriptors(
    service: Service, receiver: ReceiverProcess
) -> None:
    endpoint_id = service.endpoint(
        f"{receiver.url}/hook", circuit={"failure_threshold": 1}, retry={"delays": [600], "jitter": 0}
    )
    first = service.send({"n": 0}, endpoint_ids=[endpoint_id])["deliveries"][0]["id"]
    service.delivery_once(first, "delivered")
    for _ in range(round(IDLE_SECONDS) + 1):  # the connection to the receiver ends, that to the API does not
        time.sleep(1)
        service.delivery(first)
    soft, hard = resource.prlimit(service.popen.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(service.popen.pid, resource.RLIMIT_NOFILE, (3, hard))
    try:
        # The API is used over the connection that is open already.
        sent = [service.send({"n": n}, endpoint_ids=[endpoint_id])["deliveries"][0]["id"] for n in (1, 2, 3)]
        eventually(lambda: deliveries(service, **{"class": "local_shortage"}))
        waiting = service.delivery(sent[0])
        assert (waiting["status"], waiting["attempts"]) == ("pending", [])
        assert "Breakwater has run out of file descriptors" in waiting["error"]
        ready = service.api.get(f"{service.url}/health/ready")
        assert (ready.status_code, len(ready.json()["notices"])) == (200, 1)
    finally:
        resource.prlimit(service.popen.pid, resource.RLIMIT_NOFILE, (soft, hard))
    for delivery_id in sent:
        attempts = service.delivery_once(delivery_id, "delivered", within=30)["attempts"]
        assert [attempt["failure_class"] for attempt in attempts] == [None]
    assert service.api.get(f"/circuits/{endpoint_id}").json()["state"] == "closed"
    assert len(receiver.received("/hook")) == 4


def test_a_service_with_reduced_limits_reports_them(tmp_path: Path) -> None:
    with limited_service(tmp_path, 128) as service:
        adjusted = next(line for line in service.printed.splitlines() if "limits.adjusted" in line)
        assert json.loads(adjusted)["max_in_flight"] == 36
        (notice,) = httpx.get(f"{service.url}/health/ready", trust_env=False).json()["notices"]
        assert notice in adjusted
        assert notice.startswith("At most 36 attempts run concurrently instead of 4,096")


def test_the_doctor_reports_a_small_limit(tmp_path: Path) -> None:
    limit_descriptors(tmp_path, 128)
    environment = clean_environment(PYTHONPATH=f"{tmp_path}:{ROOT}", COLUMNS="400")
    completed = subprocess.run(
        [sys.executable, "-m", "breakwater", "doctor"],
        cwd=tmp_path,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "At most 36 attempts run concurrently instead of 4,096" in completed.stdout


def test_a_service_with_enough_descriptors_reports_no_limit(service: Service) -> None:
    assert "limits.adjusted" not in service.printed
    assert httpx.get(f"{service.url}/health/ready", trust_env=False).json()["notices"] == []
