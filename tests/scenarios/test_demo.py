"""`breakwater demo` shows every kind of delivery within a minute."""

import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.processes import end, eventually, start, url_printed_by


def rows(path: Path, query: str) -> set[tuple[object, ...]]:
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as database:
        return set(database.execute(query).fetchall())


def change(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute(statement)


@pytest.mark.slow
def test_retries_of_an_earlier_demo_go_to_the_receiver_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "demo.db"
    command = ["demo", "--port", "0", "--database-url", f"sqlite+aiosqlite:///{path}"]
    waiting = "SELECT id FROM deliveries WHERE state = 'pending' AND attempt_count > 0"
    ports = "SELECT DISTINCT url FROM endpoints WHERE name = 'Stock sync'"
    first = start(command, tmp_path)
    url_printed_by(first, "Breakwater is running.")
    eventually(lambda: len(rows(path, waiting)) >= 3, within=60)
    first.kill()
    left, moved_from = rows(path, waiting), rows(path, ports)
    # Due at the start, and not held by a circuit; one endpoint was renamed.
    change(path, "UPDATE deliveries SET next_attempt_at = 1 WHERE state = 'pending'")
    change(path, "DELETE FROM circuits")
    change(path, "UPDATE endpoints SET name = 'Our CRM' WHERE name = 'Old CRM'")
    second = start(command, tmp_path)
    try:
        url_printed_by(second, "Breakwater is running.")
        still = "SELECT id FROM deliveries WHERE next_attempt_at = 1 AND state = 'pending'"
        eventually(lambda: not left & rows(path, still), within=60)
    finally:
        end(second)
    assert rows(path, ports) != moved_from
    assert rows(path, "SELECT error FROM attempts WHERE failure_class = 'blocked'") == set()
    assert rows(path, "SELECT count(*) FROM endpoints WHERE name IN ('Our CRM', 'Old CRM')") == {(1,)}


@pytest.mark.slow
def test_the_demo_shows_success_retry_failure_and_a_full_circuit_cycle_within_a_minute(
    tmp_path: Path,
) -> None:
    path = tmp_path / "demo.db"
    process = start(["demo", "--port", "0", "--database-url", f"sqlite+aiosqlite:///{path}"], tmp_path)
    try:
        url = url_printed_by(process, "Breakwater is running.")
        began = time.monotonic()

        def within_the_minute(look: Callable[[], bool]) -> None:
            eventually(look, within=60 - (time.monotonic() - began), every=0.5)

        def steps() -> set[tuple[object, ...]]:
            return rows(path, "SELECT from_state, to_state FROM circuit_transitions")

        within_the_minute(
            lambda: ("delivered",) in rows(path, "SELECT state FROM deliveries WHERE attempt_count = 1")
        )
        within_the_minute(
            lambda: ("delivered",) in rows(path, "SELECT state FROM deliveries WHERE attempt_count > 1")
        )
        within_the_minute(lambda: ("failed",) in rows(path, "SELECT state FROM deliveries"))
        within_the_minute(
            lambda: {("closed", "open"), ("open", "half_open"), ("half_open", "closed")} <= steps()
        )
        key = re.search(r"bw_\S{30,}", process.printed)
        assert key
        circuits = httpx.get(f"{url}/api/v1/circuits", headers={"authorization": f"Bearer {key[0]}"})
        assert circuits.status_code == 200
    finally:
        end(process)
    assert process.wait() == 0
    assert "Traceback" not in process.printed
