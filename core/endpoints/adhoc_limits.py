"""How many ad-hoc endpoints one sender may create, and all senders together."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import TooManyEndpoints
from breakwater.core.lru_map import LruMap
from breakwater.core.ports import Clock
from breakwater.core.store.schema import ENDPOINTS

_REMEMBERED_SECONDS: Final = 10.0
"""How long a sender without room is refused without a query."""
_RETRY_SECONDS: Final = 60.0
_REMEMBERED_SENDERS: Final = 1_000


@dataclass(frozen=True, slots=True)
class AdhocLimits:
    """The maximum number of ad-hoc endpoints."""

    per_sender: int
    total: int

    def check_room(self, of_sender: int, of_all: int) -> None:
        """Raise TooManyEndpoints when there is no room for one more endpoint of a sender."""
        if of_sender >= self.per_sender:
            raise TooManyEndpoints(
                f"This sender has {of_sender:,} endpoints for messages to a URL, which is the limit. {_REMEDY}",
                _RETRY_SECONDS,
            )
        if of_all >= self.total:
            raise TooManyEndpoints(
                f"There are {of_all:,} endpoints for messages to a URL, which is the limit. {_REMEDY}",
                _RETRY_SECONDS,
            )


_REMEDY: Final = "Create an endpoint and send to its id, or delete endpoints that are not used."


class AdhocRoom:
    """Checks the limits in the transaction that creates an endpoint."""

    def __init__(self, limits: AdhocLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._refusals = LruMap[str, tuple[float, TooManyEndpoints]](_REMEMBERED_SENDERS)

    def check_remembered(self, sender: str) -> None:
        """Raise TooManyEndpoints again for a sender that had no room a moment ago, so that a flood costs no write."""
        refusal = self._refusals.get(sender)
        if refusal is not None and 0 <= self._clock.now() - refusal[0] < _REMEMBERED_SECONDS:
            raise TooManyEndpoints(str(refusal[1]), refusal[1].retry_after)

    async def check(self, connection: AsyncConnection, sender: str) -> None:
        """Raise TooManyEndpoints when `sender` may not create another endpoint."""
        of_sender = await _count(connection, ENDPOINTS.c.adhoc_owner == sender, self._limits.per_sender)
        of_all = await _count(connection, ENDPOINTS.c.adhoc_owner.is_not(None), self._limits.total)
        try:
            self._limits.check_room(of_sender, of_all)
        except TooManyEndpoints as refusal:
            self._refusals[sender] = (self._clock.now(), refusal)
            raise


async def _count(connection: AsyncConnection, condition: ColumnElement[bool], limit: int) -> int:
    """Count ad-hoc endpoints that exist, up to `limit`."""
    rows = select(ENDPOINTS.c.id).where(condition, ENDPOINTS.c.adhoc_key.is_not(None)).limit(limit)
    return int((await connection.execute(select(func.count()).select_from(rows.subquery()))).scalar_one())
