"""What a page, the API or a command reads of what may grow large, it reads by an index: every read there is, recorded.

No page and no route of the API touches the store (an import contract sees to that): they have no reads but these.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import cast

from breakwater.core.accounts.saved_views import SavedViews
from breakwater.core.delivery.context import EngineContext
from breakwater.core.queries import Queries
from breakwater.core.replays import Replays
from tests.contract.plans import WALKS, Plan, Sample
from tests.contract.recorded_sql import Statement, plan_lines, reads_asked

Call = Callable[[], Awaitable[object]]
CHANGES = {"start", "pause", "resume", "cancel", "save", "delete"}
"""What is no read."""


class Reads:
    """Every read, with the filters and subjects that lead to another statement."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        parts = cast("EngineContext", SimpleNamespace(clock=sample.clock, database=sample.database))
        self.queries = Queries(sample.database, sample.clock, tuple)
        self.replays = Replays(parts, self.queries)
        self.views = SavedViews(sample.database, sample.ids, sample.clock)

    def calls(self) -> dict[str, list[Call]]:
        """Return the calls of each read, by its name."""
        queries, sample = self.queries, self.sample
        endpoint, delivery, message = sample.endpoints[3], sample.deliveries[50], sample.messages[50]
        wanted = [sample.filter(query) for query in (*WALKS, "q=no such text", "event_type=order.created")]
        return {
            "overview": [queries.overview],
            "deliveries": [lambda w=w: queries.deliveries(w) for w in wanted],
            "deliveries_over_time": [lambda w=w: queries.deliveries_over_time(w) for w in wanted],
            "count": [lambda w=w: queries.count(w) for w in wanted],
            "rows_since": [lambda w=w: queries.rows_since(w, delivery) for w in wanted],
            "rows": [lambda: queries.rows(sample.deliveries[:50])],
            "groups": [lambda w=w: queries.groups(w) for w in wanted],
            "histogram": [lambda w=w: queries.histogram(w) for w in wanted],
            "delivery": [lambda id_=id_: queries.delivery(id_) for id_ in sample.deliveries[50:60]],
            "message": [lambda: queries.message(message)],
            "endpoints": [queries.endpoints, lambda: queries.endpoints(text="ep"), self.second_endpoints],
            "endpoint": [lambda: queries.endpoint(endpoint)],
            "deleted_endpoint": [lambda: queries.deleted_endpoint(sample.deleted)],
            "endpoint_options": [queries.endpoint_options, lambda: queries.endpoint_options("ep")],
            "event_types": [queries.event_types],
            "circuits": [queries.circuits, lambda: queries.circuits(text="ep"), self.second_circuits],
            "circuits_of": [lambda: queries.circuits_of(sample.endpoints[:3])],
            "circuit": [lambda: queries.circuit(endpoint)],
            "transitions": [queries.transitions, lambda: queries.transitions(endpoint)],
            "audit": [lambda given=given: queries.audit(**given) for given in audited()],
            "traffic": [
                lambda of=of, minutes=minutes: queries.traffic(of, minutes)
                for of in (None, endpoint)
                for minutes in (60, 1440, 7 * 1440)
            ],
            "plan": [lambda w=w: self.replays.plan(w) for w in wanted],
            "get": [lambda: self.replays.get(sample.replay)],
            "all": [self.replays.all],
            "results": [
                lambda after=after: self.replays.results(sample.replay, after) for after in ("", delivery)
            ],
            "of": [lambda: self.views.of("prs_1")],
        }

    async def second_endpoints(self) -> None:
        first = await self.queries.endpoints(limit=5)
        await self.queries.endpoints(first.next_cursor, limit=5)

    async def second_circuits(self) -> None:
        first = await self.queries.circuits(limit=5)
        await self.queries.circuits(first.next_cursor, limit=5)


def audited() -> Iterator[dict[str, str]]:
    """Yield every choice of the audit's filters."""
    given = {"actor": "person:1", "action": "a.1", "subject": "dlv_7"}
    for chosen in range(8):
        yield {name: value for bit, (name, value) in enumerate(given.items()) if chosen >> bit & 1}


def public_reads(*kinds: type) -> set[str]:
    return {
        name
        for kind in kinds
        for name, _function in inspect.getmembers(kind, inspect.iscoroutinefunction)
        if not name.startswith("_")
    } - CHANGES


async def plan_of(sample: Sample, statement: Statement) -> Plan:
    async with sample.database.read() as connection:
        return Plan("\n".join(await plan_lines(connection, *statement)))


async def test_no_read_is_forgotten(sample: Sample) -> None:
    assert set(Reads(sample).calls()) == public_reads(Queries, Replays, SavedViews)


async def test_every_read_is_by_index(sample: Sample) -> None:
    for name, calls in Reads(sample).calls().items():
        for number, call in enumerate(calls):
            with reads_asked() as asked:
                await call()
            assert asked, name
            for statement in dict(asked).items():
                plan = await plan_of(sample, statement)
                assert plan.whole_tables == [], (name, number, statement, plan.text)
