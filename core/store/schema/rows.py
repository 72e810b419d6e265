"""The tables as Core sees them, under short names."""

from sqlalchemy import Table
from sqlmodel import SQLModel

from core.sql import tables


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel declares it at run time
    return table


API_KEYS = _table(tables.ApiKey)
ATTEMPTS = _table(tables.Attempt)
AUDIT = _table(tables.AuditEntry)
CIRCUITS = _table(tables.Circuit)
DELIVERIES = _table(tables.Delivery)
ENDPOINTS = _table(tables.Endpoint)
HALF_HOUR_STATS = _table(tables.HalfHourStat)
IDEMPOTENCY_KEYS = _table(tables.IdempotencyKey)
MESSAGES = _table(tables.Message)
MINUTE_STATS = _table(tables.MinuteStat)
PEOPLE = _table(tables.Person)
SESSIONS = _table(tables.Session)
SIGN_IN_CODES = _table(tables.SignInCode)
REPLAYS = _table(tables.Replay)
REPLAY_ITEMS = _table(tables.ReplayItem)
SAVED_VIEWS = _table(tables.SavedView)
TRANSITIONS = _table(tables.CircuitTransition)
