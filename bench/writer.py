"""Measure the group commit: messages of 500 bytes, one commit per row, and many callers that share commits.

Both are measured in turns, within the same minute and on the same disk; the ratio says more than the absolutes.

    make bench BENCH=writer
"""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import uvloop
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from breakwater.core.store.engine import Database
from breakwater.core.store.schema import MESSAGES

PAYLOAD = bytes(500)


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Insert one message."""

    row: dict[str, Any]

    @classmethod
    async def apply(cls, connection: AsyncConnection, members: Sequence[Self]) -> Sequence[None]:
        await connection.execute(insert(MESSAGES), [member.row for member in members])
        return [None] * len(members)


def rows(round_: int, kind: str, count: int) -> list[dict[str, Any]]:
    """Return new messages."""
    common = {"event_type": "order.paid", "payload": PAYLOAD, "delivery_count": 1, "idempotency_key": None}
    return [{"id": f"msg_{round_:04}{kind}{n:018}", **common, "created_at": 1.0} for n in range(count)]


async def alone(database: Database, messages: Sequence[dict[str, Any]]) -> None:
    """Let one caller wait for each commit before the next."""
    for row in messages:
        await database.writer.submit(AddMessage(row))


async def grouped(database: Database, messages: Sequence[dict[str, Any]], callers: int) -> None:
    """Let many concurrent callers do the same."""
    await asyncio.gather(*(alone(database, messages[n::callers]) for n in range(callers)))


def bare(path: Path, messages: Sequence[dict[str, Any]]) -> None:
    """Do the same as `alone` with sqlite3 only: the limit of the disk."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        columns = tuple(messages[0])
        connection.execute(f"CREATE TABLE IF NOT EXISTS messages ({', '.join(columns)}, PRIMARY KEY (id))")
        statement = f"INSERT INTO messages VALUES ({', '.join('?' * len(columns))})"
        for row in messages:
            connection.execute(statement, tuple(row.values()))


async def timed(work: Callable[[], Awaitable[None]], count: int) -> float:
    """Return rows per second."""
    started = time.perf_counter()
    await work()
    return count / (time.perf_counter() - started)


async def measure(folder: Path, url: str | None, turns: int, count: int, callers: int) -> None:
    """Print the median of `turns` turns of each way."""
    database = Database(url or f"sqlite+aiosqlite:///{folder / 'breakwater.db'}")
    await database.open()
    count_per_kind = count // 50
    rates: dict[str, list[float]] = {"bare": [], "alone": [], "grouped": []}
    for round_ in range(turns):
        messages = rows(round_, "b", count_per_kind)
        rates["bare"].append(
            await timed(lambda m=messages: asyncio.to_thread(bare, folder / "bare.db", m), count_per_kind)
        )
        messages = rows(round_, "a", count_per_kind)
        rates["alone"].append(await timed(lambda m=messages: alone(database, m), count_per_kind))
        messages = rows(round_, "g", count)
        rates["grouped"].append(await timed(lambda m=messages: grouped(database, m, callers), count))
    await database.close()
    medians = {name: statistics.median(samples) for name, samples in rates.items()}
    print(f"sqlite3, one commit per row    {medians['bare']:>9,.0f} rows/s")
    print(f"the writer, one commit per row {medians['alone']:>9,.0f} rows/s")
    print(f"the writer, {callers:>4} callers       {medians['grouped']:>9,.0f} rows/s")
    print(f"ratio of the last two          {medians['grouped'] / medians['alone']:>9,.1f}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20_000, help="of a turn with many callers")
    parser.add_argument("--callers", type=int, default=500)
    parser.add_argument(
        "--database-url", help="a migrated or empty database; default: a SQLite file that is removed"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakwater-bench-") as folder:
        uvloop.run(
            measure(Path(folder), arguments.database_url, arguments.turns, arguments.rows, arguments.callers)
        )


if __name__ == "__main__":
    main()
