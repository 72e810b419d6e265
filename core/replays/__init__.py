"""Plan, start, pause, resume, cancel and read bulk resends."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.operations.result import OperationResult
from breakwater.core.queries import Queries
from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.model import Page
from breakwater.core.replays.coverage import read_coverage
from breakwater.core.replays.model import ACTIVE, Plan, ReplayState, ReplayView
from breakwater.core.replays.outcome_counts import OutcomeCounts
from breakwater.core.replays.rows import replay_row, replay_view
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS, REPLAY_ITEMS, REPLAYS

__all__ = ["DEFAULT_PACE", "MAX_PACE", "Plan", "ReplayState", "ReplayView", "Replays"]

DEFAULT_PACE: Final = 50.0
MAX_PACE: Final = 1000.0
"""Deliveries per second."""
_SAMPLE_SIZE: Final = 5
_LIST_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class _StateChange:
    """An operation on a started replay: from which states into which."""

    action: str
    past_tense: str
    from_states: frozenset[ReplayState]
    to_state: ReplayState


_PAUSE: Final = _StateChange("pause", "Paused", frozenset({ReplayState.RUNNING}), ReplayState.PAUSED)
_RESUME: Final = _StateChange("resume", "Resumed", frozenset({ReplayState.PAUSED}), ReplayState.RUNNING)
_CANCEL: Final = _StateChange("cancel", "Cancelled", ACTIVE, ReplayState.CANCELLED)


class Replays:
    """Plans, starts, controls and reads bulk resends. `ReplayRunner` carries them out."""

    def __init__(self, context: EngineContext, queries: Queries) -> None:
        self._context = context
        self._queries = queries
        self._outcomes = OutcomeCounts(context.clock)

    async def plan(
        self, filters: DeliveryFilter, up_to: str | None = None, frozen_at: float | None = None
    ) -> Plan:
        """Return what a replay would do: the dry run. Change nothing.

        `up_to` is the newest delivery that a person saw when choosing; it defaults to the newest one stored. The
        `frozen_at` of an earlier dry run repeats its snapshot, without deliveries that have changed since.
        """
        now = self._context.clock.now()
        frozen_at = now if frozen_at is None else min(frozen_at, now)
        async with self._context.database.read() as connection:
            newest = up_to or await _newest(connection)
            name = await _endpoint_name(connection, filters)
            coverage = await read_coverage(connection, filters, newest, frozen_at, _SAMPLE_SIZE)
        rows = await self._queries.deliveries.by_ids(coverage.first) if coverage.first else ()
        return Plan(
            filter=filters,
            words=filters.in_words(name),
            up_to=newest,
            frozen_at=frozen_at,
            total=coverage.total,
            endpoints=coverage.endpoints,
            deleted_endpoints=coverage.deleted_endpoints,
            states=coverage.states,
            sample=rows[::-1],
            bounds=coverage.bounds,
        )

    async def start(
        self,
        plan: Plan,
        *,
        actor: str,
        reason: str | None = None,
        pace: float = DEFAULT_PACE,
    ) -> ReplayView:
        """Start to resend what `plan` covers, oldest first, at most `pace` deliveries per second.

        Raises InvalidInput for a pace out of bounds, and Conflict when the plan covers nothing or another replay of
        the same filter is running.
        """
        if not 0 < pace <= MAX_PACE:
            raise InvalidInput.of(
                "pace", f"must be more than 0 and at most {MAX_PACE:,.0f} deliveries per second"
            )
        if plan.total.value == 0:
            search_note = f" {plan.bounds.sentence}" if plan.bounds else ""
            raise Conflict(f"Nothing to resend among {plan.words}.{search_note}")
        row = self._row(plan, actor, reason, pace)

        async def write(connection: AsyncConnection) -> None:
            if (other := await _find_active(connection, row["filter"])) is not None:
                raise Conflict(f"{other} already resends these deliveries. Wait for it, or cancel it.")
            await connection.execute(insert(REPLAYS), row)
            outcome = f"Resending {plan.total}: {plan.words}, {pace:g} per second."
            entry = AuditEntry(actor, "replay.start", row["id"], outcome, reason, affected=plan.total.value)
            await self._context.audit_log.write(connection, entry)

        try:
            await self._context.database.writer.run(write)
        except IntegrityError:  # another node started the same replay after this transaction had looked
            await self._context.database.writer.run(write)
        self._publish(row["id"])
        return await self.get(row["id"])

    def _row(self, plan: Plan, actor: str, reason: str | None, pace: float) -> dict[str, Any]:
        return {
            "id": self._context.ids.make("rpl"),
            "filter": plan.filter.to_query(),
            "filter_digest": hashlib.sha256(plan.filter.to_query().encode()).hexdigest(),
            "words": plan.words,
            "up_to": plan.up_to,
            "frozen_at": plan.frozen_at,
            "pace": pace,
            "reason": reason,
            "state": ReplayState.RUNNING.value,
            "created_by": actor,
            "created_at": self._context.clock.now(),
            "total": plan.total.value,
            "total_is_bound": plan.total.more,
            "cursor": "",
            "resent": 0,
            "skipped": 0,
        }

    async def pause(self, replay_id: str, *, actor: str) -> OperationResult:
        """Pause a replay. Raises Conflict unless it is running."""
        return await self._change_state(replay_id, _PAUSE, actor)

    async def resume(self, replay_id: str, *, actor: str) -> OperationResult:
        """Continue a replay. Raises Conflict unless it is paused."""
        return await self._change_state(replay_id, _RESUME, actor)

    async def cancel(self, replay_id: str, *, actor: str) -> OperationResult:
        """Cancel a replay; deliveries that were resent stay resent. Raises Conflict when it has finished."""
        return await self._change_state(replay_id, _CANCEL, actor)

    async def get(self, replay_id: str) -> ReplayView:
        """Return one replay. Raises NotFound."""
        async with self._context.database.read() as connection:
            row = await replay_row(connection, replay_id)
            return replay_view(row, await self._outcomes.get(connection, replay_id, row["resent"]))

    async def all(self) -> tuple[ReplayView, ...]:
        """Return the latest 100 replays, newest first. Their outcomes are not counted."""
        statement = select(REPLAYS).order_by(REPLAYS.c.id.desc()).limit(_LIST_LIMIT)
        async with self._context.database.read() as connection:
            return tuple(replay_view(row) for row in (await connection.execute(statement)).mappings())

    async def results(self, replay_id: str, after: str = "", limit: int = 50) -> Page[DeliveryRow]:
        """Return the current rows of the deliveries that were resent, in that order. Raises NotFound.

        `after` is the `next_cursor` of the page before.
        """
        items = (
            select(REPLAY_ITEMS.c.delivery_id)
            .where(REPLAY_ITEMS.c.replay_id == replay_id, REPLAY_ITEMS.c.delivery_id > after)
            .order_by(REPLAY_ITEMS.c.delivery_id)
            .limit(limit + 1)
        )
        async with self._context.database.read() as connection:
            await replay_row(connection, replay_id)
            ids = list((await connection.execute(items)).scalars())
        rows = await self._queries.deliveries.by_ids(ids[:limit]) if ids else ()
        return Page(rows[::-1], ids[limit - 1] if len(ids) > limit else None)

    async def _change_state(self, replay_id: str, change: _StateChange, actor: str) -> OperationResult:
        async def write(connection: AsyncConnection) -> OperationResult:
            row = await replay_row(connection, replay_id, lock=True)
            if ReplayState(row["state"]) not in change.from_states:
                raise Conflict(f"The replay is {row['state']}.")
            finished_at = self._context.clock.now() if change is _CANCEL else None
            values = {"state": change.to_state.value, "finished_at": finished_at}
            await connection.execute(update(REPLAYS).where(REPLAYS.c.id == replay_id).values(values))
            result = OperationResult(
                f"{change.past_tense}. {row['resent']:,} of {row['total']:,} resent.", row["resent"]
            )
            entry = AuditEntry(
                actor, f"replay.{change.action}", replay_id, result.message, affected=row["resent"]
            )
            await self._context.audit_log.write(connection, entry)
            return result

        result = await self._context.database.writer.run(write)
        self._publish(replay_id)
        return result

    def _publish(self, replay_id: str) -> None:
        self._context.change_feed.publish("replays", replay_id)
        self._context.change_feed.publish("audit", replay_id)


async def _newest(connection: AsyncConnection) -> str:
    return (await connection.execute(select(func.max(DELIVERIES.c.id)))).scalar_one() or ""


async def _endpoint_name(connection: AsyncConnection, filters: DeliveryFilter) -> str | None:
    if filters.endpoint_id is None:
        return None
    statement = select(ENDPOINTS.c.name).where(ENDPOINTS.c.id == filters.endpoint_id)
    name: str | None = (await connection.execute(statement)).scalar_one_or_none()
    if name is None:
        raise NotFound("endpoint", filters.endpoint_id)
    return name


async def _find_active(connection: AsyncConnection, query: str) -> str | None:
    active = tuple(state.value for state in ACTIVE)
    statement = select(REPLAYS.c.id).where(REPLAYS.c.filter == query, REPLAYS.c.state.in_(active))
    replay_id: str | None = (await connection.execute(statement)).scalars().first()
    return replay_id
