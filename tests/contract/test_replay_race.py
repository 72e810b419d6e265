"""Two nodes that start the same replay at the same time: one of them does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic.command import upgrade as upgrade_to
from sqlalchemy import column, create_engine, insert, select, table
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import Conflict
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.replays import ReplayView
from breakwater.core.runtime import Runtime
from breakwater.core.store.engine import Database
from breakwater.core.store.migrations import upgrade
from breakwater.core.store.migrations.alembic_runner import config_for
from breakwater.core.store.schema import AUDIT, REPLAYS
from tests.delivery.running_engine import RunningEngine, settings_for
from tests.fakes import ManualClock, ScriptedSender

FAILED = DeliveryFilter.parse({"status": "failed"})
ACTOR = "person:ada"


@pytest.fixture
async def nodes(emptied_postgres_url: str, tmp_path: Path) -> AsyncIterator[list[RunningEngine]]:
    """Run two nodes on one PostgreSQL, with a failed delivery."""
    settings = settings_for(tmp_path, drain_seconds=0).model_copy(
        update={"database_url": emptied_postgres_url}
    )
    async with AsyncExitStack() as stack:
        nodes = []
        for _ in range(2):
            clock, sender = ManualClock(), ScriptedSender()
            runtime = await stack.enter_async_context(Runtime(settings, clock=clock, sender=sender))
            nodes.append(RunningEngine(runtime, clock, sender))
        first = nodes[0]
        await first.endpoint()
        first.sender.default = Response(400)
        await first.reaches(await first.send_one(), DeliveryState.FAILED)
        yield nodes


def replay(**columns: Any) -> dict[str, Any]:
    row = {
        "id": "rpl_1",
        "filter": "status=failed",
        "filter_digest": "d1",
        "words": "failed deliveries",
        "up_to": "",
    }
    numbers = {"frozen_at": 1.0, "pace": 1.0, "created_at": 1.0, "total": 1, "resent": 0, "skipped": 0}
    rest = {"state": "running", "created_by": ACTOR, "cursor": "", "total_is_bound": False}
    return row | numbers | rest | columns


async def test_of_two_nodes_that_start_the_same_replay_one_is_refused(nodes: list[RunningEngine]) -> None:
    plans = [await node.runtime.replays.plan(FAILED) for node in nodes]
    looked = asyncio.Event()
    go_on = asyncio.Event()
    writer = nodes[0].runtime.database.writer
    audit_log = nodes[0].runtime._context.audit_log
    write = audit_log.write

    async def write_later(connection: AsyncConnection, entry: Any) -> None:
        """Hold the transaction of the first node open after its insert."""
        looked.set()
        await go_on.wait()
        await write(connection, entry)

    audit_log.write = write_later  # type: ignore[method-assign]
    assert writer.healthy

    async def start(index: int) -> ReplayView:
        return await nodes[index].runtime.replays.start(plans[index], actor=ACTOR)

    first = asyncio.create_task(start(0))
    await looked.wait()
    second = asyncio.create_task(start(1))
    await asyncio.wait([second], timeout=0.3)
    assert not second.done()  # it waits for the transaction of the first
    go_on.set()
    replay_id = (await first).id
    with pytest.raises(Conflict, match=f"{replay_id} already resends these deliveries"):
        await second
    async with nodes[1].runtime.database.read() as connection:
        ids = (await connection.execute(select(REPLAYS.c.id))).scalars().all()
        started = await connection.execute(select(AUDIT.c.subject).where(AUDIT.c.action == "replay.start"))
        assert ids == started.scalars().all() == [replay_id]


async def test_the_database_refuses_a_second_active_replay_of_a_filter(database: Database) -> None:
    async def add(connection: AsyncConnection, **columns: Any) -> None:
        await connection.execute(insert(REPLAYS), replay(**columns))

    await database.writer.run(add)
    for state in ("running", "paused"):
        with pytest.raises(IntegrityError):
            await database.writer.run(
                lambda connection, state=state: add(connection, id="rpl_2", state=state)
            )
    for state in ("finished", "cancelled"):
        await database.writer.run(
            lambda connection, state=state: add(connection, id=f"rpl_{state}", state=state)
        )
    await database.writer.run(lambda connection: add(connection, id="rpl_3", filter_digest="d2"))


def test_a_database_in_which_two_nodes_started_the_same_replay_is_migrated() -> None:
    with create_engine("sqlite://").connect() as connection:
        upgrade_to(config_for(connection), "0006")
        rows = [
            replay(id=f"rpl_{n}", state=state) for n, state in enumerate(["finished", "running", "paused"])
        ]
        columns = [name for name in rows[0] if name != "filter_digest"]
        older = table("replays", *(column(name) for name in columns))
        connection.execute(insert(older), [{name: row[name] for name in columns} for row in rows])
        upgrade(connection)
        digests = connection.execute(
            select(REPLAYS.c.id, REPLAYS.c.filter_digest).order_by(REPLAYS.c.id)
        ).all()
        assert [(row.id, row.filter_digest is not None) for row in digests] == [
            ("rpl_0", False),
            ("rpl_1", True),
            ("rpl_2", False),
        ]
