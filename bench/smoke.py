"""Deliveries per second from accept to recorded attempt, with service, receiver and load on the same machine.

Three processes: the service with default settings (SQLite, synchronous=FULL, a JSON log line per attempt), the
scriptable receiver, and this one, which sends messages over the HTTP API. In the same minute the sender alone, without
API and store, sends as many requests to the same receiver. The ratio of the two shows the cost of store and API, and
can be compared between machines. Run it with `make bench`.
"""

import argparse
import asyncio
import os
import platform
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._load import Sent, cpu_seconds, messages, quantiles, send_all, send_paced, until
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.target import AllowedNetworks, parse_target
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.reqwest.sender import ReqwestSender
from breakwater.core.ports import OutboundRequest
from tests.processes import ReceiverProcess, Service, running_receiver, running_service

TARGET = 1_000
LANES = 4
CONNECTIONS = 32
IN_FLIGHT = 64
PACED_SECONDS = 10


@dataclass(frozen=True)
class Figures:
    """The figures of one run."""

    per_second: float
    latencies_ms: list[float]
    service_cpu_us: float
    """Processor time of the service per delivery: comparable on a busy machine."""


def main() -> None:
    """Measure, print, and exit with 1 when the target is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=10_000)
    options.add_argument("--pace", type=int, default=200, help="messages per second of the latency run")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakwater-bench-") as name:
        folder = Path(name)
        with running_receiver(folder, keep=50_000) as receiver, running_service(folder) as service:
            events = _endpoints(service, receiver)
            _throughput(service, receiver, events, 1_000)  # warm: connections, caches, statements
            full = _throughput(service, receiver, events, chosen.messages)
            bare = asyncio.run(_bare(receiver, chosen.messages))
            paced = _paced(service, receiver, events, chosen.pace)
    _print(chosen, full, bare, paced)
    sys.exit(full.per_second < TARGET)


def _endpoints(service: Service, receiver: ReceiverProcess) -> list[str]:
    events = [f"bench.lane{number}" for number in range(LANES)]
    for number, event in enumerate(events):
        service.endpoint(f"{receiver.url}/steady/{number}", event_types=[event])
    return events


def _throughput(service: Service, receiver: ReceiverProcess, events: list[str], count: int) -> Figures:
    receiver.control.delete("/received")
    began, worked = time.time(), cpu_seconds(service.popen.pid)
    sent = asyncio.run(send_all(service.url, service.key, messages(count, events), connections=CONNECTIONS))
    _check(sent, count)
    ended = until(lambda: _all_recorded(service), within=120)
    worked = cpu_seconds(service.popen.pid) - worked
    return Figures(count / (ended - began), _latencies(sent, receiver), worked / count * 1e6)


def _paced(service: Service, receiver: ReceiverProcess, events: list[str], pace: int) -> Figures:
    receiver.control.delete("/received")
    count, worked = pace * PACED_SECONDS, cpu_seconds(service.popen.pid)
    bodies = messages(count, events)
    sent = asyncio.run(send_paced(service.url, service.key, bodies, per_second=pace, connections=8))
    _check(sent, count)
    until(lambda: _all_recorded(service), within=60)
    worked = cpu_seconds(service.popen.pid) - worked
    return Figures(pace, _latencies(sent, receiver), worked / count * 1e6)


def _check(sent: Sent, count: int) -> None:
    if sent.refused or len(sent.began) != count:
        raise SystemExit(f"{sent.refused} of {count} requests were refused: {sent.last_refusal!r}")


def _all_recorded(service: Service) -> bool:
    """Return whether no delivery is pending or in flight."""
    waiting = (
        service.api.get("/deliveries", params={"status": state, "limit": 1})
        for state in ("pending", "in_flight")
    )
    return not any(response.json()["items"] for response in waiting)


def _latencies(sent: Sent, receiver: ReceiverProcess) -> list[float]:
    arrivals = dict(receiver.control.get("/arrivals").json())
    missing = sent.began.keys() - arrivals.keys()
    if missing:
        raise SystemExit(f"{len(missing)} messages never arrived, such as {min(missing)}")
    return [(arrivals[message] - began) * 1000 for message, began in sent.began.items()]


async def _bare(receiver: ReceiverProcess, count: int) -> float:
    """Return requests per second of the sender alone."""
    allowed = AllowedNetworks.parse("127.0.0.1/32")
    target = parse_target(f"{receiver.url}/bare", allowed)
    sender = ReqwestSender(Guard(allowed))
    headers = (("content-type", "application/json"), ("webhook-id", "msg_bare"))
    request = OutboundRequest(target=target, headers=headers, body=b"x" * 480, timeout=10.0)
    numbers = iter(range(count))

    async def send_messages() -> None:
        for _ in numbers:
            outcome = await sender.send(request)
            if not (isinstance(outcome, Response) and outcome.status == 200):
                raise SystemExit(f"the sender got {outcome}")

    began = time.monotonic()
    await asyncio.gather(*(send_messages() for _ in range(IN_FLIGHT)))
    elapsed = time.monotonic() - began
    await sender.close()
    return count / elapsed


def _print(chosen: argparse.Namespace, full: Figures, bare: float, paced: Figures) -> None:
    p50, p95, p99 = quantiles(full.latencies_ms, 0.5, 0.95, 0.99)
    verdict = "met" if full.per_second >= TARGET else "MISSED"
    paced50, paced95, paced99 = quantiles(paced.latencies_ms, 0.5, 0.95, 0.99)
    print(
        f"""
{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.machine()}
{chosen.messages:,} messages of 500 bytes, one per request over {CONNECTIONS} connections, to {LANES} endpoints

accept to recorded attempt   {full.per_second:8,.0f} deliveries/s    {verdict}: {TARGET:,}/s
sender alone                 {bare:8,.0f} requests/s
ratio                        {full.per_second / bare:8.2f}
processor time of the service{full.service_cpu_us:8,.0f} µs per delivery

from the API request to the arrival, ms
                                  p50      p95      p99
  at full speed              {p50:8.1f} {p95:8.1f} {p99:8.1f}
  at {chosen.pace:,} per second         {paced50:8.1f} {paced95:8.1f} {paced99:8.1f}
"""
    )


if __name__ == "__main__":
    main()
