"""The tables. Times are seconds since the epoch (UTC) as double precision; states are the domain's words.

Statements use the Core tables (`Delivery.__table__`), for one style on both databases; the classes name the columns.
"""

from typing import Any

from sqlalchemy import JSON, Column, Double, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

# SQLite rebuilds a table to change a constraint, and finds it by its name: so each has one.
SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
}


def _time(*, nullable: bool = False) -> Any:
    return Field(default=None if nullable else ..., sa_type=Double, nullable=nullable)


def _json(default: str) -> Any:
    return Field(sa_column=Column(JSON, nullable=False, server_default=text(f"'{default}'")))


def _owner(target: str, *, primary_key: bool = False) -> Any:
    """Name the row that takes this one along when it is removed: pruning deletes messages, and nothing is orphaned."""
    return Field(foreign_key=target, ondelete="CASCADE", primary_key=primary_key)


def _endpoint() -> Any:
    """Name an endpoint, which must be there: no lane would ever look at work for one that is not."""
    return Field(foreign_key="endpoints.id")


def _long_text() -> Any:
    return Field(default=None, sa_type=Text, nullable=True)


class Endpoint(SQLModel, table=True):
    """Where to send, and how."""

    __tablename__ = "endpoints"
    __table_args__ = (Index("ix_endpoints_adhoc_url", "adhoc_key", unique=True),)

    id: str = Field(primary_key=True)
    name: str
    description: str = ""
    url: str = Field(sa_type=Text)
    adhoc_key: str | None = None
    """Set on endpoints made for messages to a bare URL: a digest of URL and settings, so that one is made once."""
    event_types: list[str] = _json("[]")
    """Subscribed event types; empty means every type. An ad-hoc endpoint subscribes to none."""
    state: str = "enabled"
    state_reason: str | None = _long_text()
    timeout_seconds: float = Field(default=10.0, sa_type=Double)
    retry_delays: list[float] = _json("[]")
    retry_jitter: float = Field(default=0.1, sa_type=Double)
    circuit: dict[str, Any] = _json("{}")
    """The fields of `CircuitBreakerConfig`."""
    max_in_flight: int = 64
    rate_limit_per_second: float | None = Field(default=None, sa_type=Double)
    headers: dict[str, str] = _json("{}")
    signature: str = "standard"
    secret: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Encrypted."""
    previous_secret: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Encrypted; signs beside the new one until `previous_secret_until`."""
    previous_secret_until: float | None = _time(nullable=True)
    throttled_until: float | None = _time(nullable=True)
    """The receiver asked the whole lane to wait until then (429, or 503 with Retry-After)."""
    created_at: float = _time()
    updated_at: float = _time()
    deleted_at: float | None = _time(nullable=True)
    """A deleted endpoint keeps its row, for the history that names it."""


