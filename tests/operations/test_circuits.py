"""What the operations on a circuit say."""

import pytest

from breakwater.core.domain.outcome import TransportFailure
from breakwater.core.domain.states import FailureClass
from tests.delivery.running_engine import RunningEngine

ADA = "person:ada"
DAY = 86_400.0
DOWN = TransportFailure(FailureClass.CONNECT, "connection refused")


async def test_a_hold_until_another_day_is_reported_with_its_date(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()  # the clock starts at 2027-01-15 08:00 UTC
    result = await engine.runtime.operations.circuits.hold(
        endpoint_id, actor=ADA, reason="migration", until=engine.clock.now() + 7 * DAY
    )
    assert result.message == "billing.example is on hold until 2027-01-22 08:00:00 UTC. Nothing is lost."
    assert (await engine.runtime.queries.audit.list()).items[0].outcome == result.message


async def test_a_hold_until_later_today_is_reported_without_its_date(engine: RunningEngine) -> None:
    endpoint_id = await engine.endpoint()
    result = await engine.runtime.operations.circuits.hold(
        endpoint_id, actor=ADA, reason="migration", until=engine.clock.now() + 600
    )
    assert result.message == "billing.example is on hold until 08:10:00 UTC. Nothing is lost."


async def test_a_resend_reports_the_date_of_the_next_probe(engine: RunningEngine) -> None:
    circuit = {
        "failure_threshold": 1,
        "timeout_seconds": 86_400,
        "timeout_jitter": 0,
        "max_timeout_seconds": None,
    }
    await engine.endpoint(circuit=circuit, retry={"delays": [1000], "jitter": 0})
    engine.sender.default = DOWN
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    result = await engine.runtime.operations.deliveries.resend(delivery_id, actor=ADA)
    assert result.message == (
        "Attempt 2 will wait: billing.example's circuit is open until the next probe at 2027-01-16 08:00:00 UTC."
    )


@pytest.mark.parametrize(
    ("waiting", "words"),
    [(0, "No deliveries waiting."), (2, "Releasing 2 held deliveries, slowly at first.")],
)
async def test_a_reset_reports_what_it_releases(engine: RunningEngine, waiting: int, words: str) -> None:
    endpoint_id = await engine.endpoint()
    circuits = engine.runtime.operations.circuits
    await circuits.hold(endpoint_id, actor=ADA, reason="migration")
    for _ in range(waiting):
        await engine.send()
    assert (await circuits.reset(endpoint_id, actor=ADA)).message == f"billing.example reset. {words}"
