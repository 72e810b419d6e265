"""Hostile receivers, and half of the endpoints without a response: the benchmarks with fewer deliveries."""

from pathlib import Path

import pytest

from bench.hostile_receivers import attack
from tests.processes import ReceiverProcess, Service, eventually


@pytest.mark.slow
def test_hostile_receivers_use_little_memory_and_no_attempt_exceeds_its_deadline(tmp_path: Path) -> None:
    figures = {row.name: row for row in attack(tmp_path, request_count=30)}
    assert [row for row in figures.values() if row.hurt(30)] == []
    for name in ("honest", "gzip bombs", "endless bodies", "bodies that stop"):
        assert figures[name].outcomes == {"delivered": 30}
    for name in ("silence", "headers byte by byte"):
        assert figures[name].outcomes == {"timeout": 30}


@pytest.mark.slow
def test_lanes_full_of_hanging_attempts_do_not_delay_other_lanes(
    service: Service, receiver: ReceiverProcess
) -> None:
    for number in range(20):
        service.endpoint(f"{receiver.url}/hanging/{number}", event_types=["hang"])
        service.endpoint(f"{receiver.url}/steady/{number}", event_types=["well"])
    for _ in range(20):
        service.send(event_type="hang")
    eventually(lambda: receiver.control.get("/stats").json()["/hanging/0"]["in_flight"] == 20)
    for _ in range(20):
        for delivery in service.send(event_type="well")["deliveries"]:
            service.delivery_once(delivery["id"], "delivered", within=5)
    assert receiver.control.get("/stats").json()["/hanging/0"]["in_flight"] > 0
