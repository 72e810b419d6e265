"""A claim whose commit has no known result, or takes too long, delays its deliveries by a moment, not by a lease."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.store.commands.claim import ClaimDue
from breakwater.core.store.commands.recover import ReleaseUnacknowledged
from breakwater.core.store.schema import ATTEMPTS, CIRCUITS
from tests.delivery.running_engine import RunningEngine
from tests.delivery.test_recovery import slow_commit

RETRY: dict[str, Any] = {"delays": [5, 5, 5], "jitter": 0}
PROBED: dict[str, Any] = {"failure_threshold": 1, "timeout_seconds": 5, "half_open_max_calls": 1}


@contextmanager
def lost_responses(engine: RunningEngine, *kinds: type) -> Iterator[list[str]]:
    """Lose the connection after the next commit of each of these kinds; list what was lost."""
    writer = engine.runtime.database.writer
    submit = writer.submit
    lost: list[str] = []

    async def lose(command: Any, **options: Any) -> Any:
        result = await submit(command, **options)
        name = type(command).__name__
        if isinstance(command, kinds) and name not in lost:
            lost.append(name)
            raise StoreUnavailable("the connection was lost")
        return result

    writer.submit = lose  # type: ignore[assignment,method-assign]  # the fault under test
    yield lost
    writer.submit = submit  # type: ignore[method-assign]  # it is back


async def wait(engine: RunningEngine, seconds: float) -> None:
    for _ in range(round(seconds * 2)):
        await engine.clock.advance(0.5)
        await engine.quiet()


@pytest.mark.parametrize("kinds", [(ClaimDue,), (ClaimDue, ReleaseUnacknowledged)])
async def test_deliveries_of_a_claim_without_a_response_are_claimed_again(
    engine: RunningEngine, kinds: tuple[type, ...]
) -> None:
    await engine.endpoint(retry=RETRY)
    engine.sender.default = Response(500)
    ids = [await engine.send_one() for _ in range(3)]
    for delivery_id in ids:
        await engine.attempted(delivery_id, 1)
    engine.sender.default = Response(200)
    with lost_responses(engine, *kinds) as lost:
        await wait(engine, 7.0)
    assert sorted(lost) == sorted(kind.__name__ for kind in kinds)
    for delivery_id in ids:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    attempts = await engine.rows(ATTEMPTS)
    assert len(attempts) == len(engine.sender.requests) == 6
    assert "lost" not in {row["failure_class"] for row in attempts}


async def test_so_is_a_probe_whose_permit_the_lost_claim_took(engine: RunningEngine) -> None:
    await engine.endpoint(retry=RETRY, circuit=PROBED)
    engine.sender.script("billing.example", Response(500))
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    with lost_responses(engine, ClaimDue) as lost:
        await wait(engine, 7.0)
    assert lost
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    (circuit,) = await engine.rows(CIRCUITS)
    assert circuit["permits"] == []


async def test_a_claim_that_was_never_committed_is_only_repeated(engine: RunningEngine) -> None:
    await engine.endpoint(retry=RETRY)
    engine.sender.script("billing.example", Response(500))
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    writer = engine.runtime.database.writer
    submit = writer.submit
    refused: list[object] = []

    async def refuse_once(command: Any, **options: Any) -> Any:
        if isinstance(command, ClaimDue) and not refused:
            refused.append(command)
            raise StoreUnavailable("the disk is full")
        return await submit(command, **options)

    writer.submit = refuse_once  # type: ignore[assignment,method-assign]  # the fault under test
    await wait(engine, 7.0)
    assert refused
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert len(engine.sender.requests) == 2


async def test_a_probe_whose_claim_took_too_long_is_claimed_again_immediately(engine: RunningEngine) -> None:
    await engine.endpoint(retry=RETRY, circuit=PROBED)
    engine.sender.script("billing.example", Response(500))
    delivery_id = await engine.send_one()
    await engine.attempted(delivery_id, 1)
    with slow_commit(engine, ClaimDue) as commands:
        await engine.clock.advance(5.0)
        await engine.quiet()
    assert commands.count("ClaimDue") == 2
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    assert len(engine.sender.requests) == 2
