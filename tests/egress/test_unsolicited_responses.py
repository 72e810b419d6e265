"""A receiver that answers one request twice: its second answer never makes another delivery succeed.

HTTP/1.1 matches answers to requests by their order alone. So a second answer must find no request to answer: a
connection is closed when bytes come while nothing is asked, and none is kept after an answer that was no success.
"""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.target import parse_target
from breakwater.core.egress.reqwest.keep_alive import CLOSE_AFTER_USE_SECONDS, KeepAlivePolicy
from breakwater.core.egress.reqwest.sender import ReqwestSender
from tests.egress.conftest import Wire, make_wire
from tests.egress.receivers import Connection, Receiver, respond

FAILED = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
SUCCESS = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ROUNDS = 150


class Twice:
    """Responds 500 to every request, and on demand sends another 200 on the same connection."""

    def __init__(self) -> None:
        self.latest: Connection | None = None

    async def script(self, connection: Connection) -> None:
        while await connection.request() is not None:
            self.latest = connection
            await connection.send(FAILED)

    def send_second_response(self) -> None:
        """Send at once: on loopback the bytes can be read before this returns."""
        assert self.latest is not None
        if not self.latest.writer.is_closing():
            self.latest.writer.write(SUCCESS)


async def status(wire: Wire, receiver: Receiver, path: str = "/") -> int:
    outcome = await wire.post(f"http://hooks.example:{receiver.port}{path}")
    assert isinstance(outcome, Response), outcome
    return outcome.status


async def test_bytes_received_before_the_next_request_are_never_its_response(wire: Wire) -> None:
    twice = Twice()
    async with Receiver(twice.script) as receiver:
        for _ in range(ROUNDS):
            assert await status(wire, receiver) == 500
            twice.send_second_response()  # and on with the next request, without giving anybody a turn between


async def test_a_second_response_is_never_that_of_another_endpoint_of_the_origin(wire: Wire) -> None:
    twice = Twice()
    async with Receiver(twice.script) as receiver:
        for _ in range(ROUNDS // 10):
            assert await status(wire, receiver, "/hostile") == 500
            twice.send_second_response()
            assert await status(wire, receiver, "/another") == 500


async def test_after_a_failure_a_second_response_never_counts(wire: Wire) -> None:
    twice, random = Twice(), Random(20261122)
    loop = asyncio.get_running_loop()
    async with Receiver(twice.script) as receiver:
        for _ in range(ROUNDS):
            assert await status(wire, receiver) == 500
            loop.call_later(random.uniform(0.0, 0.002), twice.send_second_response)
            await asyncio.sleep(random.uniform(0.0, 0.002))
            assert await status(wire, receiver) == 500


async def test_a_second_response_is_never_that_of_a_concurrent_request(wire: Wire) -> None:
    twice = Twice()
    async with Receiver(twice.script) as receiver:
        assert await status(wire, receiver) == 500
        for _ in range(ROUNDS // 10):
            asking = [asyncio.create_task(status(wire, receiver)) for _ in range(10)]
            twice.send_second_response()
            assert set(await asyncio.gather(*asking)) == {500}


async def test_after_a_success_a_second_response_closes_an_idle_connection(wire: Wire) -> None:
    async def script(connection: Connection) -> None:
        while await connection.request() is not None:
            if connection.number > 1:
                await connection.send(FAILED)
            else:
                await connection.send(SUCCESS)
                await asyncio.sleep(0.02)
                await connection.send(SUCCESS)

    async with Receiver(script) as receiver:
        assert await status(wire, receiver) == 200
        await asyncio.sleep(0.2)
        assert await status(wire, receiver) == 500


async def test_connections_to_a_failing_origin_are_used_once_until_it_recovers() -> None:
    wire, now = make_wire("reqwest"), [0.0]
    assert isinstance(wire.sender, ReqwestSender)
    wire.sender._plan._keep_alive = KeepAlivePolicy(lambda: now[0])
    async with Receiver(respond(SUCCESS, FAILED, SUCCESS)) as receiver, Receiver(respond(SUCCESS)) as another:
        assert [await status(wire, receiver) for _ in range(2)] == [200, 500]
        assert receiver.connections == 1
        for connections in (2, 3, 4):
            assert await status(wire, receiver) == 200
            assert receiver.connections == connections
        assert [await status(wire, another) for _ in range(3)] == [200] * 3
        assert another.connections == 1, "another port is another origin"
        now[0] += CLOSE_AFTER_USE_SECONDS
        assert [await status(wire, receiver) for _ in range(3)] == [200] * 3
        assert receiver.connections <= 5, "the last three shared one"
    await wire.sender.close()


def test_remembered_failing_origins_are_bounded() -> None:
    policy = KeepAlivePolicy(lambda: 0.0)
    targets = [parse_target(f"https://h{number}.example/") for number in range(5000)]
    for target in targets:
        policy.on_response(target, 500)
    assert sum(policy.closes_after_use(target) for target in targets) == 4096
    assert policy.closes_after_use(targets[-1])


@pytest.fixture
async def unkept(kind: str) -> AsyncIterator[Wire]:
    """A sender of each kind that uses a connection once: what BREAKWATER_REUSE_CONNECTIONS=off makes."""
    wire = make_wire(kind, **({"idle_per_host": 0} if kind == "reqwest" else {}))
    yield wire
    await wire.sender.close()


async def test_without_connection_reuse_a_second_response_never_counts(unkept: Wire) -> None:
    async def respond_late(connection: Connection) -> None:
        if await connection.request() is not None:
            await connection.send(FAILED)
            for _ in range(20):  # before, while and after the next request is on its way
                await asyncio.sleep(0.001)
                await connection.send(SUCCESS)

    async with Receiver(respond_late) as receiver:
        for _ in range(20):
            assert await status(unkept, receiver) == 500
