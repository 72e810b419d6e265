"""Store a message with its deliveries and its idempotency key, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import BreakwaterError, IdempotencyMismatch
from breakwater.core.store.schema import DELIVERIES, IDEMPOTENCY_KEYS, MESSAGES

_INSERT_MESSAGE: Final = insert(MESSAGES)
_INSERT_DELIVERY: Final = insert(DELIVERIES)

NO_SUBSCRIBER: Final = (
    "No endpoint subscribes to this event type. The message is stored and was not delivered."
)


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

    message: Mapping[str, Any]
    deliveries: Sequence[Mapping[str, Any]]
    idempotency: Idempotency | None
    now: float

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence["AcceptMessage"]
    ) -> Sequence[Accepted | BreakwaterError]:
        """Insert all members. A member with a used key gets the first result again, or a mismatch."""
        return await connection.run_sync(_accept, members)


def _accept(connection: Connection, members: Sequence[AcceptMessage]) -> list[Accepted | BreakwaterError]:
    known = _known_keys(connection, members)
    results: list[Accepted | BreakwaterError] = []
    fresh: list[AcceptMessage] = []
    for member in members:
        earlier = (
            known.get((member.idempotency.scope, member.idempotency.key)) if member.idempotency else None
        )
        if earlier is None:
            fresh.append(member)
            accepted = _accepted(member)
            if member.idempotency:
                known[member.idempotency.scope, member.idempotency.key] = (
                    member.idempotency.fingerprint,
                    accepted,
                )
            results.append(accepted)
        else:
            results.append(_repeated_response(member, *earlier))
    _insert(connection, fresh)
    return results


def _accepted(member: AcceptMessage) -> Accepted:
    pairs = tuple((row["id"], row["endpoint_id"]) for row in member.deliveries)
    return Accepted(member.message["id"], pairs, replayed=False)


def _repeated_response(
    member: AcceptMessage, fingerprint: str, stored: Accepted
) -> Accepted | BreakwaterError:
    if member.idempotency is not None and fingerprint != member.idempotency.fingerprint:
        return IdempotencyMismatch.of(
            "Idempotency-Key", "was used for another request; send this one with a new key"
        )
    return Accepted(stored.id, stored.deliveries, replayed=True)


def _insert(connection: Connection, members: Sequence[AcceptMessage]) -> None:
    if not members:
        return
    connection.execute(_INSERT_MESSAGE, [dict(member.message) for member in members])
    if deliveries := [dict(row) for member in members for row in member.deliveries]:
        connection.execute(_INSERT_DELIVERY, deliveries)
    if keys := [_key_row(member, member.idempotency) for member in members if member.idempotency]:
        connection.execute(insert(IDEMPOTENCY_KEYS), keys)


def _key_row(member: AcceptMessage, idempotency: Idempotency) -> dict[str, Any]:
    return {
        "scope": idempotency.scope,
        "key": idempotency.key,
        "fingerprint": idempotency.fingerprint,
        "message_id": member.message["id"],
        "expires_at": idempotency.expires_at,
    }


def _known_keys(
    connection: Connection, members: Sequence[AcceptMessage]
) -> dict[tuple[str, str], tuple[str, Accepted]]:
    """Return the fingerprint and first result of every used key among `members`; delete expired keys."""
    keys = {(m.idempotency.scope, m.idempotency.key): m.now for m in members if m.idempotency}
    if not keys:
        return {}
    pair = tuple_(IDEMPOTENCY_KEYS.c.scope, IDEMPOTENCY_KEYS.c.key)
    now = max(keys.values())
    named = pair.in_(sorted(keys))
    connection.execute(delete(IDEMPOTENCY_KEYS).where(named, IDEMPOTENCY_KEYS.c.expires_at <= now))
    rows = connection.execute(select(IDEMPOTENCY_KEYS).where(named)).mappings().all()
    deliveries = _deliveries_of(connection, [row["message_id"] for row in rows])
    return {
        (row["scope"], row["key"]): (
            row["fingerprint"],
            Accepted(row["message_id"], deliveries.get(row["message_id"], ()), replayed=True),
        )
        for row in rows
    }


def _deliveries_of(
    connection: Connection, message_ids: Sequence[str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    if not message_ids:
        return {}
    columns = select(DELIVERIES.c.message_id, DELIVERIES.c.id, DELIVERIES.c.endpoint_id)
    deliveries: dict[str, tuple[tuple[str, str], ...]] = {}
    for message_id, delivery_id, endpoint_id in connection.execute(
        columns.where(DELIVERIES.c.message_id.in_(message_ids)).order_by(DELIVERIES.c.id)
    ):
        deliveries[message_id] = (*deliveries.get(message_id, ()), (delivery_id, endpoint_id))
    return deliveries
