"""The ways in which `python -m bench` loads a service, each bounded in time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Final

import msgspec

from bench._load import Sent, calling, cpu_seconds, messages, quantiles, send_all, send_paced, until
from tests.processes import ReceiverProcess, Service

CONNECTIONS: Final = 32
BATCH_SIZE: Final = 100
_BATCH_CONNECTIONS: Final = 4
_PACED_SECONDS: Final = 5
_DRAIN_SECONDS: Final = 60.0

Send = Callable[[Service, list[str], int], Awaitable[Sent]]


@dataclass(frozen=True)
class Figures:
    """The figures of one run."""

    per_second: float
    """Messages from the first request to the last recorded attempt."""
    service_us: float
    """Processor time of the service per message, in microseconds."""
    load_us: float
    """Of the load generator."""
    receiver_us: float
    p50_ms: float
    """From the request to the arrival at the receiver."""
    p95_ms: float
    p99_ms: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


@dataclass(frozen=True)
class Scenario:
    """A load, and the endpoints that it goes to."""

    description: str
    endpoints: int
    count: int
    """Messages of one run."""
    send: Send


async def _send_single(service: Service, events: list[str], count: int) -> Sent:
    return await send_all(service.url, service.key, messages(count, events), connections=CONNECTIONS)


async def _send_batches(service: Service, events: list[str], count: int) -> Sent:
    sent, bodies = Sent(), _batches(messages(count, events))

    async def send() -> None:
        async with calling(service.url, "/api/v1/messages/batch", service.key) as caller:
            for body in bodies:
                began = time.time()
                status, response = await caller.post(body)
                if status == 202:
                    sent.began.update((item["id"], began) for item in msgspec.json.decode(response)["items"])
                else:
                    sent.refused, sent.last_refusal = sent.refused + 1, response

    await asyncio.gather(*(send() for _ in range(_BATCH_CONNECTIONS)))
    return sent


def _batches(bodies: Iterator[bytes]) -> Iterator[bytes]:
    while batch := list(islice(bodies, BATCH_SIZE)):
        yield b'{"messages":[' + b",".join(batch) + b"]}"


def _paced(per_second: int) -> Scenario:
    async def send(service: Service, events: list[str], count: int) -> Sent:
        bodies = messages(count, events)
        return await send_paced(service.url, service.key, bodies, per_second=per_second, connections=8)

    return Scenario(f"{per_second} messages per second to 4 endpoints", 4, per_second * _PACED_SECONDS, send)


SCENARIOS: Final = {
    "single": Scenario(
        f"one message per request over {CONNECTIONS} connections, to 4 endpoints", 4, 6_000, _send_single
    ),
    "hot": Scenario(
        f"one message per request over {CONNECTIONS} connections, to one endpoint", 1, 6_000, _send_single
    ),
    "batch": Scenario(
        f"{BATCH_SIZE} messages per request over {_BATCH_CONNECTIONS} connections, to 4 endpoints",
        4,
        6_000,
        _send_batches,
    ),
    "many": Scenario(
        f"one message per request over {CONNECTIONS} connections, to 1,000 endpoints",
        1_000,
        6_000,
        _send_single,
    ),
    "pace10": _paced(10),
    "pace200": _paced(200),
    "pace500": _paced(500),
}


def create_endpoints(service: Service, receiver: ReceiverProcess, count: int) -> list[str]:
    """Create the endpoints of a scenario, each with an event type of its own; return the event types."""
    events = [f"bench.lane{number}" for number in range(count)]
    for number, event in enumerate(events):
        service.endpoint(f"{receiver.url}/steady/{number}", event_types=[event])
    return events


def run(
    scenario: Scenario, service: Service, receiver: ReceiverProcess, events: list[str], count: int
) -> Figures:
    """Send `count` messages, wait until all attempts are recorded, and return the figures."""
    receiver.control.delete("/received")
    processes = (service.popen.pid, receiver.popen.pid)
    before = [cpu_seconds(pid) for pid in processes]
    began, load_before = time.time(), time.process_time()
    sent = asyncio.run(scenario.send(service, events, count))
    load_us = (time.process_time() - load_before) / count * 1e6
    if sent.refused or len(sent.began) != count:
        raise SystemExit(f"{sent.refused} requests were refused: {sent.last_refusal!r}")
    ended = until(lambda: all_recorded(service), within=_DRAIN_SECONDS)
    service_us, receiver_us = (
        (cpu_seconds(pid) - earlier) / count * 1e6 for pid, earlier in zip(processes, before, strict=True)
    )
    arrivals = dict(receiver.control.get("/arrivals").json())
    if missing := sent.began.keys() - arrivals.keys():
        raise SystemExit(f"{len(missing)} messages never arrived, such as {min(missing)}")
    latencies = [(arrivals[message] - at) * 1000 for message, at in sent.began.items()]
    p50, p95, p99 = quantiles(latencies, 0.5, 0.95, 0.99)
    return Figures(count / (ended - began), service_us, load_us, receiver_us, p50, p95, p99)


def all_recorded(service: Service) -> bool:
    """Return whether no delivery is pending or in flight."""
    waiting = (
        service.api.get("/deliveries", params={"status": state, "limit": 1})
        for state in ("pending", "in_flight")
    )
    return not any(response.json()["items"] for response in waiting)
