"""Workers compete for one delivery or one circuit: one claim, one transition, and the loser writes nothing.

On every database. Where several processes can share one, the workers have a connection pool each.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import Engine, event, select

from breakwater.core.delivery.attempt import AttemptResult
from breakwater.core.delivery.attempt_record import evaluate
from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState
from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.retry import RetryPolicy
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass, SignatureScheme
from breakwater.core.store.circuits import load_breakers
from breakwater.core.store.commands.claim import ClaimDue, Claimed, ClaimedDelivery
from breakwater.core.store.commands.record import SaveAttempt, Superseded
from breakwater.core.store.commands.recover import FreePermits, RequeueExpired
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ATTEMPTS, AUDIT, CIRCUITS, DELIVERIES, ENDPOINTS, TRANSITIONS
from tests.contract.stored import Stored

CONFIG = CircuitBreakerConfig(failure_threshold=5, half_open_max_calls=3, timeout_seconds=60)
TARGET = DeliveryTarget(
    id="",
    target=None,
    refusal=None,
    subscribes_to=None,
    state=EndpointState.ENABLED,
    timeout=10.0,
    policy=RetryPolicy((1.0,) * 10, 0.0),
    circuit=CONFIG,
    max_in_flight=64,
    rate_limit=None,
    headers=(),
    signature=SignatureScheme.STANDARD,
    secrets=(),
    old_secret_until=None,
    throttled_until=None,
)
DOWN = TransportFailure(FailureClass.CONNECT, "connection refused")
LEASE = 25.0
FIFTY = 50


class Workers:
    """Several workers on one database, and the lane they all look at."""

    def __init__(self, stored: Stored, databases: Sequence[Database]) -> None:
        self.stored = stored
        self.databases = databases
        self.endpoint = ""

    async def pending(self, count: int) -> None:
        self.endpoint = await self.stored.endpoint()
        for _ in range(count):
            await self.stored.delivery(
                self.endpoint, state=DeliveryState.PENDING.value, next_attempt_at=self.stored.now
            )

    async def claim(self, worker: int, limit: int) -> Claimed:
        return await self.databases[worker % len(self.databases)].writer.submit(
            ClaimDue(
                endpoint_id=self.endpoint,
                config=CONFIG,
                limit=limit,
                now=self.stored.now,
                node_id=f"node_{worker}",
                token=self.stored.ids.make("clm"),
                lease_seconds=LEASE,
                make_id=self.stored.ids.make,
            )
        )

    async def claim_together(self, workers: int, limit: int) -> list[ClaimedDelivery]:
        claimed = await asyncio.gather(*(self.claim(worker, limit) for worker in range(workers)))
        return [work for claim_result in claimed for work in claim_result.deliveries]

    async def record(
        self, worker: int, work: ClaimedDelivery, outcome: Outcome
    ) -> CircuitBreaker | Superseded:
        return await self.databases[worker % len(self.databases)].writer.submit(self.result(work, outcome))

    def result(self, claim: ClaimedDelivery, outcome: Outcome) -> SaveAttempt:
        result = AttemptResult(outcome, self.stored.now, 3, ())
        command, _log_fields = evaluate(
            TARGET, claim, result, clock=self.stored.clock, draw=lambda: 0.5, make_id=self.stored.ids.make
        )
        return command

    async def rows(self, table: object) -> list[dict[str, object]]:
        async with self.databases[0].read() as connection:
            return [dict(row) for row in (await connection.execute(select(table))).mappings()]  # type: ignore[call-overload]  # a table

    async def circuit(self) -> CircuitBreaker:
        async with self.databases[0].read() as connection:
            breakers = await connection.run_sync(load_breakers, {self.endpoint: CONFIG}, lock=False)
        return breakers[self.endpoint]


@pytest.fixture
async def workers(database: Database, database_url: str) -> AsyncIterator[Workers]:
    if database.exclusive:
        yield Workers(Stored(database), [database])
        return
    another = Database(database_url)
    await another.open()
    yield Workers(Stored(database), [database, another])
    await another.close()


async def test_ten_workers_and_one_delivery_are_one_claim(workers: Workers) -> None:
    await workers.pending(1)
    assert len(await workers.claim_together(10, limit=64)) == 1


async def test_ten_workers_share_a_lane_without_claiming_anything_twice(workers: Workers) -> None:
    await workers.pending(FIFTY)
    claimed = await workers.claim_together(10, limit=10)
    for worker in range(10):  # who met a locked row has passed it over, and asks again
        claimed += (await workers.claim(worker, 10)).deliveries
    assert len({work.delivery_id for work in claimed}) == len(claimed) == FIFTY


async def test_fifty_concurrent_failures_are_one_transition(workers: Workers) -> None:
    await workers.pending(FIFTY)
    claimed = await workers.claim_together(1, limit=FIFTY)
    results = await asyncio.gather(*(workers.record(n, work, DOWN) for n, work in enumerate(claimed)))
    assert all(isinstance(result, CircuitBreaker) for result in results)
    transitions = await workers.rows(TRANSITIONS)
    assert [(row["from_state"], row["to_state"], row["cause"]) for row in transitions] == [
        ("closed", "open", "5 consecutive failures")
    ]
    assert (await workers.circuit()).failure_count == CONFIG.failure_threshold
    assert len(await workers.rows(ATTEMPTS)) == FIFTY


async def test_fifty_concurrent_callers_never_exceed_the_permits(workers: Workers) -> None:
    await _opened(workers)
    await workers.stored.clock.leap(CONFIG.timeout_seconds + 1)
    probes = await workers.claim_together(FIFTY, limit=64)
    assert len(probes) == CONFIG.half_open_max_calls
    assert (await workers.circuit()).half_open_calls == CONFIG.half_open_max_calls
    assert await workers.claim_together(FIFTY, limit=64) == []


async def test_permits_of_a_dead_process_are_released_and_the_circuit_stays_half_open(
    workers: Workers,
) -> None:
    await _opened(workers)
    await workers.stored.clock.leap(CONFIG.timeout_seconds + 1)
    died = await workers.claim_together(1, limit=64)
    assert len(died) == CONFIG.half_open_max_calls
    writer = workers.databases[0].writer
    freed = await asyncio.gather(*(writer.submit(FreePermits(workers.stored.now)) for _ in range(2)))
    assert sorted(freed, key=len) == [(), (workers.endpoint,)]
    circuit = await workers.circuit()
    assert (circuit.state, circuit.half_open_calls) == (CircuitState.HALF_OPEN, 0)
    assert len(await workers.claim_together(FIFTY, limit=64)) == CONFIG.half_open_max_calls


async def test_releasing_permits_changes_no_other_circuit(workers: Workers) -> None:
    await _opened(workers)
    before = await workers.rows(CIRCUITS)
    assert await workers.databases[0].writer.submit(FreePermits(workers.stored.now + 1)) == ()
    assert await workers.rows(CIRCUITS) == before


async def test_fifty_results_with_three_probes_add_one_transition(workers: Workers) -> None:
    before = await _opened(workers, late=FIFTY - CONFIG.half_open_max_calls)
    await workers.stored.clock.leap(CONFIG.timeout_seconds + 1)
    probes = await workers.claim_together(FIFTY, limit=64)
    results = [*((work, Response(200)) for work in probes), *((work, DOWN) for work in before)]
    await asyncio.gather(*(workers.record(n, work, outcome) for n, (work, outcome) in enumerate(results)))
    transitions = await workers.rows(TRANSITIONS)
    assert sorted(str(row["to_state"]) for row in transitions) == ["closed", "half_open", "open"]
    assert (await workers.circuit()).state is CircuitState.CLOSED


async def test_a_stopped_worker_that_resumes_writes_nothing(workers: Workers) -> None:
    await workers.pending(1)
    (stale,) = await workers.claim_together(1, limit=1)
    await workers.stored.clock.leap(LEASE + 1)
    rescue = RequeueExpired(workers.stored.now, workers.stored.ids.make)
    (requeued,) = await workers.databases[-1].writer.submit(rescue)
    assert requeued.retried
    (fresh,) = (await workers.claim(1, 1)).deliveries
    assert isinstance(await workers.record(0, stale, Response(500)), Superseded)
    (row,) = await workers.rows(DELIVERIES)
    assert (row["state"], row["claim_token"]) == ("in_flight", fresh.token)
    assert isinstance(await workers.record(1, fresh, Response(200)), CircuitBreaker)
    assert isinstance(await workers.record(0, stale, Response(500)), Superseded)
    (row,) = await workers.rows(DELIVERIES)
    assert (row["state"], row["status_code"]) == ("delivered", 200)
    attempts = await workers.rows(ATTEMPTS)
    assert sorted(str(row["failure_class"]) for row in attempts) == ["None", "lost"]
    assert await workers.rows(CIRCUITS) == [] or (await workers.circuit()).failure_count == 0


async def test_many_lost_claims_are_requeued_by_a_few_statements(workers: Workers) -> None:
    await workers.pending(FIFTY)
    await workers.claim_together(1, limit=FIFTY)
    await workers.stored.clock.leap(LEASE + 1)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        rescue = RequeueExpired(workers.stored.now, workers.stored.ids.make)
        requeued = await workers.databases[0].writer.submit(rescue)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert (len(requeued), len(statements)) == (FIFTY, 4)  # claims, deliveries, attempts, statistics
    assert {row["number"] for row in await workers.rows(ATTEMPTS)} == {1}


async def test_many_attempts_that_meet_410_disable_the_endpoint_with_one_audit_entry(
    workers: Workers,
) -> None:
    await workers.pending(FIFTY)
    claimed = await workers.claim_together(1, limit=FIFTY)
    await asyncio.gather(*(workers.record(n, work, Response(410)) for n, work in enumerate(claimed[:20])))
    for n, work in enumerate(claimed[20:]):
        await workers.record(n, work, Response(410))
    entries = [row for row in await workers.rows(AUDIT) if row["action"] == "endpoint.disable"]
    (endpoint,) = await workers.rows(ENDPOINTS)
    assert (len(entries), endpoint["state"]) == (1, "disabled")
    assert {row["state"] for row in await workers.rows(DELIVERIES)} == {"failed"}


async def test_many_rate_limited_attempts_keep_the_latest_pause(workers: Workers) -> None:
    await workers.pending(3)
    claimed = await workers.claim_together(1, limit=3)
    pauses = ("30", "300", "3")
    await asyncio.gather(
        *(
            workers.record(0, work, Response(429, (("retry-after", pause),)))
            for work, pause in zip(claimed, pauses, strict=True)
        )
    )
    (endpoint,) = await workers.rows(ENDPOINTS)
    assert endpoint["throttled_until"] == workers.stored.now + 300


async def test_a_shorter_pause_of_a_later_result_does_not_replace_a_longer_one(workers: Workers) -> None:
    await workers.pending(3)
    claimed = await workers.claim_together(1, limit=3)
    for claim, pause in zip(claimed, ("30", "300", "3"), strict=True):
        await workers.record(0, claim, Response(429, (("retry-after", pause),)))
    (endpoint,) = await workers.rows(ENDPOINTS)
    assert endpoint["throttled_until"] == workers.stored.now + 300


async def test_a_stale_result_does_not_use_the_claim_of_a_current_one_in_its_batch(workers: Workers) -> None:
    await workers.pending(1)
    (stale,) = await workers.claim_together(1, limit=1)
    await workers.stored.clock.leap(LEASE + 1)
    await workers.databases[0].writer.submit(RequeueExpired(workers.stored.now, workers.stored.ids.make))
    (fresh,) = (await workers.claim(0, 1)).deliveries
    late, current = await asyncio.gather(
        workers.record(0, stale, Response(500)), workers.record(0, fresh, Response(200))
    )
    assert isinstance(late, Superseded)
    assert isinstance(current, CircuitBreaker)


async def test_a_requeue_excludes_claims_in_flight_in_the_same_process(workers: Workers) -> None:
    await workers.pending(2)
    in_hand, left = await workers.claim_together(1, limit=2)
    await workers.stored.clock.leap(LEASE + 1)
    exclude = {(in_hand.delivery_id, in_hand.token), (left.delivery_id, "clm_of_another_time")}
    rescue = RequeueExpired(workers.stored.now, workers.stored.ids.make, exclude=exclude)
    (requeued,) = await workers.databases[0].writer.submit(rescue)
    assert requeued.delivery_id == left.delivery_id
    assert isinstance(await workers.record(0, in_hand, Response(200)), CircuitBreaker)


async def test_one_claim_is_recorded_once_even_when_its_result_is_submitted_repeatedly(
    workers: Workers,
) -> None:
    await workers.pending(1)
    (work,) = await workers.claim_together(1, limit=1)
    results = await asyncio.gather(*(workers.record(n, work, Response(200)) for n in range(FIFTY)))
    assert len(await workers.rows(ATTEMPTS)) == 1
    assert sum(isinstance(result, CircuitBreaker) for result in results) == 1


async def _opened(workers: Workers, late: int = 0) -> list[ClaimedDelivery]:
    """Open the circuit of a lane with a hundred deliveries; return `late` claims that are still in flight."""
    await workers.pending(100)
    claimed = await workers.claim_together(1, limit=CONFIG.failure_threshold + late)
    failing, in_flight = claimed[: CONFIG.failure_threshold], claimed[CONFIG.failure_threshold :]
    await asyncio.gather(*(workers.record(n, work, DOWN) for n, work in enumerate(failing)))
    assert (await workers.circuit()).state is CircuitState.OPEN
    return in_flight
