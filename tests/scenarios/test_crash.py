"""The service is killed or stopped under load: no accepted message is lost."""

import asyncio
import signal
import sqlite3
import time
from pathlib import Path

import httpx
import pytest

from bench._load import Sent, messages, send_all
from tests.processes import ReceiverProcess, Service, eventually, running_service

EVENT = "crash.test"


def send_messages(service: Service, count: int) -> Sent:
    """Send messages and return which were accepted."""
    return asyncio.run(send_all(service.url, service.key, messages(count, [EVENT]), connections=16))


def nothing_is_left(service: Service) -> bool:
    """Return whether no delivery is pending or in flight."""
    return not any(
        service.api.get("/deliveries", params={"status": status, "limit": 1}).json()["items"]
        for status in ("pending", "in_flight")
    )


def delivered_message_ids(folder: Path) -> set[str]:
    """Return the messages with a delivered delivery in the database file."""
    with sqlite3.connect(folder / "breakwater.db") as database:
        rows = database.execute("SELECT message_id FROM deliveries WHERE state = 'delivered'").fetchall()
    return {row[0] for row in rows}


def integrity(folder: Path) -> str:
    """Return the result of the integrity check."""
    with sqlite3.connect(folder / "breakwater.db") as database:
        result: str = database.execute("PRAGMA integrity_check").fetchone()[0]
    return result


@pytest.mark.slow
def test_kill_9_with_a_thousand_accepted_messages_loses_none(
    tmp_path: Path, receiver: ReceiverProcess
) -> None:
    with running_service(tmp_path, attempt_timeout_seconds=3) as service:
        service.endpoint(f"{receiver.url}/slow?ms=400", event_types=[EVENT])
        accepted = set(send_messages(service, 1_000).began)
        service.kill()
    assert len(accepted) == 1_000
    assert len(receiver.received("/slow")) < 1_000
    assert integrity(tmp_path) == "ok"
    receiver.override("/slow", "ms=0")
    with running_service(tmp_path, attempt_timeout_seconds=3) as service:
        eventually(lambda: nothing_is_left(service), within=90, every=0.5)
    assert accepted <= delivered_message_ids(tmp_path)
    assert integrity(tmp_path) == "ok"
    assert {request["webhook_id"] for request in receiver.received("/slow")} >= accepted


def test_sigterm_under_load_loses_nothing_and_repeats_nothing(
    tmp_path: Path, receiver: ReceiverProcess
) -> None:
    with running_service(tmp_path, drain_seconds=10) as service:
        service.endpoint(f"{receiver.url}/slow?ms=300", event_types=[EVENT])
        accepted = set(send_messages(service, 300).began)
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        assert time.monotonic() - began < 13
    with running_service(tmp_path) as service:
        eventually(lambda: nothing_is_left(service), within=60, every=0.2)
    assert accepted <= delivered_message_ids(tmp_path)
    received_ids = [request["webhook_id"] for request in receiver.received("/slow")]
    assert sorted(received_ids) == sorted(accepted)


def test_an_attempt_that_exceeds_the_drain_limit_is_released(
    tmp_path: Path, receiver: ReceiverProcess
) -> None:
    with running_service(tmp_path, drain_seconds=1) as service:
        endpoint_id = service.endpoint(f"{receiver.url}/hanging", event_types=[EVENT])
        delivery_id = service.send(event_type=EVENT)["deliveries"][0]["id"]
        eventually(lambda: receiver.received("/hanging"))
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        assert time.monotonic() - began < 5
    receiver.override("/hanging", "status=200")
    with running_service(tmp_path) as service:
        delivery = service.delivery_once(delivery_id, "delivered")
    assert delivery["endpoint_id"] == endpoint_id


def test_an_open_page_does_not_delay_the_stop(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        headers = {"authorization": f"Bearer {service.key}"}
        with httpx.stream("GET", f"{service.url}/events", headers=headers, timeout=20) as stream:
            assert stream.status_code == 200
            began = time.monotonic()
            service.signal(signal.SIGTERM)
            for _ in stream.iter_bytes():
                pass
        assert service.wait() == 0
        assert time.monotonic() - began < 2


def test_a_second_signal_ends_the_drain_immediately(tmp_path: Path, receiver: ReceiverProcess) -> None:
    with running_service(tmp_path, drain_seconds=60, attempt_timeout_seconds=60) as service:
        service.endpoint(f"{receiver.url}/hanging", event_types=[EVENT])
        service.send(event_type=EVENT)
        eventually(lambda: receiver.received("/hanging"))
        service.signal(signal.SIGINT)
        eventually(lambda: "service.draining" in service.printed)
        service.signal(signal.SIGINT)
        assert service.wait(10) == 130
    assert "Traceback" not in service.printed
