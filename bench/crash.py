"""Kill the service repeatedly under load, and count lost and repeated webhooks.

    make crash ROUNDS=100          # or: python bench/crash.py --rounds 100 --seed 7

One SQLite file, one receiver, one caller that sends messages continuously. Each round starts the service, kills its
process with SIGKILL at a random moment, and reads its file. At the end every accepted message must be delivered, and
each delivery that arrived more often than recorded must have been in flight at a kill.

Lanes: one fast, two slow, one whose webhooks fail at first, and one whose receiver goes down every few seconds, so that
its circuit opens, probes and closes during the kills.
"""

import argparse
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._crash_check import Ending, Kill, judge, read_kill
from bench._crash_load import Load
from bench._load import until
from tests.processes import (
    KEY,
    ReceiverProcess,
    Service,
    running_receiver,
    running_service,
    service_variables,
    start,
)

ATTEMPT_SECONDS = 3
REQUEUE_SECONDS = 60.0
"""Within this time after the end of its lease a claim must be requeued."""
START_SECONDS = 2.0
"""About the duration of a start: every fifth kill comes within it."""
CONNECTIONS = 16
_RECEIVED = 2_000_000
_NO_CIRCUIT = {"failure_threshold": 10_000, "failure_rate_threshold": 1, "minimum_calls": 10_000}
_QUICK_CIRCUIT = {"failure_threshold": 5, "timeout_seconds": 1, "timeout_multiplier": 1}
_EVERY_SECOND = {"delays": [1] * 50}


@dataclass(frozen=True)
class Lane:
    """An endpoint of the test: its event type, and how its receiver behaves."""

    event_type: str
    path: str
    query: str = ""
    circuit: dict[str, int] | None = None

    def fields(self, receiver_url: str) -> dict[str, object]:
        """Return the body for the API."""
        return {
            "url": f"{receiver_url}{self.path}?{self.query}",
            "event_types": [self.event_type],
            "retry": _EVERY_SECOND,
            **({"circuit": self.circuit} if self.circuit else {}),
        }


LANES = (
    Lane("crash.fast", "/steady/fast"),
    Lane("crash.slow", "/slow/a", "ms=50"),
    Lane("crash.slow", "/slow/b", "ms=300"),
    Lane("crash.flaky", "/flaky/a", "fail=1", _NO_CIRCUIT),
    Lane("crash.down", "/recovering/a", "after=2&every=8", _QUICK_CIRCUIT),
)
EVENTS = ["crash.fast", "crash.slow", "crash.fast", "crash.flaky", "crash.fast", "crash.down"]


@dataclass(frozen=True)
class Report:
    """All counts."""

    kills: list[Kill]
    ending: Ending
    accepted: int
    interrupted: int
    refused: int
    seconds: float

    def problems(self) -> list[str]:
        """Return every violated guarantee."""
        ending, kills = self.ending, self.kills
        problems = [
            *([f"{len(ending.lost)} lost: {ending.lost[:3]}"] if ending.lost else []),
            *([f"{len(ending.unexplained)} repeated without a claim"] if ending.unexplained else []),
            *(
                f"kill {n}: {kill.missing} accepted, not stored"
                for n, kill in _numbered(kills)
                if kill.missing
            ),
            *(f"kill {n}: {kill.integrity}" for n, kill in _numbered(kills) if kill.integrity != "ok"),
            *(
                f"kill {n}: requeued {kill.requeued_past_lease:.0f} s after its lease"
                for n, kill in _numbered(kills)
                if kill.requeued_past_lease > REQUEUE_SECONDS
            ),
            *(
                f"kill {n}: {len(kill.repeated)} repeated, {len(kill.claims)} claims"
                for n, kill in _numbered(kills)
                if len(kill.repeated) > len(kill.claims)
            ),
        ]
        return problems if ending.integrity == "ok" else [*problems, f"at the end: {ending.integrity}"]


