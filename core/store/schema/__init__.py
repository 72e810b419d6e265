"""The tables. Times are seconds since the epoch (UTC) as double precision; states are the domain's words.

The classes name the columns. Statements use the Core tables (`DELIVERIES`, ...), the same on both databases.
"""

from typing import Final

from sqlalchemy import Table
from sqlmodel import SQLModel

from breakwater.core.store.schema.accounts import ApiKey, Person, Session, SignInCode
from breakwater.core.store.schema.audit import AuditEntry
from breakwater.core.store.schema.circuits import Circuit, CircuitTransition
from breakwater.core.store.schema.deliveries import Attempt, Delivery, IdempotencyKey, Message
from breakwater.core.store.schema.endpoints import Endpoint
from breakwater.core.store.schema.replays import Replay, ReplayItem
from breakwater.core.store.schema.saved_views import SavedView
from breakwater.core.store.schema.statistics import ALL_ENDPOINTS, HalfHourStat, MinuteStat

__all__ = [
    "ALL_ENDPOINTS",
    "API_KEYS",
    "ATTEMPTS",
    "AUDIT",
    "CIRCUITS",
    "DELIVERIES",
    "ENDPOINTS",
    "HALF_HOUR_STATS",
    "IDEMPOTENCY_KEYS",
    "MESSAGES",
    "MINUTE_STATS",
    "PEOPLE",
    "REPLAYS",
    "REPLAY_ITEMS",
    "SAVED_VIEWS",
    "SESSIONS",
    "SIGN_IN_CODES",
    "TRANSITIONS",
]


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel declares it at run time
    return table


API_KEYS: Final = _table(ApiKey)
ATTEMPTS: Final = _table(Attempt)
AUDIT: Final = _table(AuditEntry)
CIRCUITS: Final = _table(Circuit)
DELIVERIES: Final = _table(Delivery)
ENDPOINTS: Final = _table(Endpoint)
HALF_HOUR_STATS: Final = _table(HalfHourStat)
IDEMPOTENCY_KEYS: Final = _table(IdempotencyKey)
MESSAGES: Final = _table(Message)
MINUTE_STATS: Final = _table(MinuteStat)
PEOPLE: Final = _table(Person)
REPLAYS: Final = _table(Replay)
REPLAY_ITEMS: Final = _table(ReplayItem)
SAVED_VIEWS: Final = _table(SavedView)
SESSIONS: Final = _table(Session)
SIGN_IN_CODES: Final = _table(SignInCode)
TRANSITIONS: Final = _table(CircuitTransition)
