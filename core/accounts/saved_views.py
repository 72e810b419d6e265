"""Saved views: delivery filters that a person saves under a name."""

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
MAX_VIEWS: Final = 30
"""Saved views of one person."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A filter with a name."""

    id: str
    name: str
    filter: str
    """The filter as `DeliveryFilter.to_query` writes it."""


class SavedViews:
    """Saves and lists views. `owner` is the id of a person or a key; views are visible to their owner only."""

    def __init__(self, database: Database, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock

    async def list(self, owner: str) -> tuple[SavedView, ...]:
        """Return the views of `owner`, by name."""
        columns = (SAVED_VIEWS.c.id, SAVED_VIEWS.c.name, SAVED_VIEWS.c.filter)
        statement = select(*columns).where(SAVED_VIEWS.c.owner == owner).order_by(SAVED_VIEWS.c.name)
        async with self._database.read() as connection:
            return tuple(SavedView(*row) for row in await connection.execute(statement))

    async def save(self, owner: str, name: str, filter_: DeliveryFilter) -> SavedView:
        """Save a filter, in place of an earlier one of this name.

        Raises InvalidInput for a name that is empty or too long, and for the filter that matches everything; Conflict
        when `owner` has thirty views.
        """
        view = SavedView(self._ids.make("viw"), _validated_name(name), filter_.to_query())
        if not view.filter:
            raise InvalidInput.of("filter", "matches every delivery. Filter by something first")

        async def save(connection: AsyncConnection) -> None:
            mine = SAVED_VIEWS.c.owner == owner
            await connection.execute(delete(SAVED_VIEWS).where(mine, SAVED_VIEWS.c.name == view.name))
            count = select(func.count()).select_from(SAVED_VIEWS).where(mine)
            if (await connection.execute(count)).scalar_one() >= MAX_VIEWS:
                raise Conflict(f"You already have {MAX_VIEWS} saved views. Delete one first.")
            values = {"id": view.id, "owner": owner, "name": view.name, "filter": view.filter}
            await connection.execute(insert(SAVED_VIEWS), {**values, "created_at": self._clock.now()})

        await self._database.writer.run(save)
        return view

    async def delete(self, owner: str, view_id: str) -> None:
        """Delete a view. Raises NotFound when `owner` has no view with this id."""

        async def delete_view(connection: AsyncConnection) -> None:
            statement = delete(SAVED_VIEWS).where(SAVED_VIEWS.c.owner == owner, SAVED_VIEWS.c.id == view_id)
            if (await connection.execute(statement)).rowcount == 0:
                raise NotFound("view", view_id)

        await self._database.writer.run(delete_view)


def _validated_name(name: str) -> str:
    cleaned_name = " ".join(name.split())
    if not cleaned_name:
        raise InvalidInput.of("name", "is empty. Enter a name for the view")
    if len(cleaned_name) > NAME_LENGTH:
        raise InvalidInput.of("name", f"is too long. Use at most {NAME_LENGTH} characters")
    return cleaned_name
