"""Measure whether one half of the endpoints is delayed when the other half does not respond.

    python bench/isolation.py [--pairs 4] [--seconds 10] [--each 2]

A hundred endpoints with the same traffic. The healthy half is measured, from the API request to the arrival, in three
kinds of run that alternate: alone, with the other half healthy, and with the other half accepting connections and never
responding. By default the circuits of the hanging half open; with --no-circuits they never do, and their lanes stay
full of hanging attempts.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._load import Sent, messages, quantiles, send_paced, until
from tests.processes import ReceiverProcess, Service, running_receiver, running_service

HALF = 50
LIMIT = 1.10
"""Maximum ratio of the healthy half's p99."""
KINDS = ("alone", "all healthy", "half hanging")
ATTEMPT_SECONDS = 10
LEAD = ATTEMPT_SECONDS + 2.0
"""Seconds of traffic before the measurement: after them, hanging attempts begin to time out."""
_NEVER_OPENS = {"failure_threshold": 10_000, "failure_rate_threshold": 1, "minimum_calls": 10_000}


class Bench:
    """A service with two halves of endpoints, and their receiver."""

    def __init__(
        self, service: Service, receiver: ReceiverProcess, per_endpoint: float, *, circuits: bool
    ) -> None:
        self._service = service
        self._receiver = receiver
        self._per_endpoint = per_endpoint
        self._circuits = circuits
        self.pair = 0
        self.in_flight = 0
        self._well = [self._endpoint("well", number) for number in range(HALF)]
        self._others: list[str] = []

    def run(self, kind: str, seconds: float) -> list[float]:
        """Return the latencies of the healthy half in ms during a run of `kind`."""
        with self._neighbours(kind):
            sent = asyncio.run(self._send(kind, seconds))
        return self._latencies(sent)

    @contextmanager
    def _neighbours(self, kind: str) -> Iterator[None]:
        """Create the other half for one run, so that its circuits start closed."""
        self._receiver.control.delete("/received")
        if kind == "alone":
            yield
            return
        created = [self._endpoint("other", number) for number in range(HALF)]
        for number in range(HALF if kind == "half hanging" else 0):
            self._receiver.override(f"/other/{number}", "as=/hanging")
        yield
        self._receiver.control.delete("/control")
        for endpoint_id in created:
            self._service.api.delete(f"/endpoints/{endpoint_id}")
        until(lambda: self._hanging() == 0, within=3 * ATTEMPT_SECONDS)

    async def _send(self, kind: str, seconds: float) -> Sent:
        others = None if kind == "alone" else asyncio.create_task(self._paced("other", LEAD + seconds))
        await self._paced("well", LEAD)
        self.in_flight = max(self.in_flight, await asyncio.to_thread(self._hanging))
        sent = await self._paced("well", seconds)
        if others:
            await others
        return sent

    async def _paced(self, half: str, seconds: float) -> Sent:
        per_second = HALF * self._per_endpoint
        events = list(islice(cycle(f"{half}.{number}" for number in range(HALF)), HALF))
        bodies = messages(int(per_second * seconds), events)
        sent = await send_paced(
            self._service.url,
            self._service.key,
            bodies,
            per_second=per_second,
            connections=8,
            draw=Random(f"{half} {self.pair}"),  # the same moments in every run of a pair
        )
        if sent.refused:
            raise SystemExit(f"{sent.refused} requests were refused: {sent.last_refusal!r}")
        return sent

    def _endpoint(self, half: str, number: int) -> str:
        circuit = {} if self._circuits or half == "well" else {"circuit": _NEVER_OPENS}
        url = f"{self._receiver.url}/{half}/{number}"
        return self._service.endpoint(url, event_types=[f"{half}.{number}"], **circuit)

    def _hanging(self) -> int:
        stats = self._receiver.control.get("/stats").json()
        return sum(figures["in_flight"] for path, figures in stats.items() if path.startswith("/other"))

    def _latencies(self, sent: Sent) -> list[float]:
        def arrived() -> dict[str, float]:
            return dict(self._receiver.control.get("/arrivals").json())

        until(lambda: sent.began.keys() <= arrived().keys(), within=60)
        arrivals = arrived()
        return [(arrivals[message] - began) * 1000 for message, began in sent.began.items()]


def main() -> None:
    """Measure alternating runs, print, and exit with 1 when the ratio is over the limit."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pairs", type=int, default=4, help="turns of the three runs")
    options.add_argument("--seconds", type=float, default=10.0, help="of one run")
    options.add_argument("--each", type=float, default=2.0, help="messages per second to each endpoint")
    options.add_argument("--no-circuits", action="store_true", help="the hanging half's circuits never open")
    chosen = options.parse_args()
    measured: dict[str, list[list[float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="breakwater-bench-") as name:
        folder = Path(name)
        with (
            running_receiver(folder, keep=500_000) as receiver,
            running_service(
                folder, log_format="console", log_level="error", attempt_timeout_seconds=ATTEMPT_SECONDS
            ) as service,
        ):
            bench = Bench(service, receiver, chosen.each, circuits=not chosen.no_circuits)
            bench.run("alone", 3.0)  # warm: connections, caches, statements
            for pair in range(chosen.pairs):
                bench.pair = pair
                for kind in KINDS:
                    began = time.monotonic()
                    measured[kind].append(bench.run(kind, chosen.seconds))
                    print(_line(pair, kind, measured[kind][-1], time.monotonic() - began), flush=True)
    ratio = _print(measured, bench.in_flight)
    sys.exit(ratio > LIMIT)


def _line(pair: int, kind: str, latencies: list[float], took: float) -> str:
    p50, p99 = quantiles(latencies, 0.5, 0.99)
    run = f"pair {pair + 1}  {kind:<13}"
    return f"{run} p50 {p50:7.1f}  p99 {p99:7.1f} ms  {len(latencies):6,} messages  ({took:.0f} s)"


def _print(measured: dict[str, list[list[float]]], in_flight: int) -> float:
    print(
        f"\nconcurrent hanging attempts: {in_flight:,}\n\n{'':15}{'p50':>8}{'p95':>8}{'p99':>8}  all turns together, ms"
    )
    pooled = {kind: [value for run in runs for value in run] for kind, runs in measured.items()}
    for kind, latencies in pooled.items():
        p50, p95, p99 = quantiles(latencies, 0.5, 0.95, 0.99)
        print(f"{kind:15}{p50:8.1f}{p95:8.1f}{p99:8.1f}")
    hanging = quantiles(pooled["half hanging"], 0.99)[0]
    print()
    for kind in KINDS[:2]:
        turns = [
            quantiles(with_them, 0.99)[0] / quantiles(without, 0.99)[0]
            for with_them, without in zip(measured["half hanging"], measured[kind], strict=True)
        ]
        ratio = hanging / quantiles(pooled[kind], 0.99)[0]
        print(f"p99 against '{kind}': x {ratio:.2f}; pair by pair x {statistics.median(turns):.2f} (median)")
    return hanging / quantiles(pooled["all healthy"], 0.99)[0]


if __name__ == "__main__":
    main()
