"""Audit entries: written in the transaction of the change that they describe."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.store.schema import AUDIT


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action of a person, a key or the service."""

    actor: str
    """`person:ada`, `key:ci`, or `breakwater` for actions of the service."""
    action: str
    """Noun and verb: `endpoint.update`."""
    subject: str
    """The id of the changed object."""
    outcome: str
    """The result, in one sentence."""
    reason: str | None = None
    affected: int = 1
    detail: Mapping[str, object] = field(default_factory=dict)
    """JSON values; never a secret."""


class AuditLog:
    """Writes audit entries."""

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock

    async def write(self, connection: AsyncConnection, entry: AuditEntry) -> None:
        """Insert `entry` in the transaction of `connection`."""
        row = {
            "id": self._ids.make("aud"),
            "at": self._clock.now(),
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "reason": entry.reason,
            "outcome": entry.outcome,
            "affected": entry.affected,
            "detail": dict(entry.detail),
        }
        await connection.execute(insert(AUDIT), row)
