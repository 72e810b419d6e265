"""A message and its deliveries."""

from typing import Final

from sqlalchemy import Select, select

from breakwater.core.domain.errors import NotFound
from breakwater.core.ports import Clock
from breakwater.core.queries.deliveries.model import MessageView
from breakwater.core.queries.rows import LIST_COLUMNS, delivery_row, delivery_rows
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import DELIVERIES, MESSAGES

SHOWN_DELIVERIES: Final = 500
NO_ENDPOINT: Final = "No endpoint was subscribed to this event type, so nothing was delivered."
PRUNED: Final = "Its deliveries are past the retention period and were deleted."


class MessageQueries:
    """Reads messages."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, message_id: str) -> MessageView:
        """Return a message with its deliveries (the first 500), in two queries. Raises NotFound."""
        async with self._database.read() as connection:
            result = await connection.execute(select(MESSAGES).where(MESSAGES.c.id == message_id))
            row = result.mappings().one_or_none()
            if row is None:
                raise NotFound("message", message_id)
            statement = deliveries_statement(message_id, self._clock.now())
            deliveries = tuple(
                delivery_row(delivery) for delivery in (await connection.execute(statement)).mappings()
            )
        return MessageView(
            id=row["id"],
            event_type=row["event_type"],
            payload=row["payload"],
            idempotency_key=row["idempotency_key"],
            created_at=row["created_at"],
            deliveries=deliveries,
            note=_note(row["delivery_count"], len(deliveries)),
        )


def deliveries_statement(message_id: str, now: float) -> Select[*tuple[object, ...]]:
    """Return the statement that reads the deliveries of a message, oldest first."""
    listed = (
        select(*LIST_COLUMNS)
        .where(DELIVERIES.c.message_id == message_id)
        .order_by(DELIVERIES.c.id)
        .limit(SHOWN_DELIVERIES)
    )
    statement = delivery_rows(listed, now)
    return statement.order_by(statement.selected_columns["id"])


def _note(created: int, shown: int) -> str | None:
    if created == 0:
        return NO_ENDPOINT
    if shown == 0:
        return PRUNED
    return (
        None if shown == created else f"{created:,} deliveries were created; the first {shown:,} are shown."
    )
