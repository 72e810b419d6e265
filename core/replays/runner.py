"""The background task that carries out replays, one step per second each."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.states import DeliveryState, Trigger
from breakwater.core.replays.coverage import RESENDABLE
from breakwater.core.replays.model import ReplayState
from breakwater.core.replays.rows import coverage_condition, endpoint_exists, filter_of, next_ids, replay_row
from breakwater.core.store.schema import DELIVERIES, REPLAY_ITEMS, REPLAYS

STEP_SECONDS: Final = 1.0
STEP_ROWS: Final = 250
"""Deliveries per transaction: each changes two rows, and other writes wait for the transaction."""
_Resent = Sequence[RowMapping]


class ReplayRunner:
    """Resends what running replays cover. Progress is committed with the resent deliveries, so a restart continues."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._credit: dict[str, float] = {}
        """Replay id -> the fraction of a delivery that a pace below one per second has accumulated."""

    async def run(self) -> None:
        """Take one step of every running replay per second, until cancelled."""
        while True:
            await self.step()
            await self._context.clock.sleep(STEP_SECONDS)

    async def step(self) -> None:
        """Take one step of every running replay."""
        running = select(REPLAYS).where(REPLAYS.c.state == ReplayState.RUNNING.value).order_by(REPLAYS.c.id)
        async with self._context.database.read() as connection:
            rows = (await connection.execute(running)).mappings().all()
        self._credit = {row["id"]: self._credit.get(row["id"], 0.0) for row in rows}
        for row in rows:
            await self._advance(row)

    async def _advance(self, row: RowMapping) -> None:
        credit = self._credit[row["id"]] + row["pace"] * STEP_SECONDS
        self._credit[row["id"]] = credit % 1.0
        if credit < 1:
            return
        # Read outside the write transaction: a filter may search payloads, and a long transaction delays deliveries.
        condition = coverage_condition(filter_of(row), row["up_to"], row["frozen_at"])
        async with self._context.database.read() as connection:
            ids = await next_ids(connection, condition, row["cursor"], int(credit))
        for start in range(0, max(1, len(ids)), STEP_ROWS):
            await self._resend(row["id"], ids[start : start + STEP_ROWS])

    async def _resend(self, replay_id: str, ids: Sequence[str]) -> None:
        """Resend some deliveries in one transaction, or end the replay when there are none."""
        resent = await self._context.database.writer.run(
            partial(self._write_resent, replay_id=replay_id, ids=ids)
        )
        for endpoint_id in {delivery["endpoint_id"] for delivery in resent}:
            self._context.dispatcher.note_due(endpoint_id)
        for delivery in resent:
            self._context.change_feed.publish("deliveries", delivery["id"])
        self._context.change_feed.publish("replays", replay_id)

    async def _write_resent(
        self, connection: AsyncConnection, *, replay_id: str, ids: Sequence[str]
    ) -> _Resent:
        row = await replay_row(connection, replay_id, lock=True)
        if row["state"] != ReplayState.RUNNING.value:
            return ()
        if not ids:
            await self._finish(connection, row)
            return ()
        # Another node may have advanced the replay since the ids were read.
        ids = [id_ for id_ in ids if id_ > row["cursor"]]
        if not ids:
            return ()
        resent = await self._still_covered(connection, row, ids)
        if resent:
            await self._reopen(connection, replay_id, resent)
        progress = {
            "cursor": ids[-1],
            "resent": row["resent"] + len(resent),
            "skipped": row["skipped"] + len(ids) - len(resent),
        }
        await connection.execute(update(REPLAYS).where(REPLAYS.c.id == replay_id).values(progress))
        return resent

    async def _still_covered(
        self, connection: AsyncConnection, row: RowMapping, ids: Sequence[str]
    ) -> _Resent:
        """Lock and return the deliveries of `ids` that have not changed since their ids were read."""
        unchanged = (
            select(DELIVERIES.c.id, DELIVERIES.c.endpoint_id, DELIVERIES.c.attempt_count)
            .where(
                DELIVERIES.c.id.in_(ids),
                DELIVERIES.c.state.in_(RESENDABLE),
                DELIVERIES.c.finished_at <= row["frozen_at"],
                endpoint_exists(),
            )
            .with_for_update(of=DELIVERIES)
        )
        return (await connection.execute(unchanged)).mappings().all()

    async def _reopen(self, connection: AsyncConnection, replay_id: str, resent: _Resent) -> None:
        now = self._context.clock.now()
        await connection.execute(
            update(DELIVERIES)
            .where(DELIVERIES.c.id.in_([delivery["id"] for delivery in resent]))
            .values(
                state=DeliveryState.PENDING.value,
                next_attempt_at=now,
                trigger=Trigger.MANUAL.value,
                budget_spent=0,
                lost_count=0,
                finished_at=None,
            )
        )
        items = [
            {
                "replay_id": replay_id,
                "delivery_id": delivery["id"],
                "attempts_before": delivery["attempt_count"],
                "resent_at": now,
            }
            for delivery in resent
        ]
        await connection.execute(insert(REPLAY_ITEMS), items)

    async def _finish(self, connection: AsyncConnection, row: RowMapping) -> None:
        # Deliveries whose endpoint was deleted during the replay are not read any more.
        unread = 0 if row["total_is_bound"] else row["total"] - row["resent"] - row["skipped"]
        skipped = row["skipped"] + max(0, unread)
        values = {
            "state": ReplayState.FINISHED.value,
            "finished_at": self._context.clock.now(),
            "skipped": skipped,
        }
        await connection.execute(update(REPLAYS).where(REPLAYS.c.id == row["id"]).values(values))
        outcome = f"Finished: {row['resent']:,} resent, {skipped:,} skipped (changed since then)."
        entry = AuditEntry("breakwater", "replay.finish", row["id"], outcome, affected=row["resent"])
        await self._context.audit_log.write(connection, entry)
