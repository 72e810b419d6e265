"""The live stream: which page gets which events, that the last change is never lost, and when a stream ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from litestar.response import ServerSentEventMessage

from breakwater.core.delivery.change_feed import MAX_SUBJECTS, ChangeFeed, ChangeSet
from breakwater.web import live
from breakwater.web.live import Interests, Streams, events

EVERYTHING = Interests.parse(["deliveries", "circuits"])


async def signed_in() -> bool:
    return True


async def following(stream: AsyncIterator[ServerSentEventMessage]) -> ServerSentEventMessage:
    async with asyncio.timeout(5):
        return await anext(stream)


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSE_SECONDS", 0.01)


def test_a_page_gets_only_events_of_its_topics_and_subjects() -> None:
    interests = Interests.parse(
        ["circuits", "deliveries:dlv_1", "deliveries:dlv_2", "nonsense", "endpoints:ep_1"]
    )
    everything = {
        "circuits": frozenset({"ep_9"}),
        "deliveries": frozenset({"dlv_2", "dlv_3"}),
        "endpoints": frozenset({"ep_2"}),
        "audit": frozenset({"x"}),
    }
    assert interests.met_by(ChangeSet(everything)) == ("circuits", "deliveries:dlv_2")
    assert interests.met_by(ChangeSet({"deliveries": frozenset({"dlv_3"})})) == ()


def test_a_full_change_set_reaches_the_pages_of_every_subject() -> None:
    full = frozenset(f"dlv_{number}" for number in range(MAX_SUBJECTS))
    assert Interests.parse(["deliveries:dlv_left_out"]).met_by(ChangeSet({"deliveries": full}))


def test_a_whole_topic_includes_each_of_its_subjects() -> None:
    assert Interests.parse(["deliveries:dlv_1", "deliveries"]).met_by(
        ChangeSet({"deliveries": frozenset({"x"})})
    )


async def test_changes_during_the_pause_are_announced_after_it() -> None:
    change_feed = ChangeFeed(pause_seconds=0)
    stream = events(change_feed, EVERYTHING, signed_in, asyncio.Event())
    assert (await following(stream)).comment == "breakwater"
    upcoming = asyncio.ensure_future(following(stream))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    change_feed.publish("deliveries", "dlv_1")
    first = await upcoming
    assert (first.event, first.data) == ("hint", "deliveries")
    change_feed.publish("circuits", "ep_1")
    change_feed.publish("deliveries", "dlv_2")
    second = await following(stream)
    assert second.event == "hint"
    assert set(str(second.data).split()) == {"circuits", "deliveries"}


async def test_a_quiet_stream_sends_keep_alives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.01)
    stream = events(ChangeFeed(), EVERYTHING, signed_in, asyncio.Event())
    await following(stream)
    assert [(await following(stream)).comment for _ in range(2)] == ["still here", "still here"]


async def test_a_stream_sends_keep_alives_while_only_other_topics_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.05)
    change_feed = ChangeFeed(pause_seconds=0)
    stream = events(change_feed, Interests.parse(["audit"]), signed_in, asyncio.Event())
    await following(stream)

    async def change_something_else() -> None:
        while True:
            change_feed.publish("deliveries", "dlv_1")
            await asyncio.sleep(0.001)

    traffic = asyncio.ensure_future(change_something_else())
    try:
        assert (await asyncio.wait_for(following(stream), 5)).comment == "still here"
    finally:
        traffic.cancel()


async def test_a_stream_ends_with_its_session_and_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.01)

    async def signed_out() -> bool:
        return False

    stream = events(ChangeFeed(), EVERYTHING, signed_out, asyncio.Event())
    names = [event.event async for event in stream]
    assert names == [None, "signed-out"]


async def test_every_stream_ends_when_the_service_stops() -> None:
    streams = Streams(per_caller=1, total=1)
    stream = events(ChangeFeed(), EVERYTHING, signed_in, streams.begin("prs_ada"))
    await following(stream)
    streams.end_all()
    with pytest.raises(StopAsyncIteration):
        await following(stream)
