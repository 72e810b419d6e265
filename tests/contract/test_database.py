"""What every database does alike: reads, upserts, plans, and refused operations."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import StartRefused, StoreUnavailable
from breakwater.core.store.engine import Database, upsert
from breakwater.core.store.schema import ATTEMPTS, DELIVERIES, ENDPOINTS, MESSAGES, MINUTE_STATS
from tests.contract.commands import Add, count, message, names
from tests.contract.recorded_sql import explained

STAT_KEYS = ("endpoint_id", "minute", "outcome", "latency_bucket")


def stat(endpoint: str, attempts: int) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint,
        "minute": 1,
        "outcome": "success",
        "latency_bucket": 4,
        "attempts": attempts,
    }


async def stats(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        rows = await connection.execute(select(MINUTE_STATS.c.endpoint_id, MINUTE_STATS.c.attempts))
        return {row.endpoint_id: row.attempts for row in rows}


async def put(database: Database, rows: list[dict[str, Any]], **changes: Any) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(upsert(connection, MINUTE_STATS, STAT_KEYS, **changes), rows)

    await database.writer.run(work)


async def test_an_upsert_adds_up(database: Database) -> None:
    await put(database, [stat("a", 1), stat("b", 2)], add=["attempts"])
    await put(database, [stat("b", 3), stat("c", 4)], add=["attempts"])
    assert await stats(database) == {"a": 1, "b": 5, "c": 4}


async def test_an_upsert_replaces(database: Database) -> None:
    await put(database, [stat("a", 1)], replace=["attempts"])
    await put(database, [stat("a", 7)], replace=["attempts"])
    assert await stats(database) == {"a": 7}


async def test_an_upsert_that_changes_nothing_keeps_the_first(database: Database) -> None:
    await put(database, [stat("a", 1)])
    await put(database, [stat("a", 7)])
    assert await stats(database) == {"a": 1}


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StoreUnavailable, match="read-only"):
        async with database.read() as connection:
            await connection.execute(insert(MESSAGES), message("m1"))
    await database.writer.submit(Add("m2"))
    assert await names(database) == ["m2"]


async def test_a_reader_sees_one_state(durable_url: str) -> None:
    database = Database(durable_url)
    await database.open()
    async with database.read() as connection:
        first = (await connection.execute(select(MESSAGES.c.id))).all()
        await asyncio.create_task(database.writer.submit(Add("m1")))
        assert (await connection.execute(select(MESSAGES.c.id))).all() == first == []
    assert await names(database) == ["m1"]
    await database.close()


async def test_readers_run_while_a_write_is_in_progress(database: Database) -> None:
    async def write() -> None:
        for n in range(20):
            await database.writer.submit(Add(f"m{n:02}"))

    counts, _ = await asyncio.gather(asyncio.gather(*(count(database) for _ in range(50))), write())
    assert all(0 <= row_count <= 20 for row_count in counts)
    assert await count(database) == 20


async def test_a_new_database_is_never_reported_as_locked(durable_url: str) -> None:
    for round_ in range(5):
        database = Database(durable_url)
        await database.open()
        write = database.writer.submit(Add(f"m{round_}"))
        counts = await asyncio.gather(*(count(database) for _ in range(20)), write)
        assert set(counts[:-1]) <= {round_, round_ + 1}
        await database.close()


async def test_a_cancelled_reader_does_not_harm_the_others(database: Database) -> None:
    await database.writer.submit(Add("m1"))
    for turns in range(8):
        readers = [asyncio.create_task(count(database)) for _ in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        readers[0].cancel()
        assert (await asyncio.gather(*readers, return_exceptions=True))[1:] == [1, 1]
    assert await count(database) == 1


async def test_a_failed_reader_releases_its_connection(database: Database) -> None:
    async def failing() -> None:
        async with database.read() as connection:
            await connection.execute(text("SELECT 1"))
            raise ZeroDivisionError

    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            await failing()
    assert await count(database) == 0


async def test_a_nested_read_transaction_is_refused(database: Database) -> None:
    async with database.read():
        with pytest.raises(RuntimeError, match="leave the block"):
            async with database.read():
                pass
    assert await count(database) == 0


async def test_an_invalid_statement_is_not_reported_as_a_lost_database(database: Database) -> None:
    with pytest.raises(Exception, match="nowhere") as caught:
        async with database.read() as connection:
            await connection.execute(text("SELECT * FROM nowhere"))
    assert not isinstance(caught.value, StoreUnavailable)


async def test_a_plan_names_the_index_that_it_uses(database: Database) -> None:
    statement = select(MESSAGES).where(MESSAGES.c.id == "m1")
    async with database.read() as connection:
        plan = await explained(connection, statement)
    assert any("messages" in line for line in plan)
    assert not any("SCAN" in line or "Seq Scan" in line for line in plan)


async def test_committed_rows_are_there_after_a_restart(durable_url: str) -> None:
    for n in range(3):
        database = Database(durable_url)
        await database.open()
        assert await count(database) == n
        await database.writer.submit(Add(f"m{n}"))
        await database.close()


async def test_closing_twice_or_without_opening_is_allowed(database_url: str) -> None:
    database = Database(database_url)
    await database.close()
    await database.open()
    await database.close()
    await database.close()


async def test_column_values_are_read_as_they_were_written(database: Database) -> None:
    values = {
        "id": "ep_1",
        "name": "Größe ☃",
        "url": "https://example.com",
        "event_types": ["a.b", "ü"],
        "retry_delays": [1.5, 2.0],
        "circuit": {"failure_threshold": 3},
        "headers": {"X-A": "1"},
        "secret": b"\x00\xff",
        "created_at": 1795310000.123456,
        "updated_at": 1795310000.123457,
    }

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(ENDPOINTS), values)

    await database.writer.run(work)
    async with database.read() as connection:
        row = (await connection.execute(select(ENDPOINTS))).mappings().one()
    assert {key: row[key] for key in values} == values
    assert (row["state"], row["max_in_flight"], row["adhoc_key"]) == ("enabled", 64, None)


async def seed_delivery(database: Database) -> None:
    endpoint = {"id": "ep_1", "name": "", "url": "", "created_at": 1.0, "updated_at": 1.0}
    delivery = {
        "id": "dlv_1",
        "message_id": "m1",
        "endpoint_id": "ep_1",
        "event_type": "a",
        "state": "pending",
        "created_at": 1.0,
    }
    attempt = {
        "id": "att_1",
        "delivery_id": "dlv_1",
        "endpoint_id": "ep_1",
        "number": 1,
        "trigger": "schedule",
        "started_at": 1.0,
    }

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(ENDPOINTS), endpoint)
        await connection.execute(insert(MESSAGES), message("m1"))
        await connection.execute(insert(DELIVERIES), delivery)
        await connection.execute(insert(ATTEMPTS), attempt)

    await database.writer.run(work)


async def test_deleting_a_message_deletes_its_deliveries_and_attempts(database: Database) -> None:
    await seed_delivery(database)
    await database.writer.run(lambda connection: connection.execute(MESSAGES.delete()))
    async with database.read() as connection:
        assert (await connection.execute(select(DELIVERIES.c.id).union(select(ATTEMPTS.c.id)))).all() == []


async def test_a_delivery_to_no_endpoint_is_refused(database: Database) -> None:
    await seed_delivery(database)
    with pytest.raises(IntegrityError):
        await database.writer.run(
            lambda connection: connection.execute(update(DELIVERIES).values(endpoint_id="ep_2"))
        )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "The database URL is not valid"),
        ("mysql+aiomysql://root@localhost/breakwater", "Database mysql.* is not supported"),
        ("sqlite:///breakwater.db", "Database sqlite is not supported"),
    ],
)
def test_another_database_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(StartRefused, match=sentence):
        Database(url)
