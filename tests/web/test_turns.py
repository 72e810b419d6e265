"""A burst starts in turns of the event loop: what is ready between them runs, and health checks do not wait."""

import asyncio

import pytest

from breakwater.web.turns import PER_TURN, StartQueue, Turns
from tests.web.running_app import RunningApp


async def turns_taken(count: int) -> list[int]:
    """Let `count` tasks ask together; return in which turn of the event loop each of them went on."""
    turns, number, order = Turns(), 0, []

    async def task() -> None:
        await turns.take()
        order.append(number)

    tasks = [asyncio.ensure_future(task()) for _ in range(count)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        number += 1
    return order


async def test_a_few_go_on_immediately() -> None:
    assert len(set(await turns_taken(PER_TURN))) == 1


async def test_a_burst_goes_on_in_small_groups() -> None:
    order = await turns_taken(PER_TURN * 10)
    assert order == sorted(order)
    assert max(order.count(number) for number in order) <= PER_TURN
    assert max(order) <= 10 + 2


async def test_a_caller_that_was_cancelled_takes_no_turn() -> None:
    turns = Turns()
    waiting = [asyncio.ensure_future(turns.take()) for _ in range(PER_TURN * 3)]
    await asyncio.sleep(0)
    for task in waiting[PER_TURN : PER_TURN * 2]:
        task.cancel()
    await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert [task.cancelled() for task in waiting].count(True) == PER_TURN


@pytest.mark.parametrize(("path", "waits"), [("/health/live", False), ("/health/ready", False), ("/", True)])
async def test_health_checks_do_not_wait_for_their_turn(path: str, waits: bool) -> None:
    turns = Turns()
    burst = [asyncio.ensure_future(turns.take()) for _ in range(PER_TURN * 50)]
    await asyncio.sleep(0)
    served = asyncio.Event()

    async def app(*_: object) -> None:
        served.set()

    request = asyncio.ensure_future(
        StartQueue(app, turns)({"type": "http", "path": path}, None, None)  # type: ignore[arg-type]  # not called
    )
    await asyncio.sleep(0)
    assert served.is_set() is not waits
    await asyncio.gather(request, *burst)


async def test_many_requests_at_once_are_all_served(service: RunningApp) -> None:
    responses = await asyncio.gather(*(service.api.get("/api/v1/deliveries") for _ in range(PER_TURN * 20)))
    assert {response.status_code for response in responses} == {200}
