"""Enough rows that a planner prefers an index, and the indexes of a plan."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.ids import Ids
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import (
    ALL_ENDPOINTS,
    ATTEMPTS,
    AUDIT,
    DELIVERIES,
    ENDPOINTS,
    MESSAGES,
    MINUTE_STATS,
    REPLAY_ITEMS,
    REPLAYS,
    TRANSITIONS,
)
from tests.contract.recorded_sql import explained
from tests.fakes import ManualClock

DELIVERED = 6_000
ENDPOINT_COUNT = 20
LARGE = (
    "deliveries",
    "messages",
    "attempts",
    "minute_stats",
    "half_hour_stats",
    "audit_entries",
    "circuit_transitions",
    "replays",
    "replay_items",
)

INDEXES: dict[str, tuple[str, ...]] = {
    "": ("pk_deliveries",),
    "since=1h": ("pk_deliveries",),
    "status=failed": ("ix_deliveries_state",),
    "status=held": ("ix_deliveries_state",),
    "status=retrying": ("ix_deliveries_state",),
    "status=failed,held": ("ix_deliveries_state", "ix_deliveries_state"),
    "status=failed&event_type=order.rare": ("ix_deliveries_state",),
    "status=delivered&event_type=order.rare": ("ix_deliveries_event_type",),
    "event_type=order.rare": ("ix_deliveries_event_type",),
    "endpoint={endpoint}": ("ix_deliveries_endpoint",),
    "endpoint={endpoint}&status=failed": ("ix_deliveries_endpoint_state",),
    "endpoint={endpoint}&status=held": ("ix_deliveries_endpoint_state",),
    "endpoint={endpoint}&event_type=order.rare": ("ix_deliveries_endpoint",),
    "class=tls": ("ix_deliveries_failure",),
    "class=tls&status=failed,held": ("ix_deliveries_failure",),
    "class=tls&endpoint={endpoint}": ("ix_deliveries_endpoint_failure",),
    "class=tls&error=handshake …": ("ix_deliveries_failure",),
    "q={delivery}": ("pk_deliveries",),
    "q={delivery}&status=failed": ("pk_deliveries",),
    "q={message}": ("ix_deliveries_message",),
    "q={message}&status=failed&class=tls": ("ix_deliveries_message",),
    "q={attempt}&status=failed": ("pk_deliveries",),
    "q=some text": ("ix_deliveries_message", "pk_deliveries"),
    "q=some text&status=failed": ("ix_deliveries_message", "ix_deliveries_state"),
}
"""The index of each walk that a filter makes."""


class Sample:
    """Rows enough that a planner prefers an index where there is one."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.on_sqlite = False
        self.clock = ManualClock()
        self.ids = Ids(self.clock)
        self.endpoints = [self.ids.make("ep") for _ in range(ENDPOINT_COUNT)]
        self.deleted = self.ids.make("ep")
        self.messages: list[str] = []
        self.deliveries: list[str] = []
        self.attempts: list[str] = []
        self.replay = self.ids.make("rpl")

    async def write(self, connection: AsyncConnection) -> None:
        now = self.clock.now()
        self.on_sqlite = connection.dialect.name == "sqlite"
        endpoints = [
            {
                "id": id_,
                "name": id_,
                "description": "",
                "url": "https://x.example/",
                "event_types": [],
                "state": "enabled",
            }
            | {
                "timeout_seconds": 10.0,
                "retry_delays": [],
                "retry_jitter": 0.1,
                "circuit": {},
                "max_in_flight": 9,
            }
            | {"headers": {}, "signature": "standard", "created_at": now, "updated_at": now}
            for id_ in self.endpoints
        ]
        rows = [self._delivery(number, now) for number in range(DELIVERED)]
        await connection.execute(insert(ENDPOINTS), endpoints)
        await connection.execute(insert(ENDPOINTS), endpoints[0] | {"id": self.deleted, "deleted_at": now})
        for table, part in ((MESSAGES, 0), (DELIVERIES, 1), (ATTEMPTS, 2)):
            await connection.execute(insert(table), [row[part] for row in rows])
        await connection.execute(insert(AUDIT), [self._audit_entry(number, now) for number in range(3_000)])
        await connection.execute(
            insert(TRANSITIONS), [self._transition(number, now) for number in range(3_000)]
        )
        await connection.execute(insert(MINUTE_STATS), list(self._stats(int(now // 60))))
        await connection.execute(insert(REPLAYS), list(self._replays(now)))
        items = {"replay_id": self.replay, "attempts_before": 1, "resent_at": now}
        await connection.execute(
            insert(REPLAY_ITEMS), [items | {"delivery_id": id_} for id_ in self.deliveries[::20]]
        )
        await connection.execute(text("ANALYZE"))

    def _delivery(self, number: int, now: float) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        endpoint_id = self.endpoints[number % ENDPOINT_COUNT]
        event_type = "order.rare" if number % 100 == 0 else "order.created"
        state = "failed" if number % 10 == 0 else "pending" if number % 10 == 1 else "delivered"
        failure = ("tls" if number % 3 else "dns") if state != "delivered" else None
        message_id, delivery_id, attempt_id = (self.ids.make(prefix) for prefix in ("msg", "dlv", "att"))
        self.messages.append(message_id)
        self.deliveries.append(delivery_id)
        self.attempts.append(attempt_id)
        message = {"id": message_id, "event_type": event_type, "payload": b"{}", "delivery_count": 1}
        delivery = {
            "id": delivery_id,
            "message_id": message_id,
            "endpoint_id": endpoint_id,
            "event_type": event_type,
        }
        attempt = {"id": attempt_id, "delivery_id": delivery_id, "endpoint_id": endpoint_id, "number": 1}
        return (
            message | {"created_at": now, "idempotency_key": f"k-{number}" if number % 2 else None},
            delivery
            | {
                "state": state,
                "failure_class": failure,
                "error": failure,
                "created_at": now,
                "trigger": "schedule",
            }
            | {"next_attempt_at": now, "attempt_count": 1, "budget_spent": 1, "lost_count": 0},
            attempt
            | {
                "trigger": "schedule",
                "started_at": now,
                "failure_class": failure,
                "response_truncated": False,
            }
            | {"request_headers": [], "response_headers": []},
        )

    def _audit_entry(self, number: int, now: float) -> dict[str, Any]:
        entry = {
            "id": self.ids.make("aud"),
            "at": now,
            "actor": f"person:{number % 9}",
            "subject": f"dlv_{number}",
        }
        return entry | {"action": f"a.{number % 7}", "outcome": "", "detail": {}, "affected": 1}

    def _transition(self, number: int, now: float) -> dict[str, Any]:
        values = {
            "id": self.ids.make("ctr"),
            "endpoint_id": self.endpoints[number % ENDPOINT_COUNT],
            "at": now,
        }
        states = {
            "from_state": "closed",
            "to_state": "open",
            "cause": "",
            "failure_count": 0,
            "success_count": 0,
        }
        return values | states

    def _stats(self, newest: int) -> Iterator[dict[str, Any]]:
        for minute in range(newest - 400, newest + 1):
            for endpoint_id in (ALL_ENDPOINTS, *self.endpoints[:10]):
                cell = {"endpoint_id": endpoint_id, "minute": minute, "latency_bucket": minute % 5}
                yield cell | {"outcome": "success", "attempts": 1}

    def _replays(self, now: float) -> Iterator[dict[str, Any]]:
        values = {"filter": "status=failed", "words": "", "up_to": "", "frozen_at": now, "pace": 1.0}
        values |= {"state": "finished", "created_by": "", "created_at": now, "total": 1}
        for id_ in (self.replay, *(self.ids.make("rpl") for _ in range(2_000))):
            yield values | {"id": id_, "total_is_bound": False, "cursor": "", "resent": 0, "skipped": 0}

    def filter(self, query: str) -> DeliveryFilter:
        names = {"endpoint": self.endpoints[3], "delivery": self.deliveries[50]}
        names |= {"message": self.messages[50], "attempt": self.attempts[50]}
        return DeliveryFilter.parse(
            dict(part.split("=", 1) for part in query.format(**names).split("&") if part)
        )


@dataclass
class Plan:
    """What a plan reads, and by which index."""

    text: str

    @property
    def indexes(self) -> list[str]:
        """Return the indexes of deliveries that SQLite scans or searches."""
        index_names = re.findall(r"(?:SCAN|SEARCH) deliveries USING (?:COVERING )?INDEX (\w+)", self.text)
        return [re.sub(r"sqlite_autoindex_(\w+)_1", r"pk_\1", name) for name in index_names]

    @property
    def whole_tables(self) -> list[str]:
        """Return the large tables of which all is read.

        A scan along the ids is none, because it stops at its limit; unless it groups, and then it cannot stop.
        """
        along_ids = r"(?! USING (?:COVERING )?INDEX sqlite_autoindex)" if "GROUP BY" not in self.text else ""
        read = re.findall(rf"SCAN (\w+)\b{along_ids}|Seq Scan on (\w+)", self.text)
        return [table for names in read for table in names if table in LARGE]

    @property
    def sorts(self) -> bool:
        return "FOR ORDER BY" in self.text


async def plan_of(sample: Sample, statement: Any) -> Plan:
    async with sample.database.read() as connection:
        return Plan("\n".join(await explained(connection, statement)))
