"""A service that is suspended past its leases, as a frozen virtual machine, and resumes."""

import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.processes import ReceiverProcess, eventually, running_service

LEASE_SECONDS = 16.0
"""The deadline of an attempt, here one second, and the grace of fifteen."""
COUNT = 30
PATIENT = {"failure_threshold": 1_000, "minimum_calls": 1_000}
"""A circuit that never opens: attempts that the stop interrupts count as timeouts."""


@pytest.mark.slow
def test_a_service_stopped_past_its_leases_resumes_without_losing_or_recording_anything_twice(
    tmp_path: Path, receiver: ReceiverProcess
) -> None:
    with running_service(tmp_path, attempt_timeout_seconds=1) as service:
        service.endpoint(f"{receiver.url}/slow?ms=500", event_types=["stop.test"], circuit=PATIENT)
        sent = [service.send({"n": n}, event_type="stop.test") for n in range(COUNT)]
        eventually(lambda: receiver.received("/slow"), every=0.01)
        service.signal(signal.SIGSTOP)
        time.sleep(LEASE_SECONDS + 2)
        service.signal(signal.SIGCONT)
        deliveries = [
            service.delivery_once(item["deliveries"][0]["id"], "delivered", within=45) for item in sent
        ]
        assert (
            service.api.post("/messages", json={"event_type": "stop.test", "payload": {}}).status_code == 202
        )
    received = Counter(request["webhook_id"] for request in receiver.received("/slow"))
    for accepted, delivery in zip(sent, deliveries, strict=True):
        classes = [attempt["failure_class"] for attempt in delivery["attempts"]]
        assert classes.count(None) == 1
        assert classes[-1] is None
        assert [item["attempt_number"] for item in delivery["attempts"]] == list(range(1, len(classes) + 1))
        # Every request has a record: success, timeout, or lost (may have been delivered).
        assert received[accepted["id"]] <= len(classes)
    with sqlite3.connect(tmp_path / "breakwater.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
