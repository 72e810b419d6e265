"""A reader that is cancelled leaves neither a transaction nor a running query behind."""

import asyncio
import sqlite3
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from breakwater.core.store.engine import Database
from breakwater.core.store.sqlite.driver import SqliteConnection
from tests.contract.commands import Add, count
from tests.contract.files import opened

COUNT = "SELECT count(*) FROM messages"
LONG = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000000) SELECT max(x) FROM n"
"""Takes seconds."""


class LateConnection:
    """A connection of SQLite whose thread reaches the next `BEGIN`, and runs it only after `release`."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw
        self.reached = threading.Event()
        self.release = threading.Event()
        self.closed = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql.startswith("BEGIN") and not self.reached.is_set():
            self.reached.set()
            self.release.wait(5)
        return self.raw.execute(sql, *parameters)

    def close(self) -> None:
        self.raw.close()
        self.closed.set()


async def with_late_connection(database: Database) -> LateConnection:
    """Let the next reader of `database` begin late."""
    async with database.read() as connection:
        driver = SqliteConnection.unwrap(connection)
        assert driver is not None
        assert driver._connection is not None
        late = LateConnection(driver._connection)
        driver._connection = late  # type: ignore[assignment]  # it stands for the connection
    return late


@pytest.mark.parametrize("query", [COUNT, LONG], ids=["short", "long"])
async def test_a_reader_that_is_cancelled_while_it_begins_leaves_nothing_behind(
    sqlite_url: str, query: str
) -> None:
    database = await opened(sqlite_url)
    await database.writer.submit(Add("m1"))
    late = await with_late_connection(database)

    async def reader() -> None:
        async with database.read() as connection:
            await connection.exec_driver_sql(query)

    task = asyncio.create_task(reader())
    await asyncio.to_thread(late.reached.wait, 5)
    task.cancel()
    await asyncio.sleep(0.05)  # the cancellation comes first, and finds no statement that it could interrupt
    started = time.monotonic()
    late.release.set()
    with suppress(asyncio.CancelledError):
        await task
    await database.writer.submit(Add("m2"))
    for _ in range(8):
        assert await count(database) == 2, "no reader sees the snapshot of the cancelled one"
    assert await asyncio.to_thread(late.closed.wait, 10)
    assert time.monotonic() - started < 1.0
    await database.close()


async def test_a_reader_that_is_cancelled_between_two_statements_leaves_no_transaction(
    sqlite_url: str,
) -> None:
    database = await opened(sqlite_url)
    await database.writer.submit(Add("m1"))
    reading = asyncio.Event()

    async def reader() -> None:
        async with database.read() as connection:
            await connection.exec_driver_sql(COUNT)
            reading.set()
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(reader()) for _ in range(4)]
    await reading.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await database.writer.submit(Add("m2"))
    for _ in range(8):
        assert await count(database) == 2
    await database.close()
