"""Recovery: requeue lost claims, free the permits of a dead process, and release claims without an attempt."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.domain.verdict import Failed, RetryAt, decide_after_loss
from breakwater.core.store.circuits import load_breakers, save_breakers
from breakwater.core.store.commands.claim import ClaimedDelivery
from breakwater.core.store.commands.record import Superseded
from breakwater.core.store.commands.statistics import count_attempts
from breakwater.core.store.schema import ATTEMPTS, CIRCUITS, DELIVERIES
from breakwater.core.store.statements import ConnectionStatements

REQUEUE_BATCH_SIZE: Final = 500
"""Claims that one write requeues: all other writes wait for it."""
LOST: Final = "the worker died holding the claim; the webhook may have been delivered"


@dataclass(frozen=True, slots=True)
class Requeued:
    """A delivery whose claim was lost."""

    delivery_id: str
    endpoint_id: str
    retried: bool


@dataclass(frozen=True, slots=True)
class RequeueExpired:
    """Save a `lost` attempt for about 500 claims whose lease has expired, and retry or fail their deliveries.

    With `except_node`, the claims of every other node are lost, whatever their leases say. This is for a database that
    only one process can open: nobody is left to finish the claims of an earlier process.
    """

    now: float
    make_id: Callable[[str], str]
    except_node: str | None = None
    claims: Collection[tuple[str, str]] | None = None
    """Delivery ids and tokens: only these claims, which their own node gives up in the middle of an attempt."""
    exclude: Collection[tuple[str, str]] = ()
    """Delivery ids and tokens: not these claims. Their node is alive and still has to save their results, which an
    unavailable database can delay beyond the lease."""

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence["RequeueExpired"]
    ) -> Sequence[tuple[Requeued, ...]]:
        """Return what each member requeued; a second member of a batch finds nothing left."""
        return [await connection.run_sync(_requeue, member) for member in members]


def _requeue(connection: Connection, member: RequeueExpired) -> tuple[Requeued, ...]:
    expired = (
        select(DELIVERIES)
        .where(DELIVERIES.c.state == DeliveryState.IN_FLIGHT.value, _is_lost(member))
        .order_by(DELIVERIES.c.lease_until)
        .limit(None if member.claims else REQUEUE_BATCH_SIZE + len(member.exclude))
        .with_for_update(skip_locked=True)
    )
    rows = [
        row
        for row in connection.execute(expired).mappings()
        if (row["id"], row["claim_token"]) not in member.exclude
    ]
    if not rows:
        return ()
    changes = [_delivery_values(row, member.now) for row in rows]
    connection.execute(insert(ATTEMPTS), [_lost_attempt(member, row) for row in rows])
    connection.execute(_END_CLAIM, changes)
    count_attempts(
        ConnectionStatements(connection),
        ((row["endpoint_id"], member.now, FailureClass.LOST.value, None) for row in rows),
    )
    return tuple(
        Requeued(row["id"], row["endpoint_id"], retried=change["new_state"] == DeliveryState.PENDING.value)
        for row, change in zip(rows, changes, strict=True)
    )


def _is_lost(member: RequeueExpired) -> ColumnElement[bool]:
    if member.claims is not None:
        ids, tokens = {id_ for id_, _ in member.claims}, {token for _, token in member.claims}
        return DELIVERIES.c.id.in_(ids) & DELIVERIES.c.claim_token.in_(tokens)
    if member.except_node is not None:
        return DELIVERIES.c.claimed_by != member.except_node
    return DELIVERIES.c.lease_until <= member.now


_END_CLAIM: Final = (
    update(DELIVERIES)
    .where(DELIVERIES.c.id == bindparam("claimed_id"))
    .values(
        {
            column: bindparam(f"new_{column}")
            for column in ("state", "next_attempt_at", "error", "finished_at", "attempt_count", "lost_count")
        }
        | {"failure_class": FailureClass.LOST.value, "status_code": None}
        | {"claim_token": None, "claimed_by": None, "lease_until": None}
    )
)


def _delivery_values(row: RowMapping, now: float) -> dict[str, Any]:
    consecutive_losses = row["lost_count"] + 1
    return {
        "claimed_id": row["id"],
        "new_attempt_count": row["attempt_count"] + 1,
        "new_lost_count": consecutive_losses,
        **_state_after(consecutive_losses, now),
    }


def _state_after(consecutive_losses: int, now: float) -> dict[str, Any]:
    verdict = decide_after_loss(consecutive_losses=consecutive_losses, now=now)
    match verdict:
        case RetryAt(at=at):
            return {
                "new_state": DeliveryState.PENDING.value,
                "new_next_attempt_at": at,
                "new_error": LOST,
                "new_finished_at": None,
            }
        case Failed():
            return {
                "new_state": DeliveryState.FAILED.value,
                "new_next_attempt_at": None,
                "new_error": f"its worker died {consecutive_losses} times in a row while sending it; "
                "it may have been delivered",
                "new_finished_at": now,
            }
        case _:
            assert_never(verdict)


def _lost_attempt(member: RequeueExpired, row: RowMapping) -> dict[str, Any]:
    return {
        "id": member.make_id("att"),
        "delivery_id": row["id"],
        "endpoint_id": row["endpoint_id"],
        "number": row["attempt_count"] + 1,
        "trigger": row["trigger"],
        "started_at": min(row["lease_until"], member.now),
        "duration_ms": None,
        "failure_class": FailureClass.LOST.value,
        "status_code": None,
        "error": LOST,
        "request_headers": [],
        "response_headers": [],
        "response_body": None,
        "response_truncated": False,
    }


@dataclass(frozen=True, slots=True)
class FreePermits:
    """Release every half-open permit, on a database that only one process can open, before it sends anything.

    The process that took them is dead. They would expire with the leases; until then a circuit whose probes were all in
    flight would admit nothing.
    """

    now: float

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence["FreePermits"]
    ) -> Sequence[tuple[str, ...]]:
        """Return the endpoints whose circuits had permits in use; a second member of a batch finds none."""
        return [await connection.run_sync(_free_permits, member) for member in members]


def _free_permits(connection: Connection, member: FreePermits) -> tuple[str, ...]:
    half_open = (
        select(CIRCUITS.c.endpoint_id, CIRCUITS.c.permits)
        .where(CIRCUITS.c.state == CircuitState.HALF_OPEN.value)
        .order_by(CIRCUITS.c.endpoint_id)
        .with_for_update()
    )
    freed_ids = tuple(endpoint_id for endpoint_id, permits in connection.execute(half_open) if permits)
    connection.execute(
        update(CIRCUITS)
        .where(CIRCUITS.c.endpoint_id.in_(freed_ids))
        .values(permits=[], updated_at=member.now)
    )
    return freed_ids


@dataclass(frozen=True, slots=True)
class ReleaseClaim:
    """Release a claim whose attempt was not made; it counts as no attempt. Its half-open permit is free again."""

    claim: ClaimedDelivery
    config: CircuitBreakerConfig
    now: float
    due: float
    """When the delivery is claimed again at the earliest."""
    shortage: str | None = None
    """What this machine ran out of, for people; None: the attempt was not made for another reason."""

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence["ReleaseClaim"]
    ) -> Sequence["CircuitBreaker | Superseded"]:
        """Release every member whose claim stands, and return its circuit after the whole batch."""
        return await connection.run_sync(_release, members)


def _release(connection: Connection, members: Sequence[ReleaseClaim]) -> list[CircuitBreaker | Superseded]:
    # Circuits before deliveries, as when claiming: two nodes that lock in the same order cannot deadlock.
    breakers = load_breakers(connection, {m.claim.endpoint_id: m.config for m in members})
    results: dict[int, CircuitBreaker | Superseded] = {}
    for place, member in sorted(enumerate(members), key=lambda numbered: numbered[1].claim.delivery_id):
        results[place] = _release_one(connection, member, breakers[member.claim.endpoint_id])
    _save_half_open(connection, breakers, members[-1].now)
    return [results[place] for place in range(len(members))]


@dataclass(frozen=True, slots=True)
class ReleaseUnacknowledged:
    """Release what an earlier `ClaimDue` claimed, after its commit without a known result.

    The connection can be lost between commit and response. Nobody sends such deliveries, so they count no attempt, and
    their half-open permits are free again.
    """

    endpoint_id: str
    config: CircuitBreakerConfig
    token: str
    now: float

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence["ReleaseUnacknowledged"]
    ) -> Sequence[int]:
        """Return how many deliveries each member released."""
        return await connection.run_sync(_release_unacknowledged, members)


def _release_unacknowledged(connection: Connection, members: Sequence[ReleaseUnacknowledged]) -> list[int]:
    breakers = load_breakers(connection, {member.endpoint_id: member.config for member in members})
    counts = []
    for member in members:
        condition = and_(
            DELIVERIES.c.state == DeliveryState.IN_FLIGHT.value, DELIVERIES.c.claim_token == member.token
        )
        leases = connection.execute(select(DELIVERIES.c.lease_until).where(condition)).scalars().all()
        values = _UNCLAIMED | {"next_attempt_at": member.now}
        connection.execute(update(DELIVERIES).where(condition).values(values))
        counts.append(len(leases))
        # A half-open permit ends with the lease of its delivery. Another claim has permits with other ends.
        breakers[member.endpoint_id].release_permits_until(filter(None, leases), now=member.now)
    _save_half_open(connection, breakers, members[-1].now)
    return counts


def _save_half_open(connection: Connection, breakers: Mapping[str, CircuitBreaker], now: float) -> None:
    """Save the circuits that have permits."""
    probing = {id_: breaker for id_, breaker in breakers.items() if breaker.state is CircuitState.HALF_OPEN}
    if probing:
        save_breakers(ConnectionStatements(connection), probing, now)


_UNCLAIMED: Final[dict[str, Any]] = {
    "state": DeliveryState.PENDING.value,
    "claim_token": None,
    "claimed_by": None,
    "lease_until": None,
}


def _release_one(
    connection: Connection, member: ReleaseClaim, breaker: CircuitBreaker
) -> CircuitBreaker | Superseded:
    claim = member.claim
    changes = _UNCLAIMED | {"next_attempt_at": member.due}
    if member.shortage is not None:
        changes |= {
            "failure_class": FailureClass.LOCAL_SHORTAGE.value,
            "status_code": None,
            "error": member.shortage,
        }
    released = connection.execute(
        update(DELIVERIES)
        .where(
            DELIVERIES.c.id == claim.delivery_id,
            DELIVERIES.c.claim_token == claim.token,
            DELIVERIES.c.state == DeliveryState.IN_FLIGHT.value,
        )
        .values(changes)
    )
    if released.rowcount != 1:
        return Superseded()
    breaker.release(now=member.now, generation=claim.generation)
    return breaker
