"""The database cannot be written for some time: 503 instead of a false 202, results are written later, no restart."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bench._crash_load import Load
from tests.processes import ReceiverProcess, Service, eventually, running_service

EVENT = "fault.test"
IN_FLIGHT = 20
"""Deliveries whose responses arrive while the database is unavailable."""
LOCKED_SECONDS = float(os.environ.get("LOCKED_SECONDS", "10"))
"""How long the other program holds its lock. docs/reliability.md uses 60, longer than a lease."""
PAGES = ("/", "/deliveries", "/endpoints", "/circuits")

Fault = Callable[[Path], AbstractContextManager[None]]
"""Breaks the database in this folder within its block."""


@pytest.fixture(scope="session")
def faulty_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the library that makes disk operations fail."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler, with which to make a disk that fails; on Debian: apt-get install gcc")
    library = tmp_path_factory.mktemp("disk") / "faulty_disk.so"
    source = Path(__file__).with_name("faulty_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)  # noqa: S603 - our own source
    return library


@pytest.fixture
def service(tmp_path: Path, faulty_disk: Path) -> Iterator[Service]:
    disk = {"LD_PRELOAD": str(faulty_disk), "DISK_FAULT": str(tmp_path / "fault")}
    with running_service(tmp_path, environment=disk) as service:
        yield service


def disk(fault: str) -> Fault:
    @contextmanager
    def broken(folder: Path) -> Iterator[None]:
        switch = folder / "fault"
        switch.write_text(fault)
        yield
        switch.unlink()

    return broken


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let another program hold the lock, as a shell with an open transaction does."""
    other = sqlite3.connect(folder / "breakwater.db", isolation_level=None)
    other.execute("PRAGMA wal_autocheckpoint=0")
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    # The last user of the database would checkpoint the log; the service still has it open.
    other.close()


@contextmanager
def moved_away(folder: Path) -> Iterator[None]:
    """Move the file away, and back."""
    path = folder / "breakwater.db"
    path.rename(folder / "elsewhere")
    yield
    (folder / "elsewhere").rename(path)


@dataclass(frozen=True)
class Kind:
    """A fault, its message to callers, and its minimum duration in seconds."""

    fault: Fault
    message: str
    seconds: float = 3.0


FAULTS = {
    "disk full": Kind(disk("full"), "the disk is full"),
    "flush fails": Kind(disk("flush"), "reading or writing its file failed"),
    "read-only": Kind(disk("readonly"), "file"),
    "locked": Kind(locked, "another program holds a lock on it", LOCKED_SECONDS),
    "moved away": Kind(moved_away, "was removed or replaced"),
}


@contextmanager
def signed_in(service: Service) -> Iterator[httpx.Client]:
    """Yield a signed-in browser."""
    code = service.sign_in_link.partition("#")[2]
    with httpx.Client(base_url=service.url, trust_env=False, timeout=30) as browser:
        form = {"code": code, "password": "nine lives, no more"}
        response = browser.post("/welcome", data=form, headers={"origin": service.url})
        assert response.is_redirect or response.is_success, response.text
        yield browser


def refused(service: Service) -> httpx.Response:
    """Send a message that cannot be stored."""
    return service.api.post("/messages", json={"event_type": EVENT, "payload": {"n": -1}})


def stored(folder: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(f"{(folder / 'breakwater.db').as_uri()}?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS.values(), ids=FAULTS.keys())
def test_while_the_database_cannot_be_written_nothing_is_accepted_and_no_result_is_lost(
    tmp_path: Path, service: Service, receiver: ReceiverProcess, kind: Kind
) -> None:
    service.endpoint(f"{receiver.url}/slow?ms=1000", event_types=[EVENT])
    in_flight = [service.send({"n": n}, event_type=EVENT)["deliveries"][0]["id"] for n in range(IN_FLIGHT)]
    eventually(lambda: len(receiver.received("/slow")) == IN_FLIGHT, every=0.02)
    with signed_in(service) as browser, kind.fault(tmp_path):
        began = time.monotonic()
        while time.monotonic() - began < kind.seconds:
            response = refused(service)
            assert response.status_code == 503, response.text
            assert int(response.headers["retry-after"]) >= 1
            assert kind.message in response.json()["detail"]
            time.sleep(0.1)
        listed = service.api.get("/deliveries", params={"limit": 100})
        assert (listed.status_code, len(listed.json()["items"])) == (200, IN_FLIGHT)
        assert {page: browser.get(page).status_code for page in PAGES} == dict.fromkeys(PAGES, 200)
        assert httpx.get(f"{service.url}/health/live").status_code == 200
        assert httpx.get(f"{service.url}/health/ready").status_code == 503
    accepted = eventually(
        lambda: response if (response := refused(service)).status_code == 202 else None, within=15
    )
    for delivery_id in [*in_flight, accepted.json()["deliveries"][0]["id"]]:
        delivery = service.delivery_once(delivery_id, "delivered", within=30)
        assert len(delivery["attempts"]) == 1
    assert len(receiver.received("/slow")) == IN_FLIGHT + 1
    eventually(lambda: httpx.get(f"{service.url}/health/ready").status_code == 200, within=15, every=0.2)
    assert service.popen.poll() is None
    assert "Traceback" not in service.printed
    assert stored(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    assert stored(tmp_path, "SELECT count(*) FROM messages") == [(IN_FLIGHT + 1,)]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["full", "flush"])
def test_a_disk_that_fails_intermittently_under_load_causes_no_false_202(
    tmp_path: Path, faulty_disk: Path, receiver: ReceiverProcess, fault: str
) -> None:
    environment = {"LD_PRELOAD": str(faulty_disk), "DISK_FAULT": str(tmp_path / "fault")}
    with running_service(tmp_path, environment=environment, attempt_timeout_seconds=3) as service:
        service.endpoint(f"{receiver.url}/slow?ms=100", event_types=[EVENT])
        with Load(service.url, service.key, [EVENT], per_second=300, connections=8) as load:
            for _ in range(8):
                time.sleep(0.3)
                with disk(fault)(tmp_path):
                    time.sleep(0.3)
            time.sleep(0.3)
        assert load.refused
        assert not load.interrupted
        # A failed flush can leave pages in the log that are valid when the log is read again. Such messages were not
        # accepted, and they stay untouched until their lease expires.
        eventually(lambda: nothing_is_left(service), within=60, every=0.5)
        delivered = stored(tmp_path, "SELECT message_id FROM deliveries WHERE state = 'delivered'")
    assert load.accepted
    assert set(load.accepted) <= {message_id for (message_id,) in delivered}
    assert {request["webhook_id"] for request in receiver.received("/slow")} >= set(load.accepted)
    assert stored(tmp_path, "PRAGMA integrity_check") == [("ok",)]


def nothing_is_left(service: Service) -> bool:
    """Return whether no delivery is pending or in flight."""
    return not any(
        service.api.get("/deliveries", params={"status": status, "limit": 1}).json()["items"]
        for status in ("pending", "in_flight")
    )
