"""Measure scenarios of the service, and compare two versions of it on the same machine in the same minutes.

    python -m bench single pace200 --against main --json figures.json

Service, receiver and load share the machine. With `--against REF`, a service of that commit (A) and one of this
checkout (B) run side by side, and the load goes to them in turn: A B A B. The ratio pair by pair says more than the
absolutes, and so does the processor time of the service on a machine that does other work, too.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._load import cpu_seconds
from bench._machine import Usage, describe
from bench._scenarios import SCENARIOS, Figures, Scenario, create_endpoints, run
from tests.processes import ROOT, ReceiverProcess, Service, running_receiver, running_service

WARM_UP = 1_000
"""Messages before the first run: connections, caches and statements are ready then."""


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument(
        "scenarios", nargs="+", choices=sorted(SCENARIOS), metavar="SCENARIO", help=", ".join(SCENARIOS)
    )
    parser.add_argument("--against", metavar="REF", help="a commit to compare this checkout with")
    parser.add_argument("--runs", type=int, default=5, help="runs of each version (default 5)")
    parser.add_argument("--messages", type=int, help="messages of a run instead of the scenario's own number")
    parser.add_argument(
        "--database-url", help="of an empty PostgreSQL database; default: a SQLite file (no --against)"
    )
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    chosen = parser.parse_args()
    if chosen.against and chosen.database_url:
        parser.error("two services cannot share one database: leave out --against or --database-url")
    results = {}
    with tempfile.TemporaryDirectory(prefix="breakwater-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        checkouts = {"B": ROOT}
        if chosen.against:
            checkouts = {"A": stack.enter_context(checked_out(chosen.against, folder)), "B": ROOT}
        for scenario in chosen.scenarios:
            results[scenario] = measure(folder / scenario, scenario, checkouts, chosen)
    if chosen.json:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": describe(), **results})))


@contextmanager
def checked_out(ref: str, folder: Path) -> Iterator[Path]:
    """Check `ref` out into a worktree of its own."""
    path = folder / "reference"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", path, ref], check=True)
    try:
        yield path
    finally:
        subprocess.run([*git, "remove", "--force", path], check=True)


def measure(
    folder: Path, name: str, checkouts: dict[str, Path], chosen: argparse.Namespace
) -> dict[str, Any]:
    """Run one scenario with every checkout in turn; print and return its figures."""
    scenario = SCENARIOS[name]
    count = chosen.messages or scenario.count
    figures: dict[str, list[Figures]] = {version: [] for version in checkouts}
    with ExitStack() as stack:
        (folder / "receiver").mkdir(parents=True)
        receiver = stack.enter_context(running_receiver(folder / "receiver", keep=50_000))
        services = {
            version: stack.enter_context(started(folder / version, path, chosen.database_url))
            for version, path in checkouts.items()
        }
        events = {
            version: create_endpoints(service, receiver, scenario.endpoints)
            for version, service in services.items()
        }
        for version, service in services.items():
            run(SCENARIOS["single"], service, receiver, events[version], WARM_UP)
        usage, own = Usage.now(), own_seconds(services, receiver)
        for _ in range(chosen.runs):
            for version, service in services.items():
                figures[version].append(run(scenario, service, receiver, events[version], count))
        warnings = Usage.now().warnings(usage, own_seconds(services, receiver) - own)
    print_table(name, scenario, figures, warnings)
    return {
        "warnings": warnings,
        "runs": {version: [row.as_dict() for row in rows] for version, rows in figures.items()},
    }


@contextmanager
def started(folder: Path, checkout: Path, database_url: str | None) -> Iterator[Service]:
    """Run the service of a checkout."""
    folder.mkdir()
    settings = {"database_url": database_url} if database_url else {}
    with running_service(folder, environment={"PYTHONPATH": str(checkout)}, **settings) as service:
        yield service


def own_seconds(services: dict[str, Service], receiver: ReceiverProcess) -> float:
    """Return the processor time of everything that belongs to the benchmark."""
    pids = [psutil.Process().pid, receiver.popen.pid, *(service.popen.pid for service in services.values())]
    return sum(map(cpu_seconds, pids))


def print_table(
    name: str, scenario: Scenario, figures: dict[str, list[Figures]], warnings: list[str]
) -> None:
    """Print ratios first, then the median of every figure with its spread."""
    print(f"\n{name}: {scenario.description}")
    for warning in warnings:
        print(f"  NOT TO BE TRUSTED: {warning}")
    if "A" in figures:
        pairs = list(zip(figures["A"], figures["B"], strict=True))
        rate = [after.per_second / before.per_second for before, after in pairs]
        processor = [before.service_us / after.service_us for before, after in pairs]
        print(f"  messages per second  x {median(rate):.2f}  ({min(rate):.2f} to {max(rate):.2f})")
        print(
            f"  processor time       / {median(processor):.2f}  ({min(processor):.2f} to {max(processor):.2f})"
        )
    for version, rows in figures.items():
        cells = [
            f"{label} {median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
            for label, digits, values in (
                ("per second", 0, [row.per_second for row in rows]),
                ("service µs", 0, [row.service_us for row in rows]),
                ("p50 ms", 1, [row.p50_ms for row in rows]),
                ("p99 ms", 1, [row.p99_ms for row in rows]),
            )
        ]
        load, receiver = (
            median(values) for values in zip(*((r.load_us, r.receiver_us) for r in rows), strict=True)
        )
        print(f"  {version}  {'  '.join(cells)}  load µs {load:.0f}  receiver µs {receiver:.0f}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
