"""Store a message with its deliveries and its idempotency key, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import BreakwaterError, IdempotencyMismatch
from breakwater.core.store.schema import DELIVERIES, IDEMPOTENCY_KEYS, MESSAGES
from breakwater.core.store.statements import Prepared, Statements, is_one_of, prepared_insert, run_statements

NO_SUBSCRIBER: Final = (
    "No endpoint subscribes to this event type. The message is stored and was not delivered."
)


class MessageRow(NamedTuple):
    """A row of `messages`, in the order of its columns."""

    id: str
    event_type: str
    payload: bytes
    delivery_count: int
    idempotency_key: str | None
    created_at: float


class DeliveryRow(NamedTuple):
    """A row of `deliveries`, in the order of its columns."""

    id: str
    message_id: str
    endpoint_id: str
    event_type: str
    state: str
    next_attempt_at: float
    trigger: str
    attempt_count: int
    budget_spent: int
    lost_count: int
    failure_class: str | None
    status_code: int | None
    error: str | None
    claim_token: str | None
    claimed_by: str | None
    lease_until: float | None
    retry_delays: str | None
    """JSON."""
    created_at: float
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """An idempotency key, and the request that it belongs to."""

    scope: str
    key: str
    fingerprint: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """A committed message, or the earlier one of the same idempotency key."""

    id: str
    deliveries: tuple[tuple[str, str], ...]
    """Delivery id and endpoint id."""
    replayed: bool = False
    """The idempotency key was used before: this is the first response again."""

    @property
    def note(self) -> str | None:
        """Return what the caller should know besides."""
        return None if self.deliveries else NO_SUBSCRIBER


@dataclass(frozen=True, slots=True)
class AcceptMessage:
    """Insert one message with all its deliveries, unless its idempotency key has been used."""

    message: MessageRow
    deliveries: Sequence[DeliveryRow]
    idempotency: Idempotency | None
    now: float

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence["AcceptMessage"]
    ) -> Sequence[Accepted | BreakwaterError]:
        """Insert all members. A member with a used key gets the first result again, or a mismatch."""
        return await run_statements(connection, partial(_accept, members=members))


def _accept(statements: Statements, members: Sequence[AcceptMessage]) -> list[Accepted | BreakwaterError]:
    accepted_by_key = _known_keys(statements, members)
    results: list[Accepted | BreakwaterError] = []
    fresh: list[AcceptMessage] = []
    for member in members:
        earlier = (
            accepted_by_key.get((member.idempotency.scope, member.idempotency.key))
            if member.idempotency
            else None
        )
        if earlier is None:
            fresh.append(member)
            accepted = _accepted(member)
            if member.idempotency:
                accepted_by_key[member.idempotency.scope, member.idempotency.key] = (
                    member.idempotency.fingerprint,
                    accepted,
                )
            results.append(accepted)
        else:
            results.append(_repeated_response(member, *earlier))
    _insert(statements, fresh)
    return results


def _accepted(member: AcceptMessage) -> Accepted:
    return Accepted(member.message.id, tuple((row.id, row.endpoint_id) for row in member.deliveries))


def _repeated_response(
    member: AcceptMessage, fingerprint: str, stored: Accepted
) -> Accepted | BreakwaterError:
    if member.idempotency is not None and fingerprint != member.idempotency.fingerprint:
        return IdempotencyMismatch.of(
            "Idempotency-Key", "was used for another request; send this one with a new key"
        )
    return Accepted(stored.id, stored.deliveries, replayed=True)


_INSERT_MESSAGE: Final = prepared_insert(MESSAGES)
_INSERT_DELIVERY: Final = prepared_insert(DELIVERIES)
_INSERT_KEY: Final = prepared_insert(IDEMPOTENCY_KEYS)


def _insert(statements: Statements, members: Sequence[AcceptMessage]) -> None:
    statements.execute_many(_INSERT_MESSAGE, [member.message for member in members])
    statements.execute_many(_INSERT_DELIVERY, [row for member in members for row in member.deliveries])
    keys = [(member.idempotency, member.message.id) for member in members if member.idempotency]
    statements.execute_many(
        _INSERT_KEY,
        [(key.scope, key.key, key.fingerprint, message_id, key.expires_at) for key, message_id in keys],
    )


_SAME_KEY: Final = (
    IDEMPOTENCY_KEYS.c.scope == bindparam("scope"),
    IDEMPOTENCY_KEYS.c.key == bindparam("key"),
)
_DELETE_EXPIRED_KEY: Final = Prepared(
    delete(IDEMPOTENCY_KEYS).where(*_SAME_KEY, IDEMPOTENCY_KEYS.c.expires_at <= bindparam("now")),
    "scope",
    "key",
    "now",
)
_KEYS_OF_SCOPE: Final = Prepared(
    select(IDEMPOTENCY_KEYS.c.key, IDEMPOTENCY_KEYS.c.fingerprint, IDEMPOTENCY_KEYS.c.message_id).where(
        IDEMPOTENCY_KEYS.c.scope == bindparam("scope"), is_one_of(IDEMPOTENCY_KEYS.c.key, "keys")
    ),
    "scope",
    "keys",
)
_DELIVERIES: Final = Prepared(
    select(DELIVERIES.c.message_id, DELIVERIES.c.id, DELIVERIES.c.endpoint_id)
    .where(is_one_of(DELIVERIES.c.message_id, "message_ids"))
    .order_by(DELIVERIES.c.id),
    "message_ids",
)


def _known_keys(
    statements: Statements, members: Sequence[AcceptMessage]
) -> dict[tuple[str, str], tuple[str, Accepted]]:
    """Return the fingerprint and first result of every used key among `members`; delete expired keys."""
    keys = sorted({(m.idempotency.scope, m.idempotency.key) for m in members if m.idempotency})
    if not keys:
        return {}
    now = max(member.now for member in members if member.idempotency)
    statements.execute_many(_DELETE_EXPIRED_KEY, [(scope, key, now) for scope, key in keys])
    keys_by_scope: dict[str, list[str]] = {}
    for scope, key in keys:
        keys_by_scope.setdefault(scope, []).append(key)
    rows = [
        (scope, *row)
        for scope, keys_of_scope in keys_by_scope.items()
        for row in statements.rows(_KEYS_OF_SCOPE, (scope, statements.array(keys_of_scope)))
    ]
    deliveries = _deliveries_of(statements, [message_id for *_, message_id in rows])
    return {
        (scope, key): (
            fingerprint,
            Accepted(message_id, deliveries.get(message_id, ()), replayed=True),
        )
        for scope, key, fingerprint, message_id in rows
    }


def _deliveries_of(
    statements: Statements, message_ids: Sequence[str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    if not message_ids:
        return {}
    deliveries: dict[str, tuple[tuple[str, str], ...]] = {}
    for message_id, delivery_id, endpoint_id in statements.rows(
        _DELIVERIES, (statements.array(message_ids),)
    ):
        deliveries[message_id] = (*deliveries.get(message_id, ()), (delivery_id, endpoint_id))
    return deliveries
