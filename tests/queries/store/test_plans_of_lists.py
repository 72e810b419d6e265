"""Every list scans along its index: the plans by which both databases run the reads, with data in the tables.

A walk that sorts, or that reads a whole table, is quick in a test and takes seconds with a million rows.
"""

from typing import Any

from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.audit import audit_scan
from breakwater.core.queries.circuits.board import endpoint_rows_statement
from breakwater.core.queries.circuits.history import transitions_statement
from breakwater.core.queries.circuits.recently_reset import resets_statement
from breakwater.core.queries.deliveries.causes import STORED_CLASSES, class_scans, groups_statement
from breakwater.core.queries.deliveries.detail import delivery_statement
from breakwater.core.queries.deliveries.event_types import event_types_statement
from breakwater.core.queries.deliveries.histogram import bars_statement, stop_statement
from breakwater.core.queries.deliveries.list import page_statement
from breakwater.core.queries.deliveries.messages import deliveries_statement
from breakwater.core.queries.deliveries.selection import covered_ids, index_scans
from breakwater.core.queries.overview.queries import (
    counts_statement,
    oldest_statement,
    outcomes_statement,
)
from breakwater.core.queries.paging.scan import IdRange, scan, scan_limit_statement
from breakwater.core.queries.rows import LIST_COLUMNS
from breakwater.core.queries.traffic.charts import (
    cells_of,
    each_endpoint,
    each_minute,
    half_hours,
    half_hours_then_minutes,
)
from breakwater.core.store.schema import ALL_ENDPOINTS, AUDIT, ENDPOINTS
from tests.queries.store.plans import INDEXES, Sample, plan_of


async def test_every_filter_scans_its_index(sample: Sample) -> None:
    now = sample.clock.now()
    for query, indexes in INDEXES.items():
        filters = sample.filter(query)
        scans = index_scans(filters, now)
        for branch, index in zip(scans, indexes, strict=True):
            plan = await plan_of(sample, scan(LIST_COLUMNS, [branch], covered_ids(filters, now), 51))
            assert plan.whole_tables == [], (query, plan.text)
            if sample.on_sqlite:
                assert plan.indexes == [index], (query, plan.text)
                assert not plan.sorts or index == "ix_deliveries_message", (query, plan.text)


async def test_further_statements_of_a_page_use_an_index(sample: Sample) -> None:
    now = sample.clock.now()
    for query in INDEXES:
        filters = sample.filter(query)
        scans, covered = index_scans(filters, now), covered_ids(filters, now)
        statements: list[Any] = [page_statement(scans, covered, 51, now)]
        if (limit_statement := scan_limit_statement(LIST_COLUMNS[0], scans, covered)) is not None:
            statements.append(limit_statement)
        for statement in statements:
            plan = await plan_of(sample, statement)
            assert plan.whole_tables == [], (query, plan.text)


async def test_every_other_statement_uses_an_index(sample: Sample) -> None:
    now = sample.clock.now()
    minute = int(now // 60)
    filters = sample.filter("class=tls")
    statements: dict[str, Any] = {
        "a delivery": delivery_statement(sample.deliveries[9], now),
        "a message's deliveries": deliveries_statement(sample.messages[9], now),
        "lanes": endpoint_rows_statement(),
        "one lane": endpoint_rows_statement(ENDPOINTS.c.id == sample.endpoints[3]),
        "counts": counts_statement(now),
        "the oldest undelivered": oldest_statement(now),
        "outcomes of each endpoint": outcomes_statement(now),
        "recent resets": resets_statement(now),
        "groups": groups_statement(class_scans(filters, FailureClass, now), IdRange()),
        "classes met": STORED_CLASSES,
        "event types": event_types_statement(),
        "transitions": transitions_statement(None, 50),
        "transitions of one": transitions_statement(sample.endpoints[3], 50),
        "audit": scan(tuple(AUDIT.c), [audit_scan({})], IdRange(), 51),
        "audit of one": scan(
            tuple(AUDIT.c), [audit_scan({"actor": "person:1", "action": "a.1"})], IdRange(), 51
        ),
    }
    charts = {
        "an hour of one": cells_of(each_minute(sample.endpoints[3], minute - 60), 1),
        "an hour of all": cells_of(each_minute(ALL_ENDPOINTS, minute - 60), 1),
        "the closed part of a day": cells_of(half_hours(sample.endpoints[3], minute - 1440, minute - 60), 30),
        "the latest part of a day": cells_of(half_hours_then_minutes(sample.endpoints[3], minute - 60), 30),
        "an hour of each": each_endpoint(sample.endpoints[:3], minute - 20, 5),
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
        filters = sample.filter(query)
        stop = await plan_of(sample, stop_statement(filters, states, covered_ids(filters, now)))
        bars = await plan_of(sample, bars_statement(filters, states, covered_ids(filters, now), edges))
        held = bars_statement(filters, states, covered_ids(filters, now), edges, sample.endpoints[:5])
        assert (await plan_of(sample, held)).whole_tables == [], query
        for plan in (stop, bars):
            assert plan.whole_tables == [], (query, plan.text)
            if sample.on_sqlite:
                assert plan.indexes == [index] * len(states), (query, plan.text)
                assert plan.text.count("COVERING INDEX") == len(states), (query, plan.text)
                assert not plan.sorts, (query, plan.text)
