"""The live stream: one per browser, which announces changes to all its tabs. Pages load their own fragments.

A stream subscribes to topics (`/events?on=deliveries&on=circuits:ep_1`) and gets at most one event `hint` per second.
Changes in between are announced by the next event, so that the last change is never lost. A comment every 15 seconds
keeps proxies from closing the stream. A stream never prolongs a session, and ends when its session ends or the service
stops.
"""

import asyncio
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import Litestar, Request, get
from litestar.response import ServerSentEvent, ServerSentEventMessage

from breakwater.core.delivery.change_feed import MAX_SUBJECTS, ChangeFeed, ChangeSet
from breakwater.core.domain.errors import TooManyStreams
from breakwater.web.security.guards import principal_of, requires, still_valid
from breakwater.web.turns import Turns

TOPICS: Final = frozenset({"deliveries", "circuits", "endpoints", "replays", "audit", "health"})
KEEP_ALIVE_SECONDS: Final = 15.0
PAUSE_SECONDS: Final = 1.0
"""Between two events of one stream, so that many of them cost little."""
RETRY_SECONDS: Final = 10.0
"""Until a refused stream may be requested again. Pages poll in between."""
RETRY_MS: Final = 2_000
"""Delay before a browser reconnects."""
_MAX_WORDS: Final = 100
"""Subscriptions of one stream, which serves every tab of a browser."""


@dataclass(frozen=True, slots=True)
class Interests:
    """The words that a stream subscribes to: a `topic`, or single subjects of one as `topic:subject`."""

    words: frozenset[str]

    @classmethod
    def parse(cls, words: Sequence[str]) -> "Interests":
        """Read the words of a URL; unknown topics are ignored, as an older page may name them."""
        return cls(frozenset(word for word in words[:_MAX_WORDS] if word.partition(":")[0] in TOPICS))

    def met_by(self, changes: ChangeSet) -> tuple[str, ...]:
        """Return the words that `changes` meet, so that a browser with one stream knows which tabs to refresh.

        A change set that is full may have left subjects out, so it meets every word of its topic.
        """
        return tuple(
            word
            for topic, subjects in changes.topics.items()
            for word in sorted(self.words)
            if _meets(topic, subjects, word)
        )


def _meets(topic: str, subjects: frozenset[str], word: str) -> bool:
    name, _, subject = word.partition(":")
    return name == topic and (not subject or subject in subjects or len(subjects) >= MAX_SUBJECTS)


class Streams:
    """The open streams, limited per caller and in total.

    A stream never ends by itself: a stopping server ends it, because it waits for responses.
    """

    def __init__(self, *, per_caller: int, total: int) -> None:
        self._per_caller = per_caller
        self._total = total
        self._callers: dict[asyncio.Event, str] = {}
        self._counts = Counter[str]()

    def limit_total(self, total: int) -> None:
        """Lower the limit for all callers, when the process can have fewer streams than the settings allow."""
        self._total = min(self._total, total)

    def begin(self, caller: str) -> asyncio.Event:
        """Return the event that ends a new stream of `caller`. Raises TooManyStreams."""
        if self._counts[caller] >= self._per_caller:
            raise TooManyStreams(
                f"You have {self._per_caller:,} open event streams, which is the limit. Close a tab first.",
                RETRY_SECONDS,
            )
        if len(self._callers) >= self._total:
            raise TooManyStreams(
                f"The service has {self._total:,} open event streams, which is its limit. Try again later.",
                RETRY_SECONDS,
            )
        stream_end = asyncio.Event()
        self._callers[stream_end] = caller
        self._counts[caller] += 1
        return stream_end

    def forget(self, stream_end: asyncio.Event) -> None:
        """Drop a stream that is over. A second call does nothing."""
        caller = self._callers.pop(stream_end, None)
        if caller is None:
            return
        self._counts[caller] -= 1
        if not self._counts[caller]:
            del self._counts[caller]

    def end_all(self) -> None:
        """End every stream; browsers connect again by themselves."""
        for stream_end in self._callers:
            stream_end.set()

    def __len__(self) -> int:
        return len(self._callers)


def streams_of(app: Litestar) -> Streams:
    """Return the streams of an application."""
    streams: Streams = app.state.streams
    return streams


def turns_of(app: Litestar) -> Turns:
    """Return the turns in which an application sends events."""
    turns: Turns = app.state.turns
    return turns


def end_streams(app: Litestar) -> None:
    """End every live stream of `app`, when the service stops."""
    streams_of(app).end_all()


async def events(
    change_feed: ChangeFeed,
    interests: Interests,
    valid: Callable[[], Awaitable[bool]],
    stream_end: asyncio.Event,
) -> AsyncIterator[ServerSentEventMessage]:
    """Yield the events of one stream until `stream_end` is set or `valid` returns that its session has ended."""
    yield ServerSentEventMessage(comment="breakwater", retry=RETRY_MS, data=None)
    end_wait = asyncio.ensure_future(stream_end.wait())
    async with change_feed.subscribe() as incoming:
        # One wait for the next hint outlives many keep-alives: cancelling it would end the subscription.
        upcoming = asyncio.ensure_future(anext(incoming))
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        try:
            while True:
                # Counted from the last event: changes that this page does not follow must not prolong a silence.
                timeout = max(0.0, sent_at + KEEP_ALIVE_SECONDS - loop.time())
                await asyncio.wait({end_wait, upcoming}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                if end_wait.done():
                    return
                if not await valid():
                    yield ServerSentEventMessage(event="signed-out", data="")
                    return
                if upcoming.done():
                    words = interests.met_by(upcoming.result())
                    if words:
                        yield ServerSentEventMessage(event="hint", data=" ".join(words))
                        sent_at = loop.time()
                        await asyncio.wait({end_wait}, timeout=PAUSE_SECONDS)
                    upcoming = asyncio.ensure_future(anext(incoming))
                if loop.time() - sent_at >= KEEP_ALIVE_SECONDS:
                    yield ServerSentEventMessage(comment="still here", data=None)
                    sent_at = loop.time()
        finally:
            end_wait.cancel()
            upcoming.cancel()


@get("/events", guards=[requires("read")], include_in_schema=False)
async def live(request: Request[Any, Any, Any]) -> ServerSentEvent:
    """Stream hints to one browser."""
    streams, turns = streams_of(request.app), turns_of(request.app)
    stream_end = streams.begin(principal_of(request).id)

    async def content() -> AsyncIterator[ServerSentEventMessage]:
        try:
            interests = Interests.parse(request.query_params.getall("on", []))
            async for event in events(
                request.app.state.runtime.change_feed, interests, lambda: still_valid(request), stream_end
            ):
                await turns.take()
                yield event
        finally:
            streams.forget(stream_end)

    stream = content()
    # A client can disconnect before the first event. Then the generator never runs, nor does its `finally`.
    weakref.finalize(stream, streams.forget, stream_end)
    return ServerSentEvent(stream, headers={"Cache-Control": "no-store"})


LIVE: Final = [live]
