"""A message to a URL around the deletion of its unused endpoint is delivered, not cancelled."""

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from breakwater.core.delivery.intake import Accepted
from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.maintenance.deleted_endpoints import DeletedEndpointsJob
from breakwater.core.maintenance.retention import RetentionJob
from breakwater.core.store.schema import ENDPOINTS
from tests.delivery.running_engine import RunningEngine

DAY = 86_400.0
URL = "https://billing.example/hook"


def retention(
    engine: RunningEngine, on_deleted: Callable[[Sequence[str]], None] | None = None
) -> RetentionJob:
    changes = engine.runtime._endpoint_changes
    return RetentionJob(
        database=engine.runtime.database,
        clock=engine.clock,
        retention_days=30,
        on_endpoints_deleted=on_deleted or changes.mark_outdated,
        wait_until_endpoints_read=changes.wait_until_read,
    )


async def unused_endpoint(engine: RunningEngine, url: str = URL) -> str:
    """Create the endpoint of a URL, and let everything that was sent to it grow old."""
    delivery_id, endpoint_id = (await engine.send(url=url)).deliveries[0]
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    engine.clock._now += 31 * DAY
    return endpoint_id


def sending_at_the_deletion(engine: RunningEngine) -> tuple[RetentionJob, list[asyncio.Task[Accepted]]]:
    """Return a job that sends once, while the endpoint cache still has the endpoint that its commit deleted."""
    sending: list[asyncio.Task[Accepted]] = []

    def on_deleted(ids: Sequence[str]) -> None:
        if not sending:
            sending.append(asyncio.create_task(engine.send(url=URL)))
        engine.runtime._endpoint_changes.mark_outdated(ids)

    return retention(engine, on_deleted), sending


@pytest.mark.parametrize("first_response", [200, 500])
async def test_a_message_between_the_deletion_and_its_announcement_is_delivered(
    engine: RunningEngine, first_response: int
) -> None:
    endpoint_id = await unused_endpoint(engine)
    engine.sender.script("billing.example", Response(first_response))
    job, sending = sending_at_the_deletion(engine)
    await job.prune()
    delivery_id, used = (await sending[0]).deliveries[0]
    assert used == endpoint_id
    for _ in range(10):
        await engine.quiet()
        await engine.clock.advance(1.0)
    await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    (row,) = [row for row in await engine.rows(ENDPOINTS) if row["id"] == endpoint_id]
    assert row["deleted_at"] is None
    target = engine.runtime.endpoint_cache.get(endpoint_id)
    assert target is not None
    assert not target.subscribes("any.event")


async def test_a_restored_endpoint_is_deleted_once_it_is_unused_again(engine: RunningEngine) -> None:
    endpoint_id = await unused_endpoint(engine)
    sent = await engine.send(url=URL)
    job = retention(engine)
    await job.prune()
    await engine.reaches(sent.deliveries[0][0], DeliveryState.DELIVERED)
    engine.clock._now += 31 * DAY
    await job.prune()
    await engine.quiet()
    assert engine.runtime.endpoint_cache.get(endpoint_id) is None


async def test_no_message_is_cancelled_whenever_its_endpoint_is_deleted(engine: RunningEngine) -> None:
    chance = random.Random(11)
    job = retention(engine)

    async def send_later(steps: int) -> Accepted:
        for _ in range(steps):
            await asyncio.sleep(0)
        return await engine.send(url=URL)

    ids: list[str] = []
    for _ in range(25):
        await unused_endpoint(engine)
        sends = [partial(send_later, chance.randrange(400)) for _ in range(6)]
        _pruned, *accepted = await asyncio.gather(job.prune(), *(send() for send in sends))
        ids += [message.deliveries[0][0] for message in accepted]
        await engine.clock.advance(6.0)  # the job that cancels deliveries of deleted endpoints has run
        for delivery_id in ids:
            await engine.reaches(delivery_id, DeliveryState.DELIVERED)
        ids.clear()


async def test_the_job_for_deleted_endpoints_cancels_no_message_that_came_at_the_pruning(
    engine: RunningEngine,
) -> None:
    await unused_endpoint(engine)
    job, sending = sending_at_the_deletion(engine)
    wait = job._history._wait_until_read

    async def wait_and_cancel_pending(ids: Sequence[str]) -> None:
        await wait(ids)
        await sending[0]
        await DeletedEndpointsJob(engine.runtime._context).cancel_pending()

    job._history._wait_until_read = wait_and_cancel_pending
    await job.prune()
    for _ in range(10):
        await engine.quiet()
        await engine.clock.advance(1.0)
    await engine.reaches((await sending[0]).deliveries[0][0], DeliveryState.DELIVERED)


async def test_a_pruning_that_was_interrupted_is_completed_by_the_next_one(engine: RunningEngine) -> None:
    await unused_endpoint(engine)
    job, sending = sending_at_the_deletion(engine)
    wait = job._history._wait_until_read

    async def lose_the_database(ids: Sequence[str]) -> None:
        await wait(ids)
        await sending[0]
        raise StoreUnavailable("The database is unavailable: the connection was lost.", retry_after=1)

    job._history._wait_until_read = lose_the_database
    with pytest.raises(StoreUnavailable):
        await job.prune()
    job._history._wait_until_read = wait
    await DeletedEndpointsJob(engine.runtime._context).cancel_pending()
    await job.prune()
    for _ in range(10):
        await engine.quiet()
        await engine.clock.advance(1.0)
    await engine.reaches((await sending[0]).deliveries[0][0], DeliveryState.DELIVERED)
