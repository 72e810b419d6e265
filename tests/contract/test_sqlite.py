"""SQLite: the rights of each connection, and the files."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import StoreUnavailable
from tests.contract.commands import Add, count
from tests.contract.files import count_again, opened


async def pragma(connection: AsyncConnection, name: str) -> object:
    return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()


async def test_the_writer_flushes_every_commit_and_checks_references(sqlite_url: str) -> None:
    database = await opened(sqlite_url)

    async def look(connection: AsyncConnection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "journal_size_limit", "wal_autocheckpoint")
        return {name: await pragma(connection, name) for name in names}

    assert await database.writer.run(look) == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "journal_size_limit": 64 * 1024 * 1024,
        "wal_autocheckpoint": 0,
    }
    await database.close()


async def test_readers_can_neither_write_nor_checkpoint(sqlite_url: str) -> None:
    database = await opened(sqlite_url)
    await database.writer.submit(Add("m1"))
    async with database.read() as connection:
        assert await pragma(connection, "query_only") == 1
        assert await pragma(connection, "wal_autocheckpoint") == 0

    async def insist() -> None:
        async with database.read() as connection:
            await connection.exec_driver_sql("PRAGMA query_only=OFF")
            await connection.exec_driver_sql("DELETE FROM messages")

    with pytest.raises(StoreUnavailable, match="read-only"):
        await insist()
    await database.close()


async def test_the_last_reader_to_close_does_not_checkpoint(sqlite_url: str, sqlite_path: Path) -> None:
    database = await opened(sqlite_url)
    await database.writer.submit(Add("m1"))
    assert await count(database) == 1
    log = sqlite_path.with_name(sqlite_path.name + "-wal")
    # The writer goes first, as after a kill: only a copy of its log is left to the reader.
    await database.writer.close()
    log_before = log.read_bytes()
    await database._store._writer.close()
    await database._store._reading.dispose()
    assert log.read_bytes() == log_before
    await database.close()
    assert await count_again(sqlite_url) == 1


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


async def test_a_query_whose_caller_was_cancelled_is_interrupted(sqlite_url: str) -> None:
    database = await opened(sqlite_url)

    async def endless() -> None:
        async with database.read() as connection:
            await connection.exec_driver_sql(ENDLESS)

    readers = [asyncio.create_task(endless()) for _ in range(4)]
    await asyncio.sleep(0.05)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    async with asyncio.timeout(5):
        assert await count(database) == 0
        await database.close()


async def test_the_event_loop_stays_responsive_during_a_long_write(sqlite_url: str) -> None:
    database = await opened(sqlite_url)
    working = asyncio.create_task(
        database.writer.run(
            lambda connection: connection.exec_driver_sql(ENDLESS.replace("FROM n)", "FROM n LIMIT 3000000)"))
        )
    )
    turns = 0
    while not working.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 20
    await database.close()


async def test_closing_folds_the_log_into_the_file(sqlite_url: str, sqlite_path: Path) -> None:
    database = await opened(sqlite_url)
    await database.writer.submit(Add("m1"))
    assert await count(database) == 1
    await database.close()
    left = sorted(path.name for path in sqlite_path.parent.iterdir())
    assert left == [sqlite_path.name, sqlite_path.name + ".lock"]
    with closing(sqlite3.connect(sqlite_path)) as connection:
        assert connection.execute("SELECT id FROM messages").fetchall() == [("m1",)]


async def test_the_file_and_its_log_are_private(sqlite_url: str, sqlite_path: Path) -> None:
    database = await opened(sqlite_url)
    await database.writer.submit(Add("m1"))
    modes = {path.name: path.stat().st_mode & 0o777 for path in sqlite_path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 4
    await database.close()


async def test_a_path_with_special_characters_is_a_path(tmp_path: Path) -> None:
    odd = tmp_path / "50% off #1 ünïcode.db"
    database = await opened(f"sqlite+aiosqlite:///{odd}")
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar() == 1
    await database.close()
    assert odd.stat().st_size > 0
