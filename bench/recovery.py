"""What a receiver sees that comes back with thousands of deliveries waiting for it.

    python bench/recovery.py [--held 10000] [--svg docs/recovery.svg]

The receiver is away until the circuit has opened and everything is held. Then it answers, 50 ms each, and writes down
when each request began and ended: probes first, then one at a time, two, four, up to the lane's limit.
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
ANSWER_SECONDS = 0.05
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
class Back:
    """A receiver that has come back, and what it has seen."""

    began: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    now: int = 0
    most: int = 0
    at_begin: list[int] = field(default_factory=list)
    """How many requests were under way when each began, itself included."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer every request of a connection, each after the same time."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                await self._answer(writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        self.began.append(time.time())
        self.at_begin.append(self.now)
        await asyncio.sleep(ANSWER_SECONDS)
        self.now -= 1
        self.ended.append(time.time())
        writer.write(_OK)


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    held: int
    probes: int
    """Requests that began before the circuit was committed as closed."""
    most_probes_at_once: int
    most: int
    steps: tuple[tuple[int, int, float], ...]
    """A concurrency, the first request (counted from 1) that met it, and the seconds since the first request."""
    seconds: float
    curve: tuple[tuple[float, int], ...]
    """The most requests under way in each slice of time."""


def main() -> None:
    """Measure, print, and exit with 1 when the receiver is hit harder than promised."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--held", type=int, default=10_000)
    options.add_argument("--svg", type=Path, default=None, help="where to draw it")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakwater-bench-") as name:
        figures = recover(Path(name), chosen.held)
    print(table(figures))
    if chosen.svg:
        chosen.svg.write_text(chart(figures.curve, LIMIT, PROBES, figures.held))
    sys.exit(figures.most > LIMIT or figures.most_probes_at_once > PROBES)


def recover(folder: Path, held: int) -> Figures:
    """Hold so many deliveries back, bring the receiver back, and watch."""
    with socket.socket() as place, running_service(folder, log_level="error") as service:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        endpoint_id = service.endpoint(
            f"http://127.0.0.1:{port}/hook", event_types=[EVENT], circuit=CIRCUIT, max_in_flight=LIMIT
        )
        return asyncio.run(_recover(service, endpoint_id, place, held))


async def _recover(service: Service, endpoint_id: str, place: socket.socket, held: int) -> Figures:
    await send_all(service.url, service.key, messages(held, [EVENT]), connections=16)
    await _until(lambda: _circuit(service, endpoint_id)["state"] == "open")
    back = Back()
    place.listen(1024)
    server = await asyncio.start_server(back.serve, sock=place)
    await asyncio.to_thread(service.api.post, f"/circuits/{endpoint_id}/probe", json={"reason": "measuring"})
    await _until(lambda: len(back.ended) >= held)
    await _until(lambda: _circuit(service, endpoint_id)["held"] == 0)
    closed_at = await asyncio.to_thread(_closed_at, service, endpoint_id)
    server.close()
    return _figures(back, closed_at)


def _circuit(service: Service, endpoint_id: str) -> dict[str, object]:
    found: dict[str, object] = service.api.get(f"/circuits/{endpoint_id}").json()
    return found


def _closed_at(service: Service, endpoint_id: str) -> float:
    told = service.api.get(f"/circuits/{endpoint_id}").json()["transitions"]
    return max(
        datetime.fromisoformat(each["at"]).timestamp() for each in told if each["to_state"] == "closed"
    )


async def _until(look: Callable[[], bool], within: float = 300.0) -> None:
    deadline = time.monotonic() + within
    while not await asyncio.to_thread(look):
        if time.monotonic() > deadline:
            raise SystemExit("the receiver never got everything")
        await asyncio.sleep(0.1)


def _figures(back: Back, closed_at: float) -> Figures:
    probes = sum(began < closed_at for began in back.began)
    first = back.began[0]
    steps: list[tuple[int, int, float]] = []
    for number, (began, at_once) in enumerate(zip(back.began, back.at_begin, strict=True), 1):
        if number > probes and at_once > (steps[-1][0] if steps else 0):
            steps.append((at_once, number, began - first))
    return Figures(
        held=len(back.began),
        probes=probes,
        most_probes_at_once=max(back.at_begin[:probes]),
        most=back.most,
        steps=tuple(steps),
        seconds=back.ended[-1] - first,
        curve=_curve(back, first),
    )


def _curve(back: Back, first: float, slice_seconds: float = 0.02) -> tuple[tuple[float, int], ...]:
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
        f"{figures.most_probes_at_once} at once; never more than {figures.most} at once (limit {LIMIT})"
    )
    return "\n".join(
        [
            summary,
            "",
            "| at once | first met by request | after the first probe |",
            "|---|---|---|",
            *rows,
        ]
    )


def _doublings(steps: Sequence[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Return for 1, 2, 4, … and the most the step that first reached it."""
    wanted = [2**power for power in range(12)]
    found = [next((step for step in steps if step[0] >= each), None) for each in wanted]
    return list(dict.fromkeys(step for step in [*found, steps[-1]] if step is not None))


if __name__ == "__main__":
    main()
