"""How long the queries take with a million attempts stored: p50, p95 and processor time, in milliseconds.

On a busy machine, processor time is the more stable figure.

::

    python bench/reading.py                     # 1,000,000 attempts in a SQLite file that is removed again
    python bench/reading.py --keep reading.db   # fill it once, reuse it the next time
    python bench/reading.py --database postgresql+asyncpg://... --attempts 200000
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from _history import Filler, History, Moving
from sqlalchemy import func, select

from breakwater.core.queries import Queries
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ATTEMPTS, CIRCUITS, DELIVERIES, ENDPOINTS, MESSAGES

LIMIT_MS = 100.0
"""Maximum p95 of a query."""

Read = Callable[[], Awaitable[object]]


def reads(queries: Queries, history: History) -> Iterator[tuple[str, Read]]:
    """Yield every query, with its name."""
    dead, alive = min(history.dead), next(e for e in history.endpoints if e not in history.dead)
    middle, late = history.deliveries[len(history.deliveries) // 2], history.deliveries[-1]
    message = history.messages[len(history.messages) // 2]
    yield "overview", queries.overview.now
    query_strings = (
        "",
        "status=failed",
        "status=delivered",
        "status=held",
        "status=retrying",
        "status=failed,held,cancelled",
        f"endpoint={alive}",
        f"endpoint={alive}&status=failed",
        f"endpoint={dead}&status=held",
        "event_type=order.refunded",
        "event_type=order.refunded&status=failed",
        "event_type=order.created&status=delivered",
        "class=tls",
        f"class=tls&endpoint={alive}&event_type=user.deleted",
        "class=server_error&status=failed&event_type=order.refunded",
        "class=server_error&error=599 nothing like it",
        "since=1h",
        "since=6d&until=5d&status=failed",
        "q=order.paid",
        "q=no such text anywhere",
        "q=no such text anywhere&status=failed",
        f"q={middle}",
        f"q={message}",
        f"q={middle[:12]}&status=failed",
        "q=key-77777",
    )
    for query in query_strings:
        filters = parse(query)
        yield f"deliveries {query[:60]}", lambda w=filters: queries.deliveries.list(w)
        yield f"count      {query[:60]}", lambda w=filters: queries.deliveries.count(w)
    for query in ("", "status=failed", f"endpoint={alive}", "class=server_error", "since=24h", "q=refused"):
        filters = parse(query)
        yield f"groups     {query[:60]}", lambda w=filters: queries.deliveries.causes(w)
    for query in (
        "",
        "status=failed",
        f"endpoint={alive}",
        "event_type=order.created",
        "class=server_error",
        "since=7d",
        "status=held",
        "q=no such text anywhere",
    ):
        filters = parse(query)
        yield f"histogram  {query[:60]}", lambda w=filters: queries.deliveries.histogram(w)
    yield "rows_since", lambda: queries.deliveries.count_newer(DeliveryFilter(), history.deliveries[-500])
    yield "delivery, delivered", lambda: queries.deliveries.get(middle)
    yield "delivery, held", lambda: queries.deliveries.get(late)
    yield "message", lambda: queries.messages.get(message)
    yield "endpoints", queries.endpoints.list
    yield "endpoint", lambda: queries.endpoints.get(alive)
    yield "endpoint_options", lambda: queries.endpoints.options("shop-1")
    yield "event_types", lambda: queries.deliveries.event_types("order")
    yield "circuits", queries.circuits.board
    yield "circuit, open", lambda: queries.circuits.get(dead)
    yield "transitions", queries.circuits.transitions
    yield "transitions of one", lambda: queries.circuits.transitions(dead)
    yield "audit", queries.audit.list
    yield "audit by actor", lambda: queries.audit.list(actor="person:p3")
    yield "audit by actor and action", lambda: queries.audit.list(actor="person:p3", action="circuit.reset")
    for minutes in (60, 1440, 7 * 1440):
        yield f"traffic {minutes} min", lambda m=minutes: queries.traffic.get(minutes=m)
        yield f"traffic {minutes} min of one", lambda m=minutes: queries.traffic.get(alive, m)


def parse(query: str) -> DeliveryFilter:
    """Read a query string."""
    return DeliveryFilter.parse(dict(part.split("=", 1) for part in query.split("&") if part))


async def find_history(database: Database, now: float) -> History | None:
    """Return the stored history; None when the database is empty."""
    async with database.read() as connection:

        async def column(statement: object) -> list[str]:
            return list((await connection.execute(statement)).scalars())  # type: ignore[call-overload]

        attempts = (await connection.execute(select(func.count()).select_from(ATTEMPTS))).scalar_one()
        if not attempts:
            return None
        return History(
            (await connection.execute(select(func.max(CIRCUITS.c.updated_at)))).scalar() or now,
            await column(select(ENDPOINTS.c.id).order_by(ENDPOINTS.c.id)),
            frozenset(await column(select(CIRCUITS.c.endpoint_id).where(CIRCUITS.c.state == "open"))),
            await column(select(DELIVERIES.c.id).order_by(DELIVERIES.c.id)),
            await column(select(MESSAGES.c.id).order_by(MESSAGES.c.id)),
            attempts,
        )


async def measure(read: Read, rounds: int) -> tuple[float, float, float]:
    """Return median, 95th percentile and median of the processor's time in milliseconds.

    The first call, which compiles the statement, is not counted.
    """
    await read()
    took, spent = [], []
    for _ in range(rounds):
        began, processor = time.perf_counter(), time.process_time()
        await read()
        took.append((time.perf_counter() - began) * 1000)
        spent.append((time.process_time() - processor) * 1000)
    p95 = sorted(took)[max(0, int(len(took) * 0.95) - 1)]
    return statistics.median(took), p95, statistics.median(spent)


async def run(url: str, attempts: int, rounds: int, only: str) -> int:
    """Fill, measure and print; return how many queries were too slow."""
    database = Database(url)
    await database.open()
    try:
        began = time.perf_counter()
        history = await find_history(database, time.time()) or await Filler(time.time(), attempts).fill(
            database
        )
        print(
            f"{history.attempts:,} attempts, {len(history.deliveries):,} deliveries, "
            f"{len(history.endpoints)} endpoints; ready after {time.perf_counter() - began:.0f} s"
        )
        gc.freeze()  # the ids of a million rows, which no service would hold
        queries = Queries(database, Moving(history.now), tuple)
        slow = 0
        print("     p50      p95      cpu  ms")
        for name, read in reads(queries, history):
            if only in name:
                median, p95, spent = await measure(read, rounds)
                slow += p95 > LIMIT_MS
                mark = "   over the limit" if p95 > LIMIT_MS else ""
                print(f"{median:8.1f} {p95:8.1f} {spent:8.1f}  {name}{mark}", flush=True)
        return slow
    finally:
        await database.close()


def main() -> int:
    """Read the command line; the exit code says whether a query was over the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--database", help="a database URL in place of a temporary SQLite file")
    parser.add_argument("--keep", type=Path, help="a SQLite file to create, or to reuse when it exists")
    parser.add_argument("--only", default="", help="only queries whose name contains this")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakwater-reading-") as folder:
        path = chosen.keep or Path(folder) / "reading.db"
        url = chosen.database or f"sqlite+aiosqlite:///{path}"
        return 1 if asyncio.run(run(url, chosen.attempts, chosen.rounds, chosen.only)) else 0


if __name__ == "__main__":
    raise SystemExit(main())
