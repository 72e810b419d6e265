"""A database is unavailable for a while: callers get errors, nothing is half written, and it recovers."""

import asyncio
import filecmp
import resource
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, insert, make_url, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import StartRefused, StoreUnavailable
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import MESSAGES
from breakwater.core.store.sqlite import store
from tests.contract.commands import Add, AddLater, count, message, names
from tests.contract.conftest import administer


@pytest.fixture
async def file_database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """Open a SQLite file whose locks are not waited for."""
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.1)
    database = Database(sqlite_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def server_database(postgres_url: str) -> AsyncIterator[Database]:
    """Open a database on PostgreSQL."""
    database = Database(postgres_url)
    await database.open()
    yield database
    await database.close()


async def outcomes(database: Database, *written: str) -> list[Any]:
    calls = (database.writer.submit(Add(name)) for name in written)
    return await asyncio.gather(*calls, return_exceptions=True)


async def assert_writes_fail_with(database: Database, why: str) -> None:
    """Every member of a batch gets the same error, and the writer reports it."""
    results = await outcomes(database, "lost-1", "lost-2", "lost-3")
    assert [type(error) for error in results] == [StoreUnavailable] * 3
    assert {str(error) for error in results} == {f"The database is unavailable: {why}."}
    assert len({id(error) for error in results}) == 3
    assert results[0].retry_after > 0
    assert not database.writer.healthy
    assert database.writer.last_error == f"The database is unavailable: {why}."


async def assert_it_recovers(database: Database, *surviving: str) -> None:
    assert await outcomes(database, "after") == ["added after"]
    assert database.writer.healthy
    assert database.writer.last_error is None
    assert await names(database) == sorted([*surviving, "after"])


async def set_pragma(database: Database, pragma: str) -> None:
    """Set what ends with the connection."""

    async def work(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(f"PRAGMA {pragma}")

    await database.writer.run(work)


async def test_a_locked_file_delays_writes_and_is_reported(
    file_database: Database, sqlite_path: Path
) -> None:
    await file_database.writer.submit(Add("before"))
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await assert_writes_fail_with(file_database, "another program holds a lock on it")
        assert await count(file_database) == 1
        other.execute("ROLLBACK")
    await assert_it_recovers(file_database, "before")


async def test_the_event_loop_stays_responsive_while_a_lock_is_waited_for(
    sqlite_url: str, sqlite_path: Path
) -> None:
    database = Database(sqlite_url)
    await database.open()
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(outcomes(database, "m1"))
        loop = asyncio.get_running_loop()
        started = loop.time()
        for _ in range(50):
            await asyncio.sleep(0)
        assert loop.time() - started < 0.5
        assert not writing.done()
        other.execute("ROLLBACK")
    assert await writing == ["added m1"]
    await database.close()


async def test_a_full_disk_is_reported_and_writes_resume(file_database: Database) -> None:
    await file_database.writer.submit(Add("before"))
    await set_pragma(file_database, "max_page_count=1")
    big = insert(MESSAGES).values(message("big", payload=bytes(1_000_000)))
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        await file_database.writer.run(lambda connection: connection.execute(big))
    await assert_it_recovers(file_database, "before")


async def limit_pages(database: Database) -> None:
    """Let the writer's connection add a few pages to its file, as on a disk that is almost full."""

    async def work(connection: AsyncConnection) -> None:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 20}")

    await database.writer.run(work)


async def add_big(connection: AsyncConnection) -> str:
    """Insert a row that the limited file has no room for. SQLite then rolls back the whole transaction."""
    await connection.execute(insert(MESSAGES), message("big", payload=bytes(1_000_000)))
    return "added big"


async def add_big_and_ignore_the_error(connection: AsyncConnection) -> str:
    with suppress(OperationalError):
        await add_big(connection)
    return "ignored"


@pytest.mark.parametrize("work", [add_big, add_big_and_ignore_the_error])
@pytest.mark.parametrize(
    "others", [("m1", "m2"), ("m1", "before")], ids=["written together", "written one by one"]
)
async def test_a_transaction_that_sqlite_rolled_back_fails_every_member(
    file_database: Database, others: tuple[str, str], work: Callable[[AsyncConnection], Any]
) -> None:
    writer = file_database.writer
    await writer.submit(Add("before"))
    await limit_pages(file_database)
    results = await asyncio.gather(
        *(writer.submit(Add(name)) for name in others),
        writer.run(work),
        writer.submit(AddLater("m3")),
        return_exceptions=True,
    )
    assert await names(file_database) == ["before"]
    assert {type(result) for result in results} == {StoreUnavailable}
    assert {str(result) for result in results} == {"The database is unavailable: the disk is full."}
    assert not writer.healthy
    await assert_it_recovers(file_database, "before")


async def test_a_database_in_memory_that_rolled_back_fails_every_member() -> None:
    database = Database("sqlite+aiosqlite:///:memory:")
    await database.open()
    await database.writer.submit(Add("before"))
    await limit_pages(database)
    results = await asyncio.gather(
        database.writer.submit(Add("m1")), database.writer.run(add_big), return_exceptions=True
    )
    assert {type(result) for result in results} == {StoreUnavailable}
    assert await names(database) == ["before"]
    await assert_it_recovers(database, "before")
    await database.close()


async def test_a_lone_member_that_ignores_the_rollback_of_its_transaction_fails(
    file_database: Database,
) -> None:
    await limit_pages(file_database)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        await file_database.writer.run(add_big_and_ignore_the_error)
    assert not file_database.writer.healthy
    await assert_it_recovers(file_database)


async def test_a_file_that_became_read_only_is_reported_and_writes_resume(file_database: Database) -> None:
    await file_database.writer.submit(Add("before"))
    await set_pragma(file_database, "query_only=ON")
    await assert_writes_fail_with(file_database, "its file is read-only")
    await assert_it_recovers(file_database, "before")


@contextmanager
def failing_disk(bytes_before: int) -> Iterator[None]:
    """Let every write after `bytes_before` bytes of a file fail, like a failing disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_before, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_an_io_error_is_reported_and_writes_resume(file_database: Database) -> None:
    await file_database.writer.submit(Add("before"))
    assert await count(file_database) == 1
    before = file_database._store._writer._connection
    with failing_disk(4096):
        await assert_writes_fail_with(file_database, "reading or writing its file failed")
        await assert_writes_fail_with(file_database, "reading or writing its file failed")
        assert await count(file_database) == 1
    await assert_it_recovers(file_database, "before")
    assert file_database._store._writer._connection is not before


async def test_a_disk_that_fails_at_the_start_is_named(sqlite_url: str) -> None:
    with failing_disk(4096), pytest.raises(StartRefused, match="reading or writing its file failed"):
        await Database(sqlite_url).open()
    database = Database(sqlite_url)
    await database.open()
    await database.close()


async def test_a_removed_file_is_reported(file_database: Database, sqlite_path: Path) -> None:
    await file_database.writer.submit(Add("before"))
    with moved_aside(sqlite_path):
        await assert_writes_fail_with(
            file_database, "its file was removed or replaced; put it back, or restart"
        )
    await assert_it_recovers(file_database, "before")


async def test_a_file_that_was_replaced_is_never_written_to(
    file_database: Database, sqlite_path: Path
) -> None:
    with moved_aside(sqlite_path) as aside:
        shutil.copy(aside, sqlite_path)
        await assert_writes_fail_with(
            file_database, "its file was removed or replaced; put it back, or restart"
        )
        assert filecmp.cmp(aside, sqlite_path, shallow=False)
    await assert_it_recovers(file_database)


@contextmanager
def moved_aside(path: Path) -> Iterator[Path]:
    """Let there be no file within the block, or another one."""
    aside = path.rename(path.with_name("aside.db"))
    try:
        yield aside
    finally:
        aside.rename(path)


async def test_a_commit_that_fails_fails_every_member(file_database: Database) -> None:
    await file_database.writer.submit(Add("before"))

    async def deferred(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        await connection.exec_driver_sql(
            "INSERT INTO sessions (digest, person_id, created_at, last_seen_at, expires_at, user_agent) "
            "VALUES ('d', 'nobody', 1, 1, 1, '')"
        )

    results = await asyncio.gather(
        file_database.writer.submit(Add("m1")), file_database.writer.run(deferred), return_exceptions=True
    )
    assert [type(result).__name__ for result in results] == ["IntegrityError", "IntegrityError"]
    await assert_it_recovers(file_database, "before")


async def cut_off(database: Database, url: URL) -> None:
    await administer(
        url.set(database="postgres"),
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.database}'",  # noqa: S608 - its own name
    )


async def test_dropped_server_connections_are_replaced(server_database: Database, postgres_url: str) -> None:
    await server_database.writer.submit(Add("before"))
    assert await count(server_database) == 1
    await cut_off(server_database, make_url(postgres_url))
    results = await outcomes(server_database, "lost-1", "lost-2")
    assert [type(error) for error in results] == [StoreUnavailable] * 2
    assert await count(server_database) == 1
    await assert_it_recovers(server_database, "before")


async def test_an_aborted_transaction_on_a_server_is_never_reported_as_committed(
    server_database: Database,
) -> None:
    await server_database.writer.submit(Add("before"))

    async def ignore_an_error(connection: AsyncConnection) -> str:
        await connection.execute(insert(MESSAGES), message("undone"))
        with suppress(IntegrityError):
            await connection.execute(insert(MESSAGES), message("before"))
        return "ignored"

    with pytest.raises(DBAPIError, match="aborted"):
        await server_database.writer.run(ignore_an_error)
    results = await asyncio.gather(
        server_database.writer.submit(Add("m1")),
        server_database.writer.run(ignore_an_error),
        server_database.writer.submit(AddLater("m2")),
        server_database.writer.run(ignore_an_error),
        return_exceptions=True,
    )
    assert [results[0], results[2]] == ["added m1", "added m2"]
    assert isinstance(results[1], DBAPIError)
    assert isinstance(results[3], DBAPIError)
    await assert_it_recovers(server_database, "before", "m1", "m2")


async def test_a_dropped_idle_connection_is_replaced_transparently(
    server_database: Database, postgres_url: str
) -> None:
    await server_database.writer.submit(Add("before"))
    await cut_off(server_database, make_url(postgres_url))
    server_database._store._writer._used_at = 0.0
    await assert_it_recovers(server_database, "before")


async def test_a_server_that_accepts_no_connections_is_reported(
    server_database: Database, postgres_url: str
) -> None:
    url = make_url(postgres_url)
    await server_database.writer.submit(Add("before"))
    server = url.set(database="postgres")
    await administer(server, f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false')
    await cut_off(server_database, url)
    for _ in range(2):
        assert [type(error) for error in await outcomes(server_database, "lost")] == [StoreUnavailable]
    with pytest.raises(StoreUnavailable):
        await count(server_database)
    assert not server_database.writer.healthy
    await administer(server, f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')
    await assert_it_recovers(server_database, "before")


async def test_members_in_conflict_with_another_process_are_retried(
    server_database: Database, postgres_url: str
) -> None:
    other = Database(postgres_url)
    await other.open()
    met = asyncio.Barrier(2)

    def crossing(first: str, second: str) -> Callable[[AsyncConnection], Any]:
        tries = 0

        async def work(connection: AsyncConnection) -> int:
            nonlocal tries
            tries += 1
            touch = update(MESSAGES).values(delivery_count=1)
            await connection.execute(touch.where(MESSAGES.c.id == first))
            if tries == 1:
                await met.wait()
            await connection.execute(touch.where(MESSAGES.c.id == second))
            return tries

        return work

    await outcomes(server_database, "m1", "m2")
    tries = await asyncio.gather(
        server_database.writer.run(crossing("m1", "m2")), other.writer.run(crossing("m2", "m1"))
    )
    assert sorted(tries) == [1, 2]
    await other.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"username": "nobody"}, 'role "nobody" does not exist'),
        ({"query": {"host": "/nowhere"}}, "No such file or directory"),
        ({"query": {}, "host": "127.0.0.1", "port": 1}, "Connect call failed"),
    ],
)
async def test_a_refusing_server_is_reported_without_its_password(
    postgres_server: URL, change: dict[str, Any], sentence: str
) -> None:
    url = postgres_server.set(password="hunter2", **change)
    database = Database(url.render_as_string(hide_password=False))
    with pytest.raises(StartRefused, match=sentence) as caught:
        await database.open()
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_newer_schema_on_a_server_is_refused(postgres_url: str) -> None:
    await administer(make_url(postgres_url), "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StartRefused, match="has schema 9999"):
        await Database(postgres_url).open()


async def test_processes_that_start_together_migrate_one_after_the_other(postgres_server: URL) -> None:
    await administer(postgres_server, "CREATE DATABASE crowd")
    busy_database = postgres_server.set(database="crowd").render_as_string(hide_password=False)
    databases = [Database(busy_database) for _ in range(4)]
    await asyncio.gather(*(database.open() for database in databases))
    await asyncio.gather(*(database.writer.submit(Add(f"m{n}")) for n, database in enumerate(databases)))
    assert await count(databases[0]) == 4
    for database in databases:
        await database.close()
    await administer(postgres_server, "DROP DATABASE crowd WITH (FORCE)")
