"""Every list walks along its index: the plans by which both databases run the reads, with data in the tables.

A walk that sorts, or that reads a whole table, is quick in a test and takes seconds with a million rows.
"""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.domain.states import DeliveryState
from core.engine.filters import DeliveryFilter
from core.engine.insights.circuits import lanes_statement
from core.engine.insights.deliveries import page_statement
from core.engine.insights.detail import delivery_statement
from core.engine.insights.event_types import event_types_statement
from core.engine.insights.groups import _walks as group_walks
from core.engine.insights.groups import groups_statement
from core.engine.insights.histogram import bars_statement, stop_statement
from core.engine.insights.history import audit_walk, transitions_statement
from core.engine.insights.joined import LISTED
from core.engine.insights.messages import deliveries_statement
from core.engine.insights.overview import counts_statement, oldest_statement
from core.engine.insights.scan import Span, reach_statement, walk
from core.engine.insights.selection import branches, span
from core.engine.insights.traffic import each_endpoint, one_endpoint
from core.ids import Ids
from core.sql.engine import Database, explain
from core.sql.statements.rows import (
    ATTEMPTS,
    AUDIT,
    DELIVERIES,
    ENDPOINTS,
    MESSAGES,
    MINUTE_STATS,
    TRANSITIONS,
)
from core.sql.tables import ALL_ENDPOINTS
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
)

