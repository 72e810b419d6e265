"""Commands for the tests of the writer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import BreakwaterError, NotFound
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import MESSAGES


@dataclass
class AppliedBatches:
    """The batches that were applied, as lists of the names of their members."""

    batches: list[list[str]] = field(default_factory=list)


def message(name: str, **columns: Any) -> dict[str, Any]:
    """Return the row of a message."""
    row = {"event_type": "order.paid", "payload": b"{}", "delivery_count": 0, "idempotency_key": None}
    return {"id": name, **row, "created_at": 1.0, **columns}


@dataclass
class Add:
    """Insert a message, and tell which batch that was part of."""

    name: str
    applied: AppliedBatches = field(default_factory=AppliedBatches)

    @classmethod
    async def apply(cls, connection: AsyncConnection, members: Sequence[Self]) -> Sequence[str]:
        members[0].applied.batches.append([member.name for member in members])
        await connection.execute(insert(MESSAGES), [message(member.name) for member in members])
        return [f"added {member.name}" for member in members]


@dataclass
class AddLater(Add):
    """The same, as a class of its own."""


@dataclass
class Missing:
    """Return NotFound."""

    name: str

    @classmethod
    async def apply(
        cls, _connection: AsyncConnection, members: Sequence[Self]
    ) -> Sequence[BreakwaterError | str]:
        return [
            NotFound("message", member.name) if member.name == "missing" else "found" for member in members
        ]


async def count(database: Database) -> int:
    """Return how many messages there are."""
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(MESSAGES))).scalar_one()


async def names(database: Database) -> list[str]:
    """Return the messages in their order."""
    async with database.read() as connection:
        return list((await connection.execute(select(MESSAGES.c.id).order_by(MESSAGES.c.id))).scalars())
