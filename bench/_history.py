"""Fill a database with a week of deliveries, some of them failing: for benchmarks of queries."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.latency import bucket_of
from breakwater.core.ids import Ids
from breakwater.core.maintenance.stats_rollup import StatsRollup
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import (
    ALL_ENDPOINTS,
    ATTEMPTS,
    AUDIT,
    CIRCUITS,
    DELIVERIES,
    ENDPOINTS,
    MESSAGES,
    MINUTE_STATS,
    TRANSITIONS,
)

WEEK = 7 * 86_400.0
DARK_HOURS = 2 * 3600.0
"""How long the dead endpoints have been failing."""
CHUNK = 20_000
EVENT_TYPES = (
    "order.created",
    "order.paid",
    "order.refunded",
    "invoice.sent",
    "user.created",
    "user.deleted",
)
FAILURES = (
    ("server_error", 503, "503 Service Unavailable"),
    ("server_error", 500, "500 Internal Server Error"),
    ("timeout", None, "timed out: no response within 10 s"),
    ("connect", None, "connection refused"),
    ("tls", None, "the certificate has expired"),
    ("client_error", 404, "404 Not Found"),
)
Met = tuple[str | None, int | None, str | None]
"""Failure class, status and error of one attempt."""
RETRIED = frozenset({"server_error", "timeout", "connect", "tls"})


class Moving:
    """A clock that the generator sets."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@dataclass
class History:
    """The ids that were stored."""

    now: float
    endpoints: list[str] = field(default_factory=list)
    dead: frozenset[str] = frozenset()
    deliveries: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    attempts: int = 0


