"""The change feed: topics and ids of what changed, never content. Pages then fetch what they show."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PAUSE_SECONDS = 0.25
"""Minimum seconds between two change sets: deliveries can change a thousand times per second."""
MOST_SUBJECTS = 200
"""Maximum ids per topic in one change set; a listener with more refreshes all that it shows."""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Topics (`deliveries`, `circuits`, `endpoints`, `replays`, `audit`, `health`) and the ids that changed in each."""

    topics: dict[str, frozenset[str]]


@dataclass(slots=True, eq=False)
class _Listener:
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    topics: dict[str, set[str]] = field(default_factory=dict)

    def add(self, topic: str, subject: str) -> None:
        subjects = self.topics.setdefault(topic, set())
        if len(subjects) < MOST_SUBJECTS:
            subjects.add(subject)
        self.changed.set()

    def take(self) -> ChangeSet:
        topics, self.topics = self.topics, {}
        self.changed.clear()
        return ChangeSet({topic: frozenset(subjects) for topic, subjects in topics.items()})


class ChangeFeed:
    """Passes changes from the engine to the listeners in this process. Publishing never blocks."""

    def __init__(self, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._listeners: set[_Listener] = set()
        self._pause = pause_seconds

    def publish(self, topic: str, subject: str) -> None:
        """Add `subject` to the next change set of every listener."""
        for listener in self._listeners:
            listener.add(topic, subject)

    @asynccontextmanager
    async def subscribe(
        self, pause_seconds: float | None = None
    ) -> AsyncGenerator[AsyncIterator[ChangeSet], None]:
        """Listen while the context lasts. The iterator never ends; it pauses 250 ms by default."""
        listener = _Listener()
        self._listeners.add(listener)
        try:
            yield self._change_feed(listener, self._pause if pause_seconds is None else pause_seconds)
        finally:
            self._listeners.discard(listener)

    async def _change_feed(self, listener: _Listener, pause: float) -> AsyncIterator[ChangeSet]:
        while True:
            await listener.changed.wait()
            yield listener.take()
            await asyncio.sleep(pause)