class Message(SQLModel, table=True):
    """What a caller handed in once."""

    __tablename__ = "messages"
    __table_args__ = (
        Index(
            "ix_messages_idempotency_key",
            "idempotency_key",
            sqlite_where=text("idempotency_key IS NOT NULL"),
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        Index("ix_messages_created", "created_at"),
    )

    id: str = Field(primary_key=True)
    event_type: str
    payload: bytes = Field(sa_type=LargeBinary)
    delivery_count: int
    """0 when no endpoint matched: recorded, so that it can be seen and explained."""
    idempotency_key: str | None = None
    created_at: float = _time()


class Delivery(SQLModel, table=True):
    """One message to one endpoint."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(
            "ix_deliveries_due",
            "endpoint_id",
            "next_attempt_at",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_deliveries_lease",
            "lease_until",
            sqlite_where=text("state = 'in_flight'"),
            postgresql_where=text("state = 'in_flight'"),
        ),
        Index(
            "ix_deliveries_finished",
            "finished_at",
            sqlite_where=text("finished_at IS NOT NULL"),
            postgresql_where=text("finished_at IS NOT NULL"),
        ),
        Index("ix_deliveries_message", "message_id"),
        Index("ix_deliveries_state", "state", "id"),
        Index("ix_deliveries_endpoint", "endpoint_id", "id"),
        Index("ix_deliveries_endpoint_state", "endpoint_id", "state", "id"),
        Index("ix_deliveries_event_type", "event_type", "id"),
        # What goes well never enters these two.
        Index(
            "ix_deliveries_failure",
            "failure_class",
            "id",
            sqlite_where=text("failure_class IS NOT NULL"),
            postgresql_where=text("failure_class IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_endpoint_failure",
            "endpoint_id",
            "failure_class",
            "id",
            sqlite_where=text("failure_class IS NOT NULL"),
            postgresql_where=text("failure_class IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    message_id: str = _owner("messages.id")
    endpoint_id: str = _endpoint()
    event_type: str
    state: str
    next_attempt_at: float | None = _time(nullable=True)
    trigger: str = "schedule"
    """What the next attempt will have been made by."""
    attempt_count: int = 0
    """Attempts recorded, `lost` ones among them: the numbering, which a resend continues."""
    budget_spent: int = 0
    """Attempts that count against the retry policy since the last resend."""
    lost_count: int = 0
    """Claims in a row whose worker died."""
    failure_class: str | None = None
    """Of the latest attempt; None when it succeeded or none was made."""
    status_code: int | None = None
    error: str | None = _long_text()
    claim_token: str | None = None
    """Fences the claim: a result that carries another token changes nothing."""
    claimed_by: str | None = None
    lease_until: float | None = _time(nullable=True)
    retry_delays: list[float] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    """This delivery's own schedule, when its caller gave one."""
    created_at: float = _time()
    finished_at: float | None = _time(nullable=True)
    """When it became final; None while it is not."""


class Attempt(SQLModel, table=True):
    """One HTTP request of a delivery, and what came of it."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index("ix_attempts_delivery", "delivery_id", "number"),
        Index("ix_attempts_endpoint", "endpoint_id", "id"),
        Index(
            "ix_attempts_failure",
            "endpoint_id",
            "id",
            sqlite_where=text("failure_class IS NOT NULL"),
            postgresql_where=text("failure_class IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    delivery_id: str = _owner("deliveries.id")
    endpoint_id: str
    number: int
    trigger: str
    started_at: float = _time()
    duration_ms: int | None = None
    """None for a lost attempt: nobody measured it."""
    failure_class: str | None = None
    """None means success."""
    status_code: int | None = None
    error: str | None = _long_text()
    request_headers: list[list[str]] = _json("[]")
    response_headers: list[list[str]] = _json("[]")
    response_body: bytes | None = Field(default=None, sa_type=LargeBinary)
    response_truncated: bool = False


class Circuit(SQLModel, table=True):
    """The breaker of one endpoint, as `CircuitBreaker` keeps it. No row means: closed, and nothing counted yet."""

    __tablename__ = "circuits"

    endpoint_id: str = _owner("endpoints.id", primary_key=True)
    state: str = "closed"
    failure_count: int = 0
    success_count: int = 0
    last_failure_time: float | None = _time(nullable=True)
    opened_at: float | None = _time(nullable=True)
    """When the run of open states began that has not been ended by a close."""
    retry_at: float | None = _time(nullable=True)
    reopenings: int = 0
    generation: int = 0
    """Counts transitions: a result of an attempt admitted in an earlier generation changes nothing."""
    permits: list[float] = _json("[]")
    """When each half-open permit expires."""
    window: list[list[int]] = _json("[]")
    """`[second, successes, failures]`, oldest first."""
    hold_reason: str | None = _long_text()
    held_at: float | None = _time(nullable=True)
    """Not None: an operator holds the circuit open."""
    hold_until: float | None = _time(nullable=True)
    held_by: str | None = None
    updated_at: float = _time()


class CircuitTransition(SQLModel, table=True):
    """A change of a circuit's state or hold, with its cause."""

    __tablename__ = "circuit_transitions"
    __table_args__ = (Index("ix_circuit_transitions_endpoint", "endpoint_id", "id"),)

    id: str = Field(primary_key=True)
    endpoint_id: str = _endpoint()
    at: float = _time()
    from_state: str
    to_state: str
    cause: str = Field(sa_type=Text)
    """In words: `5 failures in a row`, `reset by ada: receiver fixed`."""
    failure_count: int = 0
    success_count: int = 0
    attempt_id: str | None = None
    delivery_id: str | None = None
    actor: str | None = None
    """None: the breaker itself."""


class AuditEntry(SQLModel, table=True):
    """What a person or a key did."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_subject", "subject", "id"),
        Index("ix_audit_entries_actor", "actor", "id"),
        Index("ix_audit_entries_action", "action", "id"),
    )

    id: str = Field(primary_key=True)
    at: float = _time()
    actor: str
    """`person:ada`, `key:ci`, or `breakwater` where the service itself acted."""
    action: str
    """Noun and verb: `delivery.resend`, `circuit.reset`, `endpoint.update`, `person.sign_in`."""
    subject: str
    """The id of what was acted on."""
    reason: str | None = _long_text()
    outcome: str = Field(sa_type=Text)
    """One sentence: what came of it."""
    detail: dict[str, Any] = _json("{}")
    affected: int = 1


ALL_ENDPOINTS = "*"
"""Stands in `minute_stats` for all endpoints together: a chart of a week must not add up a million rows."""


class MinuteStat(SQLModel, table=True):
    """Attempts in one minute by outcome and latency bucket, of one endpoint and of all: what every chart reads."""

    __tablename__ = "minute_stats"
    __table_args__ = (Index("ix_minute_stats_minute", "minute"),)

    endpoint_id: str = Field(primary_key=True)
    """An endpoint, or `ALL_ENDPOINTS`; every attempt is counted under both."""
    minute: int = Field(primary_key=True)
    """Minutes since the epoch."""
    outcome: str = Field(primary_key=True)
    """`success` or the failure class."""
    latency_bucket: int = Field(primary_key=True)
    """See `core.domain.latency`."""
    attempts: int


class HalfHourStat(SQLModel, table=True):
    """The rows of `minute_stats` summed up by the half hour once it is over: what charts of a day and longer read.

    A week by the minute is half a million rows for one busy endpoint, and took 300 ms to add up.
    """

    __tablename__ = "half_hour_stats"
    __table_args__ = ({"sqlite_with_rowid": False},)  # stored in the order in which it is read

    endpoint_id: str = Field(primary_key=True)
    minute: int = Field(primary_key=True)
    """The first minute of the half hour, since the epoch."""
    outcome: str = Field(primary_key=True)
    latency_bucket: int = Field(primary_key=True)
    attempts: int


class IdempotencyKey(SQLModel, table=True):
    """A key that a caller sent with a submission, and the answer it got."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_expires", "expires_at"),)

    scope: str = Field(primary_key=True)
    """The API key it came with: two callers may use the same word."""
    key: str = Field(primary_key=True)
    fingerprint: str
    """SHA-256 of the request."""
    message_id: str
    expires_at: float = _time()