WALKS: dict[str, tuple[str, ...]] = {
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
        self.messages: list[str] = []
        self.deliveries: list[str] = []
        self.attempts: list[str] = []

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
        for table, part in ((MESSAGES, 0), (DELIVERIES, 1), (ATTEMPTS, 2)):
            await connection.execute(insert(table), [row[part] for row in rows])
        await connection.execute(insert(AUDIT), [self._deed(number, now) for number in range(3_000)])
        await connection.execute(
            insert(TRANSITIONS), [self._transition(number, now) for number in range(3_000)]
        )
        await connection.execute(insert(MINUTE_STATS), list(self._stats(int(now // 60))))
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

    def _deed(self, number: int, now: float) -> dict[str, Any]:
        deed = {
            "id": self.ids.make("aud"),
            "at": now,
            "actor": f"person:{number % 9}",
            "subject": f"dlv_{number}",
        }
        return deed | {"action": f"a.{number % 7}", "outcome": "", "detail": {}, "affected": 1}

    def _transition(self, number: int, now: float) -> dict[str, Any]:
        told = {"id": self.ids.make("ctr"), "endpoint_id": self.endpoints[number % ENDPOINT_COUNT], "at": now}
        states = {
            "from_state": "closed",
            "to_state": "open",
            "cause": "",
            "failure_count": 0,
            "success_count": 0,
        }
        return told | states

    def _stats(self, newest: int) -> Iterator[dict[str, Any]]:
        for minute in range(newest - 400, newest + 1):
            for endpoint_id in (ALL_ENDPOINTS, *self.endpoints[:10]):
                cell = {"endpoint_id": endpoint_id, "minute": minute, "latency_bucket": minute % 5}
                yield cell | {"outcome": "success", "attempts": 1}

    def filter(self, query: str) -> DeliveryFilter:
        names = {"endpoint": self.endpoints[3], "delivery": self.deliveries[50]}
        names |= {"message": self.messages[50], "attempt": self.attempts[50]}
        return DeliveryFilter.parse(
            dict(part.split("=", 1) for part in query.format(**names).split("&") if part)
        )


@pytest.fixture
async def sample(durable_url: str) -> AsyncIterator[Sample]:
    database = Database(durable_url)
    await database.open()
    made = Sample(database)
    await database.writer.run(made.write)
    yield made
    await database.close()


@dataclass
class Plan:
    """What a plan reads, and by which index."""

    text: str

    @property
    def indexes(self) -> list[str]:
        """Return the indexes of deliveries that are walked along or searched, as SQLite tells them."""
        found = re.findall(r"(?:SCAN|SEARCH) deliveries USING (?:COVERING )?INDEX (\w+)", self.text)
        return [re.sub(r"sqlite_autoindex_(\w+)_1", r"pk_\1", name) for name in found]

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
        return Plan("\n".join(await explain(connection, statement)))


async def test_every_filter_walks_along_its_index(sample: Sample) -> None:
    now = sample.clock.now()
    for query, indexes in WALKS.items():
        wanted = sample.filter(query)
        walks = branches(wanted, now)
        for branch, index in zip(walks, indexes, strict=True):
            plan = await plan_of(sample, walk(LISTED, [branch], span(wanted, now), 51))
            assert plan.whole_tables == [], (query, plan.text)
            if sample.on_sqlite:
                assert plan.indexes == [index], (query, plan.text)
                assert not plan.sorts or index == "ix_deliveries_message", (query, plan.text)


async def test_what_a_page_asks_beside_its_rows_is_read_by_index_too(sample: Sample) -> None:
    now = sample.clock.now()
    for query in WALKS:
        wanted = sample.filter(query)
        walks, covered = branches(wanted, now), span(wanted, now)
        asked: list[Any] = [page_statement(walks, covered, 51, now)]
        if (reach := reach_statement(LISTED[0], walks, covered)) is not None:
            asked.append(reach)
        for statement in asked:
            plan = await plan_of(sample, statement)
            assert plan.whole_tables == [], (query, plan.text)


async def test_every_other_read_is_by_index(sample: Sample) -> None:
    now = sample.clock.now()
    minute = int(now // 60)
    wanted = sample.filter("class=tls")
    statements: dict[str, Any] = {
        "a delivery": delivery_statement(sample.deliveries[9], now),
        "a message's deliveries": deliveries_statement(sample.messages[9], now),
        "lanes": lanes_statement(),
        "one lane": lanes_statement(ENDPOINTS.c.id == sample.endpoints[3]),
        "counts": counts_statement(now),
        "the oldest undelivered": oldest_statement(now),
        "groups": groups_statement(group_walks(wanted, now), Span()),
        "event types": event_types_statement(),
        "transitions": transitions_statement(None, 50),
        "transitions of one": transitions_statement(sample.endpoints[3], 50),
        "audit": walk(tuple(AUDIT.c), [audit_walk({})], Span(), 51),
        "audit of one": walk(
            tuple(AUDIT.c), [audit_walk({"actor": "person:1", "action": "a.1"})], Span(), 51
        ),
    }
    charts = {
        "an hour of one": one_endpoint(sample.endpoints[3], minute - 60, 1),
        "an hour of all": one_endpoint(ALL_ENDPOINTS, minute - 60, 1),
        "a day of one": one_endpoint(sample.endpoints[3], minute - 60, 30),
        "an hour of each": each_endpoint(minute - 20, 5),
    }
    statements |= {f"{name}, {part}": part for name, parts in charts.items() for part in parts}
    for name, statement in statements.items():
        plan = await plan_of(sample, statement)
        assert plan.whole_tables == [], (name, plan.text)


async def test_bars_over_time_are_counted_along_an_index_and_the_table_is_not_touched(sample: Sample) -> None:
    now = sample.clock.now()
    edges, states = (now - 3_600, now - 1_800, now + 1), tuple(DeliveryState)
    for query, index in (
        ("", "ix_deliveries_state"),
        ("endpoint={endpoint}", "ix_deliveries_endpoint_state"),
    ):
        wanted = sample.filter(query)
        stop = await plan_of(sample, stop_statement(wanted, states, span(wanted, now)))
        bars = await plan_of(sample, bars_statement(wanted, states, span(wanted, now), edges))
        for plan in (stop, bars):
            assert plan.whole_tables == [], (query, plan.text)
            if sample.on_sqlite:
                assert plan.indexes == [index] * len(states), (query, plan.text)
                assert plan.text.count("COVERING INDEX") == len(states), (query, plan.text)
                assert not plan.sorts, (query, plan.text)
