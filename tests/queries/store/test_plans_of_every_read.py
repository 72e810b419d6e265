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
from tests.contract.recorded_sql import Statement, plan_lines, recorded_reads
from tests.queries.store.plans import INDEXES, Plan, Sample

Call = Callable[[], Awaitable[object]]
CHANGES = {"start", "pause", "resume", "cancel", "save", "delete"}
"""Methods that read nothing."""


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
        filters = [sample.filter(query) for query in (*INDEXES, "q=no such text", "event_type=order.created")]
        return {
            "overview.now": [queries.overview.now],
            "gauges.now": [queries.gauges.now],
            "deliveries.list": [lambda w=w: queries.deliveries.list(w) for w in filters],
            "deliveries.list_over_time": [lambda w=w: queries.deliveries.list_over_time(w) for w in filters],
            "deliveries.count": [lambda w=w: queries.deliveries.count(w) for w in filters],
            "deliveries.count_newer": [
                lambda w=w: queries.deliveries.count_newer(w, delivery) for w in filters
            ],
            "deliveries.by_ids": [lambda: queries.deliveries.by_ids(sample.deliveries[:50])],
            "deliveries.causes": [lambda w=w: queries.deliveries.causes(w) for w in filters],
            "deliveries.histogram": [lambda w=w: queries.deliveries.histogram(w) for w in filters],
            "deliveries.get": [
                lambda id_=id_: queries.deliveries.get(id_) for id_ in sample.deliveries[50:60]
            ],
            "messages.get": [lambda: queries.messages.get(message)],
            "endpoints.list": [
                queries.endpoints.list,
                lambda: queries.endpoints.list(text="ep"),
                self.second_endpoints,
            ],
            "endpoints.get": [lambda: queries.endpoints.get(endpoint)],
            "endpoints.get_deleted": [lambda: queries.endpoints.get_deleted(sample.deleted)],
            "endpoints.options": [queries.endpoints.options, lambda: queries.endpoints.options("ep")],
            "deliveries.event_types": [queries.deliveries.event_types],
            "circuits.board": [
                queries.circuits.board,
                lambda: queries.circuits.board(text="ep"),
                self.second_circuits,
            ],
            "circuits.by_ids": [lambda: queries.circuits.by_ids(sample.endpoints[:3])],
            "circuits.recently_reset": [queries.circuits.recently_reset],
            "circuits.get": [lambda: queries.circuits.get(endpoint)],
            "circuits.transitions": [
                queries.circuits.transitions,
                lambda: queries.circuits.transitions(endpoint),
            ],
            "audit.list": [
                lambda parameters=parameters: queries.audit.list(**parameters) for parameters in audited()
            ],
            "traffic.get": [
                lambda endpoint_id=endpoint_id, minutes=minutes: queries.traffic.get(endpoint_id, minutes)
                for endpoint_id in (None, endpoint)
                for minutes in (60, 1440, 7 * 1440)
            ],
            "replays.plan": [lambda w=w: self.replays.plan(w) for w in filters],
            "replays.get": [lambda: self.replays.get(sample.replay)],
            "replays.all": [self.replays.all],
            "replays.results": [
                lambda after=after: self.replays.results(sample.replay, after) for after in ("", delivery)
            ],
            "saved_views.list": [lambda: self.views.list("prs_1")],
        }

    async def second_endpoints(self) -> None:
        first = await self.queries.endpoints.list(limit=5)
        await self.queries.endpoints.list(first.next_cursor, limit=5)

    async def second_circuits(self) -> None:
        first = await self.queries.circuits.board(limit=5)
        await self.queries.circuits.board(first.next_cursor, limit=5)


def audited() -> Iterator[dict[str, str]]:
    """Yield every choice of the audit's filters."""
    parameters = {"actor": "person:1", "action": "a.1", "subject": "dlv_7"}
    for chosen in range(8):
        yield {name: value for bit, (name, value) in enumerate(parameters.items()) if chosen >> bit & 1}


def public_reads(**subjects: object) -> set[str]:
    """Return every public coroutine of these objects as `subject.name`."""
    return {
        f"{subject}.{name}"
        for subject, reader in subjects.items()
        for name, _function in inspect.getmembers(type(reader), inspect.iscoroutinefunction)
        if not name.startswith("_") and name not in CHANGES
    }


async def plan_of(sample: Sample, statement: Statement) -> Plan:
    async with sample.database.read() as connection:
        return Plan("\n".join(await plan_lines(connection, *statement)))


async def test_every_query_has_a_recorded_plan(sample: Sample) -> None:
    reads = Reads(sample)
    others = {"replays": reads.replays, "saved_views": reads.views}
    assert set(reads.calls()) == public_reads(**vars(reads.queries), **others)


async def test_every_query_uses_an_index(sample: Sample) -> None:
    for name, calls in Reads(sample).calls().items():
        for number, call in enumerate(calls):
            with recorded_reads() as statements:
                await call()
            assert statements, name
            for statement in dict(statements).items():
                plan = await plan_of(sample, statement)
                assert plan.whole_tables == [], (name, number, statement, plan.text)