def main() -> None:
    """Kill, count, print; exit with 1 when a guarantee is violated."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=100)
    options.add_argument("--seed", type=int, default=None, help="of the random moments")
    options.add_argument(
        "--per-second",
        type=float,
        default=600.0,
        help="messages sent per second, as far as the service responds in time",
    )
    options.add_argument("--longest", type=float, default=3.0, help="maximum seconds between start and kill")
    chosen = options.parse_args()
    seed = random.randrange(10**6) if chosen.seed is None else chosen.seed
    with tempfile.TemporaryDirectory(prefix="breakwater-crash-") as name:
        result = crash(
            Path(name),
            rounds=chosen.rounds,
            moments=random.Random(seed),
            per_second=chosen.per_second,
            longest=chosen.longest,
            report=lambda number, kill: print(_line(number, kill), flush=True),
        )
    print(_table(result, seed))
    sys.exit(bool(result.problems()))


def crash(
    folder: Path,
    *,
    rounds: int,
    moments: random.Random,
    per_second: float,
    longest: float,
    report: Callable[[int, Kill], object] = lambda _number, _kill: None,
) -> Report:
    """Run `rounds` rounds in `folder`; each kill comes up to `longest` seconds after the start."""
    began = time.monotonic()
    path = folder / "breakwater.db"
    kills: list[Kill] = []
    port = _free_port()
    with running_receiver(folder, keep=_RECEIVED) as receiver:
        with _service(folder, port) as service:
            endpoints = _endpoints(service, receiver)
        with Load(service.url, KEY, EVENTS, per_second=per_second, connections=CONNECTIONS) as load:
            accepted_before = 0
            for number in range(1, rounds + 1):
                lived = (
                    _kill_at_start(folder, port, moments)
                    if number % 5 == 0
                    else _kill(folder, port, moments, longest)
                )
                at = time.time()
                time.sleep(0.05)  # for responses that the service has sent and the caller has not read
                accepted = load.accepted[:]
                kills.append(
                    read_kill(path, at=at, ran=lived, accepted=accepted, fresh=accepted[accepted_before:])
                )
                accepted_before = len(accepted)
                report(number, kills[-1])
            with _service(folder, port) as service:
                time.sleep(1.0)
                load.end()
                until(lambda: _nothing_left(service), within=300)
        arrivals = {endpoint_id: _arrivals(receiver, lane) for endpoint_id, lane in endpoints.items()}
    ending = judge(path, kills, load.accepted, arrivals)
    return Report(kills, ending, len(load.accepted), load.interrupted, load.refused, time.monotonic() - began)


def _kill(folder: Path, port: int, moments: random.Random, longest: float) -> float:
    """Kill a service up to `longest` seconds after its first response; return the seconds."""
    lived = moments.uniform(0.0, longest)
    with _service(folder, port) as service:
        time.sleep(lived)
        service.kill()
    return lived


def _kill_at_start(folder: Path, port: int, moments: random.Random) -> float:
    """Kill a service during its start: it may be recovering the database, or requeuing claims."""
    process = start(["serve"], folder, _settings(folder, port))
    time.sleep(moments.uniform(0.2, START_SECONDS))
    process.kill()
    return 0.0


@contextmanager
def _service(folder: Path, port: int) -> Iterator[Service]:
    with running_service(folder, environment=_settings(folder, port)) as service:
        yield service


def _settings(folder: Path, port: int) -> dict[str, str]:
    return service_variables(
        folder,
        port=port,
        attempt_timeout_seconds=ATTEMPT_SECONDS,
        log_format="console",  # its start is printed at any level
        log_level="error",
        drain_seconds=10,
    )


def _endpoints(service: Service, receiver: ReceiverProcess) -> dict[str, Lane]:
    return {service.endpoint(**lane.fields(receiver.url)): lane for lane in LANES}  # type: ignore[arg-type]


def _arrivals(receiver: ReceiverProcess, lane: Lane) -> list[tuple[str, float]]:
    arrivals = receiver.control.get("/arrivals", params={"path": lane.path}).json()
    return [(webhook_id, at) for webhook_id, at in arrivals]


def _nothing_left(service: Service) -> bool:
    time.sleep(0.2)
    return not any(
        service.api.get("/deliveries", params={"status": state, "limit": 1}).json()["items"]
        for state in ("pending", "in_flight")
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _numbered(kills: list[Kill]) -> list[tuple[int, Kill]]:
    return list(enumerate(kills, 1))


def _line(number: int, kill: Kill) -> str:
    return (
        f"kill {number:4}  after {kill.ran:4.2f} s  accepted {kill.accepted:7,}  "
        f"in flight {len(kill.claims):4}  integrity {kill.integrity}"
    )


def _table(report: Report, seed: int) -> str:
    kills, ending = report.kills, report.ending
    claims = [len(kill.claims) for kill in kills]
    repeated = [len(kill.repeated) for kill in kills]
    rows = [
        ("kills", f"{len(kills)}"),
        ("accepted messages", f"{report.accepted:,}"),
        ("requests interrupted by a kill", f"{report.interrupted:,}"),
        ("requests refused (503)", f"{report.refused:,}"),
        ("their deliveries", ", ".join(f"{n:,} {state}" for state, n in sorted(ending.states.items()))),
        ("accepted and lost", f"{len(ending.lost)}"),
        ("accepted and not in the file after a kill", f"{sum(kill.missing for kill in kills)}"),
        ("stopped: the worker died too often", f"{ending.stopped}"),
        ("claims in flight at a kill", f"{sum(claims):,} in total, at most {max(claims)}"),
        ("sent twice", f"{sum(repeated):,} in total, at most {max(repeated)} after one kill"),
        ("sent twice without a claim in flight", f"{len(ending.unexplained)}"),
        (
            "kills with more repeats than claims",
            f"{sum(r > c for r, c in zip(repeated, claims, strict=True))}",
        ),
        (
            "integrity_check and foreign_key_check ok",
            f"{sum(k.integrity == 'ok' for k in kills)} of {len(kills)}",
        ),
        (
            "from the kill to the last requeue, with the restart",
            f"{max(k.requeued_within for k in kills):.1f} s at most",
        ),
        (
            "requeue relative to the end of the lease",
            f"{max(k.requeued_past_lease for k in kills):+.1f} s at worst",
        ),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    problems = report.problems() or ["all guarantees hold"]
    return "\n".join(["", f"seed {seed}, {report.seconds:.0f} s", *lines, "", *problems])


if __name__ == "__main__":
    main()
