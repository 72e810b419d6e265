"""Add to a week of deliveries: a long replay, many attempts, a full audit log, people, keys and views."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bench._history import Filler, Moving
from breakwater.core.ids import Ids
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import (
    API_KEYS,
    ATTEMPTS,
    AUDIT,
    CIRCUITS,
    DELIVERIES,
    ENDPOINTS,
    MESSAGES,
    PEOPLE,
    REPLAY_ITEMS,
    REPLAYS,
)

REPLAYED: Final = 100_000
AUDITED: Final = 100_000
MANY_ATTEMPTS: Final = 100
_CHUNK: Final = 20_000
_DAY: Final = 86_400.0

Write = Callable[[AsyncConnection], Awaitable[None]]


@dataclass(frozen=True)
class Stored:
    """The ids that the requests use."""

    attempts: int
    ended_at: float
    """When the newest delivery was created."""
    alive: str
    dead: str
    deleted: str
    delivered: str
    held: str
    tried_often: str
    message: str
    wide_message: str
    """A message to all endpoints."""
    replay: str


async def stored_in(path: Path, attempts: int) -> Stored:
    """Return the ids in the SQLite file at `path`; fill it first when it is empty."""
    database = Database(f"sqlite+aiosqlite:///{path}")
    await database.open()
    try:
        if not await read_first(database, select(func.count()).select_from(DELIVERIES)):
            await Filler(time.time(), attempts).fill(database)
        if not await read_first(database, select(REPLAYS.c.id).limit(1)):
            await _Additions(database).write()
        await database.writer.run(_hold_everything)
        return await _stored(database)
    finally:
        await database.close()


async def _stored(database: Database) -> Stored:
    async def first_value(statement: Select[Any]) -> Any:
        return await read_first(database, statement)

    failed = select(ATTEMPTS.c.delivery_id).where(ATTEMPTS.c.number == MANY_ATTEMPTS).limit(1)
    deliveries = select(DELIVERIES.c.id).order_by(DELIVERIES.c.id.desc())
    middle = await first_value(deliveries.where(DELIVERIES.c.state == "delivered").offset(300_000).limit(1))
    middle = middle or await first_value(deliveries.where(DELIVERIES.c.state == "delivered").limit(1))
    circuits = select(CIRCUITS.c.endpoint_id).order_by(CIRCUITS.c.endpoint_id).limit(1)
    return Stored(
        attempts=await first_value(select(func.count()).select_from(ATTEMPTS)),
        ended_at=await first_value(select(DELIVERIES.c.created_at).order_by(DELIVERIES.c.id.desc()).limit(1)),
        alive=await first_value(circuits.where(CIRCUITS.c.state == "closed")),
        dead=await first_value(circuits.where(CIRCUITS.c.state == "open")),
        deleted=await first_value(select(ENDPOINTS.c.id).where(ENDPOINTS.c.deleted_at.is_not(None)).limit(1)),
        delivered=middle,
        held=await first_value(deliveries.where(DELIVERIES.c.state == "pending").limit(1)) or middle,
        tried_often=await first_value(failed),
        message=await first_value(select(DELIVERIES.c.message_id).where(DELIVERIES.c.id == middle)),
        wide_message=await first_value(select(MESSAGES.c.id).where(MESSAGES.c.delivery_count > 1).limit(1)),
        replay=await first_value(select(REPLAYS.c.id).order_by(REPLAYS.c.id).limit(1)),
    )


async def read_first(database: Database, statement: Select[Any]) -> Any:
    async with database.read() as connection:
        return (await connection.execute(statement)).scalar()


async def _hold_everything(connection: AsyncConnection) -> None:
    """Hold all deliveries while pages are measured: the hosts of the endpoints do not exist."""
    shut = {"state": "open", "retry_at": time.time() + _DAY, "permits": []}
    await connection.execute(update(CIRCUITS).where(CIRCUITS.c.state != "closed").values(shut))


class _Additions:
    """Writes the rows that the history does not have."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = time.time()
        self._ids = Ids(Moving(self._now))

    async def write(self) -> None:
        """Write all rows."""
        for part in (self._replays, self._attempts, self._audit, self._wide_message, self._people):
            await self._database.writer.run(part)

    async def _replays(self, connection: AsyncConnection) -> None:
        replay_id = self._ids.make("rpl")
        replays = [
            self._replay(replay_id, REPLAYED),
            *(self._replay(self._ids.make("rpl"), 3) for _ in range(120)),
        ]
        await connection.execute(insert(REPLAYS), replays)
        chosen = (
            select(DELIVERIES.c.id).where(DELIVERIES.c.state.in_(("delivered", "failed"))).limit(REPLAYED)
        )
        ids = (await connection.execute(chosen)).scalars()
        items = [
            {"replay_id": replay_id, "delivery_id": id_, "attempts_before": 1, "resent_at": self._now}
            for id_ in ids
        ]
        await _insert(connection, REPLAY_ITEMS, items)

    def _replay(self, replay_id: str, total: int) -> dict[str, Any]:
        return {
            "id": replay_id,
            "filter": "status=failed",
            "words": "failed deliveries",
            "up_to": "dlv_z",
            "frozen_at": self._now,
            "pace": 50.0,
            "reason": "the receiver is back",
            "state": "finished",
            "created_by": "person:ada",
            "created_at": self._now,
            "finished_at": self._now,
            "total": total,
            "total_is_bound": False,
            "cursor": "",
            "resent": total,
            "skipped": 0,
        }

    async def _attempts(self, connection: AsyncConnection) -> None:
        """Add as many attempts to one failed delivery as its page shows, each with a full response."""
        failed = select(DELIVERIES).where(DELIVERIES.c.state == "failed").limit(1)
        delivery = (await connection.execute(failed)).mappings().one()
        await connection.execute(ATTEMPTS.delete().where(ATTEMPTS.c.delivery_id == delivery["id"]))
        headers = [[f"x-header-{number}", "v" * 40] for number in range(20)]
        rows = [
            {
                "id": self._ids.make("att"),
                "delivery_id": delivery["id"],
                "endpoint_id": delivery["endpoint_id"],
                "number": number,
                "trigger": "manual" if number % 10 == 0 else "schedule",
                "started_at": self._now - 60.0 * (MANY_ATTEMPTS - number),
                "duration_ms": 40 + number,
                "failure_class": "server_error",
                "status_code": 500 + number % 4,
                "error": "500 Internal Server Error",
                "request_headers": [
                    ["content-type", "application/json"],
                    ["webhook-id", delivery["message_id"]],
                ],
                "response_headers": [*headers, ["x-request", str(number)]],
                "response_body": b'{"error":"%b"}' % (b"no " * (200 + number)),
                "response_truncated": False,
            }
            for number in range(1, MANY_ATTEMPTS + 1)
        ]
        await connection.execute(insert(ATTEMPTS), rows)
        counted = {"attempt_count": MANY_ATTEMPTS, "failure_class": "server_error"}
        await connection.execute(update(DELIVERIES).where(DELIVERIES.c.id == delivery["id"]).values(counted))

    async def _audit(self, connection: AsyncConnection) -> None:
        written = (await connection.execute(select(func.count()).select_from(AUDIT))).scalar_one()
        rows = [
            {
                "id": self._ids.make("aud"),
                "at": self._now,
                "actor": f"person:p{number % 9}",
                "action": "endpoint.update" if number % 50 else "circuit.reset",
                "subject": f"ep_{number % 60}",
                "reason": "requested by the receiver",
                "outcome": "Changed: timeout_seconds.",
                "detail": {"timeout_seconds": [10.0, 20.0]},
                "affected": 1,
            }
            for number in range(AUDITED - written)
        ]
        await _insert(connection, AUDIT, rows)

    async def _wide_message(self, connection: AsyncConnection) -> None:
        """Write a message to all endpoints, and an endpoint that is deleted."""
        endpoints = (await connection.execute(select(ENDPOINTS))).mappings().all()
        deleted = {"id": self._ids.make("ep"), "name": "shop-gone", "deleted_at": self._now}
        await connection.execute(insert(ENDPOINTS), dict(endpoints[0]) | deleted)
        example = (
            (await connection.execute(select(DELIVERIES).where(DELIVERIES.c.state == "delivered").limit(1)))
            .mappings()
            .one()
        )
        message_id = self._ids.make("msg")
        message = {
            "id": message_id,
            "event_type": "order.created",
            "payload": b'{"lines":[%b1]}' % (b'{"sku":"a-1","n":3},' * 2_000),
            "delivery_count": len(endpoints),
            "created_at": self._now,
        }
        await connection.execute(insert(MESSAGES), message)
        row = {"message_id": message_id, "created_at": self._now, "finished_at": self._now}
        rows = [
            dict(example) | row | {"id": self._ids.make("dlv"), "endpoint_id": endpoint["id"]}
            for endpoint in endpoints
        ]
        await connection.execute(insert(DELIVERIES), rows)

    async def _people(self, connection: AsyncConnection) -> None:
        people = [
            {"id": self._ids.make("prs"), "name": f"p{number}", "role": "operator", "created_at": self._now}
            for number in range(50)
        ]
        keys = [
            {
                "id": self._ids.make("key"),
                "name": f"ci-{number}",
                "sender": f"ci-{number}",
                "digest": f"{number:064}",
                "preview": "bw_3f9a…",
                "scopes": ["read", "send"],
                "created_at": self._now,
                "created_by": "person:ada",
            }
            for number in range(50)
        ]
        await connection.execute(insert(PEOPLE), people)
        await connection.execute(insert(API_KEYS), keys)


async def _insert(connection: AsyncConnection, table: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _CHUNK):
        await connection.execute(insert(table), rows[start : start + _CHUNK])
