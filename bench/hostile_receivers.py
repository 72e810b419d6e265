"""Measure what hostile receivers cost the service in memory, and whether attempts end at their deadline.

    python bench/hostile_receivers.py [--each 100]

A hundred gzip bombs (200 kB that decompress to 200 MB), a hundred endless bodies, and a hundred of each kind that
stalls: no response, headers byte by byte, a flood of 1xx, a body that stops. The receivers are another process. The
memory of the service is sampled 200 times per second, relative to its memory after as many honest receivers.

Bodies attack in several turns, so that a leak adds up. The figures are the maximum of all turns, and the value
after the last one.
"""

import argparse
import asyncio
import multiprocessing
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._load import messages, send_all, until
from breakwater.core.domain.outcome import RESPONSE_BODY_CAP
from tests.egress.receivers import (
    OK,
    Connection,
    Receiver,
    Script,
    drip,
    endless,
    flood,
    gzip_bomb,
    respond,
    silence,
    then_silence,
)
from tests.processes import Service, running_service

DEADLINE = 3.0
"""Seconds of one attempt in this measurement."""
LATE = 1.0
"""Seconds by which an attempt may exceed its deadline."""
MEGABYTE = 1024 * 1024
GROWTH = 20 * MEGABYTE
"""Maximum cost of a hundred bombs, or of a hundred endless bodies."""
STALLED_GROWTH = MEGABYTE * 4 // 5
"""What an attempt may cost that is kept busy until its deadline: the HTTP client's read buffer grows to 0.4 MB, and
while it grows the smaller one is there beside it."""
BODIES = ("gzip bombs", "endless bodies")
_TURNS = 3
_WARM_UP = 3
"""Turns of honest receivers before anything is measured: what is loaded once, caches, and as many connections."""
_PAGE = 4096


def scripts() -> dict[str, Script]:
    """Return the attackers by name."""
    bomb = gzip_bomb(200)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    return {
        "honest": _honest,
        "gzip bombs": respond(head + bomb),
        "endless bodies": endless(b"HTTP/1.1 200 OK\r\n\r\n"),
        "bodies that stop": then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun"),
        "silence": silence,
        "headers byte by byte": drip(OK, 0.2),
        "floods of 1xx": flood(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50),
    }


async def _honest(connection: Connection) -> None:
    """Respond after half a second, so that all are concurrent, with the largest stored body."""
    while await connection.request() is not None:
        await asyncio.sleep(0.5)
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % RESPONSE_BODY_CAP)
        await connection.send(bytes(RESPONSE_BODY_CAP))


@dataclass(frozen=True)
class Figures:
    """The cost of one kind of receiver."""

    name: str
    outcomes: Counter[str]
    slowest: float
    """Seconds of the slowest attempt."""
    grown: int
    """Maximum growth of the memory of the service in any turn, in bytes."""
    retained: int
    """Growth after the last turn, in bytes."""

    def hurt(self, request_count: int) -> bool:
        """Return whether `request_count` concurrent ones exceeded the limits for memory or time."""
        allowed = GROWTH if self.name in BODIES else max(GROWTH, request_count * STALLED_GROWTH)
        return max(self.grown, self.retained) > allowed or self.slowest > DEADLINE + LATE


class Memory(threading.Thread):
    """Samples the resident memory of a process."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._path = Path(f"/proc/{pid}/statm")
        self._over = threading.Event()
        self.most = self.now()

    def now(self) -> int:
        """Return the current bytes."""
        return int(self._path.read_text(encoding="ascii").split()[1]) * _PAGE

    def run(self) -> None:
        """Sample until `end`."""
        while not self._over.wait(0.005):
            self.most = max(self.most, self.now())

    def end(self) -> int:
        """Stop, and return the maximum."""
        self._over.set()
        self.join()
        return max(self.most, self.now())


def main() -> None:
    """Attack, print, and exit with 1 when a limit is exceeded."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--each", type=int, default=100)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakwater-bench-") as name:
        figures = attack(Path(name), chosen.each)
    print(table(figures, chosen.each))
    sys.exit(any(row.hurt(chosen.each) for row in figures))


