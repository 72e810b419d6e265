"""Claims whose worker died, with their permits, and claims that were never begun: back to work."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.domain.verdict import Failed, RetryAt, judge_lost
from breakwater.core.store.commands.claim import ClaimedDelivery
from breakwater.core.store.schema import ATTEMPTS, CIRCUITS, DELIVERIES

_BATCH = 500
LOST = "the worker died holding the claim; the webhook may have been delivered"


@dataclass(frozen=True, slots=True)
class Requeued:
    """A delivery that was taken from a dead worker."""

    delivery_id: str
    endpoint_id: str
    retried: bool


@dataclass(frozen=True, slots=True)
class RequeueExpired:
    """Write the `lost` attempt of every claim whose lease has ended, some 500 at a time, and retry or fail it.

    With `except_node` the claims of every node but that one are lost whatever their lease says: on a database that
    only one process may open, an earlier process's claims have nobody left to finish them.
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
        """Rescue; a second member of a batch finds nothing left."""
        return [await connection.run_sync(_rescue, member) for member in members]


def _rescue(connection: Connection, member: RequeueExpired) -> tuple[Requeued, ...]:
    lost = (
        select(DELIVERIES)
        .where(DELIVERIES.c.state == DeliveryState.IN_FLIGHT.value, _is_lost(member))
        .order_by(DELIVERIES.c.lease_until)
        .limit(None if member.claims else _BATCH + len(member.exclude))
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(lost).mappings().all()
    return tuple(
        _rescue_one(connection, member, row)
        for row in rows
        if (row["id"], row["claim_token"]) not in member.exclude
    )


def _is_lost(member: RequeueExpired) -> ColumnElement[bool]:
    if member.claims is not None:
        ids, tokens = {id_ for id_, _ in member.claims}, {token for _, token in member.claims}
        return DELIVERIES.c.id.in_(ids) & DELIVERIES.c.claim_token.in_(tokens)
    if member.except_node is not None:
        return DELIVERIES.c.claimed_by != member.except_node
    return DELIVERIES.c.lease_until <= member.now


def _rescue_one(connection: Connection, member: RequeueExpired, row: RowMapping) -> Requeued:
    number = row["attempt_count"] + 1
    lost_in_a_row = row["lost_count"] + 1
    connection.execute(insert(ATTEMPTS), _lost_attempt(member, row, number))
    after = _after(judge_lost(lost_in_a_row=lost_in_a_row, now=member.now), member.now)
    connection.execute(
        update(DELIVERIES)
        .where(DELIVERIES.c.id == row["id"])
        .values(
            **after,
            attempt_count=number,
            lost_count=lost_in_a_row,
            failure_class=FailureClass.LOST.value,
            status_code=None,
            claim_token=None,
            claimed_by=None,
            lease_until=None,
        )
    )
    return Requeued(row["id"], row["endpoint_id"], retried=after["state"] == DeliveryState.PENDING.value)


def _after(verdict: RetryAt | Failed, now: float) -> dict[str, Any]:
    match verdict:
        case RetryAt(at=at):
            return {"state": DeliveryState.PENDING.value, "next_attempt_at": at, "error": LOST}
        case Failed(reason=reason):
            return {
                "state": DeliveryState.FAILED.value,
                "next_attempt_at": None,
                "error": reason,
                "finished_at": now,
            }
        case _:
            assert_never(verdict)


def _lost_attempt(member: RequeueExpired, row: RowMapping, number: int) -> dict[str, Any]:
    return {
        "id": member.make_id("att"),
        "delivery_id": row["id"],
        "endpoint_id": row["endpoint_id"],
        "number": number,
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
    """Give every half-open permit back, on a database that only one process may open and before it sends anything.

    Whoever took them is dead. Left alone they would expire with the leases, and until then a circuit whose probes were
    all under way at the kill would admit nothing.
    """

    now: float

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence["FreePermits"]
    ) -> Sequence[tuple[str, ...]]:
        """Return the endpoints whose circuits have more room now; a second member of a batch finds none."""
        return [await connection.run_sync(_free_permits, member) for member in members]


def _free_permits(connection: Connection, member: FreePermits) -> tuple[str, ...]:
    half_open = (
        select(CIRCUITS.c.endpoint_id, CIRCUITS.c.permits)
        .where(CIRCUITS.c.state == CircuitState.HALF_OPEN.value)
        .order_by(CIRCUITS.c.endpoint_id)
        .with_for_update()
    )
    taken = tuple(endpoint_id for endpoint_id, permits in connection.execute(half_open) if permits)
    connection.execute(
        update(CIRCUITS).where(CIRCUITS.c.endpoint_id.in_(taken)).values(permits=[], updated_at=member.now)
    )
    return taken


@dataclass(frozen=True, slots=True)
class ReleaseClaim:
    """Give back a claim whose attempt was never begun: it costs the delivery nothing."""

    claim: ClaimedDelivery
    now: float

    @classmethod
    async def apply(cls, connection: AsyncConnection, members: Sequence["ReleaseClaim"]) -> Sequence[bool]:
        """Return for each member whether its claim still stood."""
        return [await connection.run_sync(_release, member) for member in members]


def _release(connection: Connection, member: ReleaseClaim) -> bool:
    given_back = connection.execute(
        update(DELIVERIES)
        .where(
            DELIVERIES.c.id == member.claim.delivery_id,
            DELIVERIES.c.claim_token == member.claim.token,
            DELIVERIES.c.state == DeliveryState.IN_FLIGHT.value,
        )
        .values(
            state=DeliveryState.PENDING.value,
            next_attempt_at=member.now,
            claim_token=None,
            claimed_by=None,
            lease_until=None,
        )
    )
    return given_back.rowcount == 1
