"""Event streams are limited per caller and in total, and a stream that ends makes room for another."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from breakwater.core.domain.errors import TooManyStreams
from breakwater.core.runtime import Runtime
from breakwater.web.app import create_app
from breakwater.web.live import Streams, streams_of
from tests.delivery.running_engine import settings_for
from tests.fakes import ManualClock, ScriptedSender
from tests.web.running_app import BOOTSTRAP_KEY, RunningApp

PER_CALLER, TOTAL = 5, 8


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[RunningApp]:
    """The application with low limits."""
    settings = settings_for(
        tmp_path,
        drain_seconds=0,
        bootstrap_key=BOOTSTRAP_KEY,
        streams_per_caller=PER_CALLER,
        max_streams=TOTAL,
    )
    clock, sender = ManualClock(), ScriptedSender()
    async with (
        Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime,
        RunningApp(runtime, clock, sender, create_app(settings, runtime=runtime)) as service,
    ):
        yield service


class Stream:
    """One request for a stream, as a server passes it to the application."""

    def __init__(self, service: RunningApp, key: str) -> None:
        self.status = 0
        self._headers_sent = asyncio.Event()
        self._disconnected = asyncio.Event()
        headers = [(b"host", b"127.0.0.1:8420"), (b"authorization", f"Bearer {key}".encode())]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/events",
            "raw_path": b"/events",
            "root_path": "",
            "query_string": b"on=deliveries",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8420),
            "state": {},
        }
        self._task = asyncio.ensure_future(service.app(scope, self._receive, self._send))  # type: ignore[arg-type]  # a scope

    async def _receive(self) -> Any:
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers_sent.set()

    async def opened(self) -> int:
        async with asyncio.timeout(5):
            await self._headers_sent.wait()
        return self.status

    async def close(self) -> None:
        self._disconnected.set()
        async with asyncio.timeout(5):
            await self._task


@asynccontextmanager
async def opened(service: RunningApp, keys: list[str]) -> AsyncIterator[list[Stream]]:
    streams = [Stream(service, key) for key in keys]
    for stream in streams:
        await stream.opened()
    yield streams
    for stream in streams:
        await stream.close()


async def token(service: RunningApp, name: str) -> str:
    _view, created = await service.runtime.access.keys.create(name, ["read"], actor="person:ada")
    return created


async def test_five_hundred_streams_of_one_caller_are_not_granted(limited: RunningApp) -> None:
    async with opened(limited, [await token(limited, "one")] * 500) as streams:
        statuses = [stream.status for stream in streams]
        assert statuses.count(200) == PER_CALLER
        assert statuses.count(429) == 500 - PER_CALLER
        assert (await limited.anonymous.get("/health/live")).status_code == 200
    assert len(streams_of(limited.app)) == 0


async def test_another_caller_gets_streams_up_to_the_total(limited: RunningApp) -> None:
    first, second = await token(limited, "one"), await token(limited, "two")
    async with opened(limited, [first] * PER_CALLER + [second] * PER_CALLER) as streams:
        granted = [stream.status for stream in streams]
        assert granted == [200] * TOTAL + [429] * (2 * PER_CALLER - TOTAL)


async def test_a_stream_that_ends_makes_room(limited: RunningApp) -> None:
    key = await token(limited, "one")
    async with opened(limited, [key] * PER_CALLER) as streams:
        await streams[0].close()
        async with opened(limited, [key]) as more:
            assert more[0].status == 200


async def test_a_refused_stream_names_the_limit_and_when_to_retry(limited: RunningApp) -> None:
    key = await token(limited, "one")
    async with opened(limited, [key] * PER_CALLER):
        response = await limited.client(key=key).get("/events", headers={"Accept": "text/event-stream"})
    assert response.status_code == 429
    assert response.headers["retry-after"] == "10"
    assert "You have 5 open event streams, which is the limit." in response.text


async def test_a_client_that_leaves_before_the_first_event_leaves_no_stream_behind(
    limited: RunningApp,
) -> None:
    key = await token(limited, "one")
    for _ in range(3 * PER_CALLER):
        stream = Stream(limited, key)
        await stream.close()
    gc.collect()
    assert len(streams_of(limited.app)) == 0


def test_a_stream_is_dropped_once() -> None:
    streams = Streams(per_caller=1, total=10)
    ended = streams.begin("prs_ada")
    streams.forget(ended)
    streams.forget(ended)
    streams.begin("prs_ada")
    with pytest.raises(TooManyStreams):
        streams.begin("prs_ada")
    streams.begin("prs_bob")


def test_a_process_with_few_connections_lowers_the_total() -> None:
    streams = Streams(per_caller=10, total=10)
    streams.limit_total(1)
    streams.limit_total(5)
    streams.begin("prs_ada")
    with pytest.raises(TooManyStreams, match="1 open event streams"):
        streams.begin("prs_bob")
