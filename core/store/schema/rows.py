"""The tables as Core sees them, under short names."""

from sqlalchemy import Table
from sqlmodel import SQLModel

from breakwater.core.store import schema


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel declares it at run time
    return table


API_KEYS = _table(schema.ApiKey)
ATTEMPTS = _table(schema.Attempt)
AUDIT = _table(schema.AuditEntry)
CIRCUITS = _table(schema.Circuit)
DELIVERIES = _table(schema.Delivery)
ENDPOINTS = _table(schema.Endpoint)
HALF_HOUR_STATS = _table(schema.HalfHourStat)
IDEMPOTENCY_KEYS = _table(schema.IdempotencyKey)
MESSAGES = _table(schema.Message)
MINUTE_STATS = _table(schema.MinuteStat)
PEOPLE = _table(schema.Person)
SESSIONS = _table(schema.Session)
SIGN_IN_CODES = _table(schema.SignInCode)
REPLAYS = _table(schema.Replay)
REPLAY_ITEMS = _table(schema.ReplayItem)
SAVED_VIEWS = _table(schema.SavedView)
TRANSITIONS = _table(schema.CircuitTransition)