def attack(folder: Path, request_count: int) -> list[Figures]:
    """Send `request_count` concurrent deliveries to every kind of receiver."""
    with (
        _receivers() as ports,
        running_service(
            folder, log_format="console", log_level="error", attempt_timeout_seconds=DEADLINE
        ) as service,
    ):
        for name, port in ports.items():
            service.endpoint(
                f"http://127.0.0.1:{port}/hook",
                event_types=[_event(name)],
                max_in_flight=request_count,
                retry={"delays": [3600]},
                circuit={"failure_threshold": 10_000, "failure_rate_threshold": 1, "minimum_calls": 10_000},
            )
        for _ in range(_WARM_UP):
            _send(service, "honest", request_count)
        return [_measure(folder, service, name, request_count) for name in ports]


def _measure(folder: Path, service: Service, name: str, request_count: int) -> Figures:
    turns = _TURNS if name in BODIES else 1
    before = Memory(service.popen.pid).now()
    most = max(_most_of_a_turn(service, name, request_count) for _ in range(turns))
    time.sleep(0.5)
    outcomes, slowest = _attempts(folder, name, request_count)
    return Figures(name, outcomes, slowest, most - before, Memory(service.popen.pid).now() - before)


def _most_of_a_turn(service: Service, name: str, request_count: int) -> int:
    memory = Memory(service.popen.pid)
    memory.start()
    _send(service, name, request_count)
    return memory.end()


def _send(service: Service, name: str, count: int) -> None:
    sent = asyncio.run(send_all(service.url, service.key, messages(count, [_event(name)]), connections=8))
    if sent.refused:
        raise SystemExit(f"{sent.refused} requests were refused: {sent.last_refusal!r}")
    until(lambda: not _in_flight(service), within=60)


def _in_flight(service: Service) -> bool:
    query = {"status": "in_flight", "limit": 1}
    return bool(service.api.get("/deliveries", params=query).json()["items"])


def _attempts(folder: Path, name: str, count: int) -> tuple[Counter[str], float]:
    query = """SELECT coalesce(attempts.failure_class, 'delivered'), duration_ms FROM attempts JOIN deliveries
        ON deliveries.id = delivery_id WHERE event_type = ? ORDER BY attempts.id DESC LIMIT ?"""
    with closing(sqlite3.connect(f"{(folder / 'breakwater.db').as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute(query, (_event(name), count)).fetchall()
    return Counter(row[0] for row in rows), max(row[1] for row in rows) / 1000


def _event(name: str) -> str:
    return "hostile." + name.replace(" ", "_")


@contextmanager
def _receivers() -> Iterator[dict[str, int]]:
    """Run all receivers in another process; yield their ports."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    yield ours.recv()
    process.kill()
    process.join()


def _serve(pipe: Pipe) -> None:
    async def serve() -> None:
        receivers = {name: await Receiver(script).__aenter__() for name, script in scripts().items()}
        pipe.send({name: receiver.port for name, receiver in receivers.items()})
        await asyncio.Event().wait()

    asyncio.run(serve())


def table(figures: list[Figures], request_count: int) -> str:
    """Return the figures as a table of Markdown."""
    rows = [
        f"| {request_count} {row.name} | {_words(row.outcomes)} | {row.slowest:.2f} s | "
        f"{row.grown / MEGABYTE:+.1f} MB | {row.retained / MEGABYTE:+.1f} MB |"
        for row in figures
    ]
    head = (
        f"| concurrent | result | slowest attempt, deadline {DEADLINE:g} s | memory, peak | memory, after |"
    )
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def _words(outcomes: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in outcomes.most_common())


if __name__ == "__main__":
    main()
