"""The tables. Times are seconds since the epoch (UTC) as double precision; states are the domain's words.

Statements use the Core tables (`Delivery.__table__`), for one style on both databases; the classes name the columns.
"""

from core.sql.tables.access import ApiKey, Person, Session, SignInCode
from core.sql.tables.audit import AuditEntry
from core.sql.tables.circuits import Circuit, CircuitTransition
from core.sql.tables.deliveries import Attempt, Delivery, IdempotencyKey, Message
from core.sql.tables.endpoints import Endpoint
from core.sql.tables.replays import Replay, ReplayItem
from core.sql.tables.saved_views import SavedView
from core.sql.tables.statistics import ALL_ENDPOINTS, HalfHourStat, MinuteStat

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
