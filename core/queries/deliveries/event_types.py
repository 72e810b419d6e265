"""The event types that deliveries have had, found without reading every delivery."""

from typing import Final

from sqlalchemy import Select, func, select

from breakwater.core.store.engine import Database
from breakwater.core.store.schema import DELIVERIES

MOST_KNOWN: Final = 1_000
"""Event types among which a text is looked for."""
MOST_OPTIONS: Final = 20


class EventTypes:
    """Reads event types for a list to choose from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def containing(self, text: str) -> tuple[str, ...]:
        """Return at most 20 event types that contain `text` in either case, those that begin with it first."""
        async with self._database.read() as connection:
            known = (await connection.execute(event_types_statement())).scalars().all()
        wanted = text.lower()
        found = [name for name in known if wanted in name.lower()]
        return tuple(
            sorted(found, key=lambda name: (not name.lower().startswith(wanted), name))[:MOST_OPTIONS]
        )


def event_types_statement() -> Select[str]:
    """Return the distinct event types by hopping along their index: one seek for each, however many deliveries."""
    types = DELIVERIES.c.event_type
    hops = select(func.min(types).label("event_type")).cte("hops", recursive=True)
    following = select(func.min(types)).where(types > hops.c.event_type).correlate(hops).scalar_subquery()
    hops = hops.union_all(select(following).where(hops.c.event_type.is_not(None)))
    return select(hops.c.event_type).where(hops.c.event_type.is_not(None)).limit(MOST_KNOWN)