class Filler:
    """Creates rows, oldest first, and writes them in chunks."""

    def __init__(self, now: float, attempts: int, endpoints: int = 60) -> None:
        self._random = random.Random(7)
        self._clock = Moving(now - WEEK)
        self._ids = Ids(self._clock, self._random.randbytes)
        self._attempt_count = attempts
        self._rows: dict[Table, list[dict[str, Any]]] = {
            table: [] for table in (ENDPOINTS, MESSAGES, DELIVERIES, ATTEMPTS, CIRCUITS, TRANSITIONS, AUDIT)
        }
        self._stats: Counter[tuple[str, int, str, int]] = Counter()
        self.history = History(now)
        self._make_endpoints(endpoints)

    async def fill(self, database: Database) -> History:
        """Write all rows."""
        while self.history.attempts < self._attempt_count:
            self._clock.at = self.history.now - WEEK * (1 - self.history.attempts / self._attempt_count)
            self._deliver()
            if len(self._rows[DELIVERIES]) >= CHUNK:
                await self._flush(database)
        self._make_circuits()
        self._make_audit()
        await self._flush(database)
        await database.writer.run(self._write_stats)
        await StatsRollup(database, self._clock).roll_up()
        return self.history

    async def _flush(self, database: Database) -> None:
        rows, self._rows = self._rows, {table: [] for table in self._rows}

        async def write(connection: AsyncConnection) -> None:
            for table, table_rows in rows.items():
                if table_rows:
                    await connection.execute(insert(table), table_rows)

        await database.writer.run(write)

    async def _write_stats(self, connection: AsyncConnection) -> None:
        columns = ("endpoint_id", "minute", "outcome", "latency_bucket")
        rows = [
            dict(zip(columns, key, strict=True)) | {"attempts": n} for key, n in sorted(self._stats.items())
        ]
        for start in range(0, len(rows), CHUNK):
            await connection.execute(insert(MINUTE_STATS), rows[start : start + CHUNK])

    def _make_endpoints(self, count: int) -> None:
        for number in range(count):
            endpoint_id = self._ids.make("ep")
            self.history.endpoints.append(endpoint_id)
            self._rows[ENDPOINTS].append(
                {
                    "id": endpoint_id,
                    "name": f"shop-{number:02}",
                    "description": "",
                    "url": f"https://shop-{number:02}.example/hooks",
                    "event_types": [],
                    "state": "enabled",
                    "timeout_seconds": 10.0,
                    "retry_delays": [],
                    "retry_jitter": 0.1,
                    "circuit": {},
                    "max_in_flight": 64,
                    "headers": {},
                    "signature": "standard",
                    "created_at": self._clock.at,
                    "updated_at": self._clock.at,
                }
            )
        self.history.dead = frozenset(self.history.endpoints[:3])

    def _deliver(self) -> None:
        at, now = self._clock.at, self.history.now
        endpoint_id = self._random.choice(self.history.endpoints)
        dead = endpoint_id in self.history.dead and at > now - DARK_HOURS
        message_id, delivery_id = self._ids.make("msg"), self._ids.make("dlv")
        event_type = self._random.choices(EVENT_TYPES, (40, 30, 1, 20, 8, 1))[0]
        outcomes = [] if dead and self._random.random() < 0.8 else list(self._outcomes(dead=dead))
        self.history.messages.append(message_id)
        self.history.deliveries.append(delivery_id)
        self._rows[MESSAGES].append(
            {
                "id": message_id,
                "event_type": event_type,
                "payload": b'{"id":"%b","total":%d,"note":"%b"}'
                % (message_id.encode(), self._random.randrange(10_000), b"x" * self._random.randrange(900)),
                "delivery_count": 1,
                "idempotency_key": f"key-{len(self.history.messages)}"
                if self._random.random() < 0.3
                else None,
                "created_at": at,
            }
        )
        for number, met in enumerate(outcomes, start=1):
            self._attempt(delivery_id, endpoint_id, number, met)
        self._rows[DELIVERIES].append(
            self._delivery(delivery_id, message_id, endpoint_id, event_type, outcomes, dead=dead)
        )

    def _outcomes(self, *, dead: bool) -> Iterator[Met]:
        """Yield the outcome of each attempt: 1.4 attempts on average; sometimes all fail."""
        for _ in range(1 if dead else self._random.choice((3, 11))):
            if not dead and self._random.random() < 0.7:
                yield None, 200, None
                return
            failure = self._random.choices(FAILURES, (40, 20, 15, 15, 3, 7))[0]
            yield failure
            if failure[0] not in RETRIED:
                return

    def _attempt(self, delivery_id: str, endpoint_id: str, number: int, met: Met) -> None:
        failure, status, error = met
        ms = max(1, int(self._random.lognormvariate(4.0, 0.6)))
        self.history.attempts += 1
        self._rows[ATTEMPTS].append(
            {
                "id": self._ids.make("att"),
                "delivery_id": delivery_id,
                "endpoint_id": endpoint_id,
                "number": number,
                "trigger": "schedule",
                "started_at": self._clock.at,
                "duration_ms": ms,
                "failure_class": failure,
                "status_code": status,
                "error": error,
                "request_headers": [["content-type", "application/json"], ["webhook-id", delivery_id]],
                "response_headers": [["content-type", "text/plain"]],
                "response_body": b"ok" if failure is None else b"something went wrong here",
                "response_truncated": False,
            }
        )
        for counted in (endpoint_id, ALL_ENDPOINTS):
            self._stats[counted, int(self._clock.at // 60), failure or "success", bucket_of(ms)] += 1

    def _delivery(
        self,
        delivery_id: str,
        message_id: str,
        endpoint_id: str,
        event_type: str,
        outcomes: list[Met],
        *,
        dead: bool,
    ) -> dict[str, Any]:
        failure, status, error = outcomes[-1] if outcomes else (None, None, None)
        state = "pending" if dead else "failed" if failure else "delivered"
        return {
            "id": delivery_id,
            "message_id": message_id,
            "endpoint_id": endpoint_id,
            "event_type": event_type,
            "state": state,
            "next_attempt_at": self._clock.at + 60 if dead else None,
            "trigger": "schedule",
            "attempt_count": len(outcomes),
            "budget_spent": len(outcomes),
            "lost_count": 0,
            "failure_class": failure,
            "status_code": status,
            "error": error,
            "created_at": self._clock.at,
            "finished_at": None if dead else self._clock.at + 1,
        }

    def _make_circuits(self) -> None:
        now = self._clock.at = self.history.now
        for endpoint_id in self.history.endpoints:
            dead = endpoint_id in self.history.dead
            self._rows[CIRCUITS].append(
                {
                    "endpoint_id": endpoint_id,
                    "state": "open" if dead else "closed",
                    "failure_count": 5 if dead else 0,
                    "success_count": 0,
                    "last_failure_time": now - 30,
                    "opened_at": now - DARK_HOURS if dead else None,
                    "retry_at": now + 600 if dead else None,
                    "reopenings": 4 if dead else 0,
                    "generation": 9,
                    "permits": [],
                    "window": [[int(now) - second, 3, 0] for second in range(60)],
                    "updated_at": now,
                }
            )
            for _ in range(200):
                self._rows[TRANSITIONS].append(
                    {
                        "id": self._ids.make("ctr"),
                        "endpoint_id": endpoint_id,
                        "at": now,
                        "from_state": "closed",
                        "to_state": "open",
                        "cause": "5 consecutive failures",
                        "failure_count": 5,
                        "success_count": 0,
                    }
                )

    def _make_audit(self) -> None:
        for number in range(50_000):
            self._rows[AUDIT].append(
                {
                    "id": self._ids.make("aud"),
                    "at": self.history.now,
                    "actor": f"person:p{number % 9}",
                    "action": "delivery.resend" if number % 50 else "circuit.reset",
                    "subject": self._random.choice(self.history.deliveries),
                    "outcome": "Resent.",
                    "detail": {},
                    "affected": 1,
                }
            )
