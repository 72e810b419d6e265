"""The distinct event types of deliveries, read without reading every delivery."""

from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.store.schema import DELIVERIES

MAX_EVENT_TYPES: Final = 1_000
"""Event types that are searched for a text."""
MAX_OPTIONS: Final = 20


async def read_event_types(connection: AsyncConnection, text: str) -> tuple[str, ...]:
    """Return at most 20 event types that contain `text` in either case, those that begin with it first."""
    names = (await connection.execute(event_types_statement())).scalars().all()
    lowered = text.lower()
    matching = [name for name in names if lowered in name.lower()]
    return tuple(
        sorted(matching, key=lambda name: (not name.lower().startswith(lowered), name))[:MAX_OPTIONS]
    )


def event_types_statement() -> Select[str]:
    """Return the statement that reads the distinct event types: one index seek per type, a loose index scan."""
    types = DELIVERIES.c.event_type
    hops = select(func.min(types).label("event_type")).cte("hops", recursive=True)
    following = select(func.min(types)).where(types > hops.c.event_type).correlate(hops).scalar_subquery()
    hops = hops.union_all(select(following).where(hops.c.event_type.is_not(None)))
    return select(hops.c.event_type).where(hops.c.event_type.is_not(None)).limit(MAX_EVENT_TYPES)
