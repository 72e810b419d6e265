"""Measure the requests at a receiver that recovers with thousands of held deliveries.

    python bench/recovery.py [--held 10000] [--svg docs/recovery.svg]

The receiver is down until the circuit is open and all deliveries are held. Then it responds in 50 ms and records when
each request began and ended: probes first, then one at a time, two, four, up to the limit of the lane.
"""

import argparse
import asyncio
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._load import messages, send_all
from bench._recovery_chart import chart
from tests.processes import Service, running_service

EVENT = "recovery.held"
RESPONSE_SECONDS = 0.05
PROBES = 3
LIMIT = 64
CIRCUIT = {
    "failure_threshold": 5,
    "success_threshold": 2,
    "half_open_max_calls": PROBES,
    "timeout_seconds": 3600,
}
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@dataclass
class RecoveredReceiver:
    """A receiver that responds again, and the requests that it got."""

    began: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    now: int = 0
    most: int = 0
    at_begin: list[int] = field(default_factory=list)
    """Concurrent requests when each began, itself included."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to every request of a connection after the same time."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                await self._respond(writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    async def _respond(self, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        self.began.append(time.time())
        self.at_begin.append(self.now)
        await asyncio.sleep(RESPONSE_SECONDS)
        self.now -= 1
        self.ended.append(time.time())
        writer.write(_OK)


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    held: int
    probes: int
    """Requests that began before the circuit was committed as closed."""
    most_concurrent_probes: int
    most: int
    steps: tuple[tuple[int, int, float], ...]
    """A concurrency, the first request (from 1) that reached it, and the seconds since the first request."""
    seconds: float
    curve: tuple[tuple[float, int], ...]
    """Maximum of concurrent requests in each slice of time."""


def main() -> None:
    """Measure, print, and exit with 1 when there are more concurrent requests than allowed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--held", type=int, default=10_000)
    options.add_argument("--svg", type=Path, default=None, help="where to draw it")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakwater-bench-") as name:
        figures = recover(Path(name), chosen.held)
    print(table(figures))
    if chosen.svg:
        chosen.svg.write_text(chart(figures.curve, LIMIT, PROBES, figures.held))
    sys.exit(figures.most > LIMIT or figures.most_concurrent_probes > PROBES)


def recover(folder: Path, held: int) -> Figures:
    """Hold `held` deliveries, start the receiver, and measure."""
    with (
        socket.socket() as place,
        running_service(folder, log_format="console", log_level="error") as service,
    ):
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        endpoint_id = service.endpoint(
            f"http://127.0.0.1:{port}/hook", event_types=[EVENT], circuit=CIRCUIT, max_in_flight=LIMIT
        )
        return asyncio.run(_recover(service, endpoint_id, place, held))


async def _recover(service: Service, endpoint_id: str, place: socket.socket, held: int) -> Figures:
    await send_all(service.url, service.key, messages(held, [EVENT]), connections=16)
    await _until(lambda: _circuit(service, endpoint_id)["state"] == "open")
    back = RecoveredReceiver()
    place.listen(1024)
    server = await asyncio.start_server(back.serve, sock=place)
    await asyncio.to_thread(service.api.post, f"/circuits/{endpoint_id}/probe", json={"reason": "measuring"})
    await _until(lambda: len(back.ended) >= held)
    await _until(lambda: _circuit(service, endpoint_id)["held"] == 0)
    closed_at = await asyncio.to_thread(_closed_at, service, endpoint_id)
    server.close()
    return _figures(back, closed_at)


def _circuit(service: Service, endpoint_id: str) -> dict[str, object]:
    circuit: dict[str, object] = service.api.get(f"/circuits/{endpoint_id}").json()
    return circuit


def _closed_at(service: Service, endpoint_id: str) -> float:
    transitions = service.api.get(f"/circuits/{endpoint_id}").json()["transitions"]
    return max(
        datetime.fromisoformat(transition["at"]).timestamp()
        for transition in transitions
        if transition["to_state"] == "closed"
    )


async def _until(look: Callable[[], bool], within: float = 300.0) -> None:
    deadline = time.monotonic() + within
    while not await asyncio.to_thread(look):
        if time.monotonic() > deadline:
            raise SystemExit("the receiver did not get every delivery")
        await asyncio.sleep(0.1)


def _figures(back: RecoveredReceiver, closed_at: float) -> Figures:
    probes = sum(began < closed_at for began in back.began)
    first = back.began[0]
    steps: list[tuple[int, int, float]] = []
    for number, (began, concurrent) in enumerate(zip(back.began, back.at_begin, strict=True), 1):
        if number > probes and concurrent > (steps[-1][0] if steps else 0):
            steps.append((concurrent, number, began - first))
    return Figures(
        held=len(back.began),
        probes=probes,
        most_concurrent_probes=max(back.at_begin[:probes]),
        most=back.most,
        steps=tuple(steps),
        seconds=back.ended[-1] - first,
        curve=_curve(back, first),
    )


def _curve(
    back: RecoveredReceiver, first: float, slice_seconds: float = 0.02
) -> tuple[tuple[float, int], ...]:
    changes = sorted([(at, 1) for at in back.began] + [(at, -1) for at in back.ended])
    curve: dict[int, int] = {}
    now = 0
    for at, change in changes:
        now += change
        index = int((at - first) / slice_seconds)
        curve[index] = max(curve.get(index, 0), now)
    return tuple((index * slice_seconds, most) for index, most in sorted(curve.items()))


def table(figures: Figures) -> str:
    """Return the figures as a table of Markdown."""
    rows = [
        f"| {most} | {number:,} | {at * 1000:,.0f} ms |" for most, number, at in _doublings(figures.steps)
    ]
    summary = (
        f"{figures.held:,} held deliveries in {figures.seconds:.1f} s; {figures.probes} probes, "
        f"{figures.most_concurrent_probes} concurrent; at most {figures.most} concurrent requests (limit {LIMIT})"
    )
    return "\n".join(
        [
            summary,
            "",
            "| concurrent requests | first reached at request | after the first probe |",
            "|---|---|---|",
            *rows,
        ]
    )


def _doublings(steps: Sequence[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Return the first steps that reached 1, 2, 4, … and the maximum."""
    powers = [2**power for power in range(12)]
    reached = [next((step for step in steps if step[0] >= power), None) for power in powers]
    return list(dict.fromkeys(step for step in [*reached, steps[-1]] if step is not None))


if __name__ == "__main__":
    main()