class ApiKey(SQLModel, table=True):
    """A bearer key. Only its SHA-256 is stored."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    name: str
    digest: str = Field(unique=True)
    preview: str
    """Its first characters, to tell it from others: `bw_3f9a…`."""
    scopes: list[str] = _json("[]")
    created_at: float = _time()
    created_by: str
    last_used_at: float | None = _time(nullable=True)
    revoked_at: float | None = _time(nullable=True)


class Person(SQLModel, table=True):
    """Someone who signs in."""

    __tablename__ = "people"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    role: str
    password_digest: str | None = _long_text()
    """argon2id; None until the sign-in link was used."""
    created_at: float = _time()
    disabled_at: float | None = _time(nullable=True)


class Session(SQLModel, table=True):
    """A signed-in browser. Only the SHA-256 of its cookie is stored."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_person", "person_id"),)

    digest: str = Field(primary_key=True)
    person_id: str = _owner("people.id")
    created_at: float = _time()
    last_seen_at: float = _time()
    expires_at: float = _time()
    user_agent: str = ""


class SignInCode(SQLModel, table=True):
    """A single-use code by which a person sets a password. Only its SHA-256 is stored."""

    __tablename__ = "sign_in_codes"

    digest: str = Field(primary_key=True)
    person_id: str = _owner("people.id")
    expires_at: float = _time()
    used_at: float | None = _time(nullable=True)


class Replay(SQLModel, table=True):
    """A bulk resend: a filter, a frozen upper bound, a pace, and how far it has come."""

    __tablename__ = "replays"
    __table_args__ = (Index("ix_replays_state", "state", "id"),)

    id: str = Field(primary_key=True)
    filter: str = Field(sa_type=Text)
    """The query string of the deliveries that are meant."""
    words: str = Field(sa_type=Text)
    """The filter as a person reads it, with the names of that moment."""
    up_to: str
    """The newest delivery that belongs to it: what arrived later is never touched."""
    frozen_at: float = _time()
    """Relative times of the filter are taken from here; what ended later is never touched either."""
    pace: float = Field(sa_type=Double)
    """Deliveries a second."""
    reason: str | None = _long_text()
    state: str
    created_by: str
    created_at: float = _time()
    finished_at: float | None = _time(nullable=True)
    total: int
    """How many matched at the start, counted up to a bound."""
    total_is_bound: bool = False
    cursor: str = ""
    """The last delivery that was looked at."""
    resent: int = 0
    skipped: int = 0
    """Matched when found, and had changed by the time it was their turn."""


class SavedView(SQLModel, table=True):
    """A filter of deliveries that somebody keeps under a name."""

    __tablename__ = "saved_views"
    __table_args__ = (Index("ix_saved_views_owner", "owner", "name", unique=True),)

    id: str = Field(primary_key=True)
    owner: str
    """The id of the person, or of the key, whose view it is."""
    name: str
    filter: str = Field(sa_type=Text)
    """The query string of the list."""
    created_at: float = _time()


class ReplayItem(SQLModel, table=True):
    """A delivery that a replay resent."""

    __tablename__ = "replay_items"

    replay_id: str = Field(primary_key=True)
    delivery_id: str = Field(primary_key=True)
    attempts_before: int
    resent_at: float = _time()
