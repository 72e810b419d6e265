"""The tables. Times are seconds since the epoch (UTC) as double precision; states are the domain's words.

Statements use the Core tables (`Delivery.__table__`), for one style on both databases; the classes name the columns.
"""

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
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "Circuit",
    "CircuitTransition",
    "Delivery",
    "Endpoint",
    "HalfHourStat",
    "IdempotencyKey",
    "Message",
    "MinuteStat",
    "Person",
    "Replay",
    "ReplayItem",
    "SavedView",
    "Session",
    "SignInCode",
]
