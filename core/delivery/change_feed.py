"""Publishes which things changed, so that pages fetch them again. A change carries ids, never content."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

PAUSE_SECONDS: Final = 0.25
"""Between two change sets of one subscriber. Deliveries may change a thousand times per second; a screen cannot."""
MAX_SUBJECTS: Final = 200
"""Ids of one topic in one change set. A subscriber that gets so many refreshes everything it shows."""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Topics (`deliveries`, `circuits`, `endpoints`, `replays`, `audit`, `health`) and the ids that changed in each."""

    topics: dict[str, frozenset[str]]


@dataclass(slots=True, eq=False)
class _Subscriber:
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    topics: dict[str, set[str]] = field(default_factory=dict)

    def add(self, topic: str, subject: str) -> None:
        subjects = self.topics.setdefault(topic, set())
        if len(subjects) < MAX_SUBJECTS:
            subjects.add(subject)
        self.changed.set()

    def take(self) -> ChangeSet:
        topics, self.topics = self.topics, {}
        self.changed.clear()
        return ChangeSet({topic: frozenset(subjects) for topic, subjects in topics.items()})


class ChangeFeed:
    """Passes changes to the subscribers in this process. Publishing never blocks."""

    def __init__(self, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._subscribers: set[_Subscriber] = set()
        self._pause = pause_seconds

    def publish(self, topic: str, subject: str) -> None:
        """Add `subject` to the next change set of every subscriber."""
        for subscriber in self._subscribers:
            subscriber.add(topic, subject)

    @asynccontextmanager
    async def subscribe(
        self, pause_seconds: float | None = None
    ) -> AsyncGenerator[AsyncIterator[ChangeSet], None]:
        """Yield an endless iterator of change sets, with a pause after each (250 ms by default)."""
        subscriber = _Subscriber()
        self._subscribers.add(subscriber)
        try:
            yield self._change_sets(subscriber, self._pause if pause_seconds is None else pause_seconds)
        finally:
            self._subscribers.discard(subscriber)

    async def _change_sets(self, subscriber: _Subscriber, pause: float) -> AsyncIterator[ChangeSet]:
        while True:
            await subscriber.changed.wait()
            yield subscriber.take()
            await asyncio.sleep(pause)
