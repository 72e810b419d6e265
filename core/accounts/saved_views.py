"""Saved views: filters of deliveries that one person keeps under names of their own."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import SAVED_VIEWS

NAME_LENGTH: Final = 60
MOST: Final = 30
"""Views of one person: more do not help to find one."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A filter under a name."""

    id: str
    name: str
    filter: str
    """As `DeliveryFilter.to_query` writes it."""


class SavedViews:
    """Keeps and finds them. `owner` is the id of a person or a key: nobody sees the views of another."""

    def __init__(self, database: Database, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock

    async def of(self, owner: str) -> tuple[SavedView, ...]:
        """Return the views of `owner`, by name."""
        columns = (SAVED_VIEWS.c.id, SAVED_VIEWS.c.name, SAVED_VIEWS.c.filter)
        found = select(*columns).where(SAVED_VIEWS.c.owner == owner).order_by(SAVED_VIEWS.c.name)
        async with self._database.read() as connection:
            return tuple(SavedView(*row) for row in await connection.execute(found))

    async def save(self, owner: str, name: str, wanted: DeliveryFilter) -> SavedView:
        """Keep a filter; what had this name before is replaced.

        Raises InvalidInput for a name that is empty or too long, and for the filter that matches everything; Conflict
        when `owner` has thirty already.
        """
        view = SavedView(self._ids.make("viw"), _checked(name), wanted.to_query())
        if not view.filter:
            raise InvalidInput.of("filter", "matches every delivery: choose something to filter by first")

        async def save(connection: AsyncConnection) -> None:
            mine = SAVED_VIEWS.c.owner == owner
            await connection.execute(delete(SAVED_VIEWS).where(mine, SAVED_VIEWS.c.name == view.name))
            kept = select(func.count()).select_from(SAVED_VIEWS).where(mine)
            if (await connection.execute(kept)).scalar_one() >= MOST:
                raise Conflict(f"You have {MOST} views already: delete one first.")
            values = {"id": view.id, "owner": owner, "name": view.name, "filter": view.filter}
            await connection.execute(insert(SAVED_VIEWS), {**values, "created_at": self._clock.now()})

        await self._database.writer.run(save)
        return view

    async def delete(self, owner: str, view_id: str) -> None:
        """Forget a view. Raises NotFound where `owner` has none of this id."""

        async def forget(connection: AsyncConnection) -> None:
            mine = delete(SAVED_VIEWS).where(SAVED_VIEWS.c.owner == owner, SAVED_VIEWS.c.id == view_id)
            if (await connection.execute(mine)).rowcount == 0:
                raise NotFound("view", view_id)

        await self._database.writer.run(forget)


def _checked(name: str) -> str:
    shown = " ".join(name.split())
    if not shown:
        raise InvalidInput.of("name", "is empty: name the view as you will look for it")
    if len(shown) > NAME_LENGTH:
        raise InvalidInput.of("name", f"is longer than {NAME_LENGTH} characters: shorten it")
    return shown
