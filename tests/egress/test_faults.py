"""The fault matrix: receivers that are not there, not HTTP, or not in their right mind. Over both senders."""

import asyncio
import time

import pytest

from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.states import FailureClass
from tests.egress.conftest import DEADLINE, LINUX, PATIENT, Wire
from tests.egress.receivers import (
    OK,
    Connection,
    Receiver,
    Script,
    closed_port,
    drip,
    flood,
    hang_up,
    hanging_port,
    once,
    reset_after_request,
    silence,
    then_silence,
    unsolicited,
)

LATE = DEADLINE + 1.0
"""Seconds by which an attempt is over: what is promised, and enough on a busy machine."""


async def meet(wire: Wire, script: Script, timeout: float = PATIENT) -> tuple[Outcome, Receiver]:  # noqa: ASYNC109 -- it is the request's own
    async with Receiver(script) as receiver:
        return await wire.post(f"http://hooks.example:{receiver.port}/", timeout=timeout), receiver


def failed(outcome: Outcome, failure: FailureClass, detail: str) -> bool:
    assert isinstance(outcome, TransportFailure), outcome
    assert (outcome.failure, detail in outcome.detail) == (failure, True), outcome
    return True


async def test_a_refused_connection_is_reported_as_refused(wire: Wire) -> None:
    port = closed_port()
    outcome = await wire.post(f"http://hooks.example:{port}/")
    assert failed(outcome, FailureClass.CONNECT, f"connection refused by 127.0.0.1:{port}")


@LINUX
async def test_a_connection_that_hangs_ends_at_the_connect_limit(wire: Wire) -> None:
    async with hanging_port() as port:
        started = time.perf_counter()
        outcome = await wire.post(f"http://hooks.example:{port}/", timeout=DEADLINE)
        assert time.perf_counter() - started < LATE
    assert failed(outcome, FailureClass.TIMEOUT, f"timed out: no connection to 127.0.0.1:{port} within 0.4 s")


async def test_a_connection_closed_immediately_is_a_connection_failure(wire: Wire) -> None:
    async def script(connection: Connection) -> None:
        connection.writer.close()

    outcome, _ = await meet(wire, script)
    assert failed(outcome, FailureClass.CONNECT, "127.0.0.1:")


async def test_a_reset_connection_is_a_connection_failure(wire: Wire) -> None:
    outcome, receiver = await meet(wire, reset_after_request)
    assert failed(outcome, FailureClass.CONNECT, f"connection reset by 127.0.0.1:{receiver.port}")


async def test_a_close_before_the_headers_is_a_failure(wire: Wire) -> None:
    outcome, receiver = await meet(wire, hang_up)
    assert failed(
        outcome, FailureClass.CONNECT, f"127.0.0.1:{receiver.port} closed the connection without a response"
    )


async def test_a_close_in_the_middle_of_the_headers_is_a_failure(wire: Wire) -> None:
    outcome, _ = await meet(wire, once(b"HTTP/1.1 200 OK\r\nContent-Le"))
    assert failed(outcome, FailureClass.CONNECT, "closed the connection without a response")


@pytest.mark.parametrize(
    "script",
    [
        silence,
        drip(OK, 0.1),
        drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.01),
        then_silence(b"HTTP/1.1 200 OK\r\n"),
        then_silence(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["silence", "headers byte by byte", "1xx byte by byte", "half a head", "only a 1xx"],
)
async def test_an_attempt_without_a_response_ends_at_the_deadline(wire: Wire, script: Script) -> None:
    started = time.perf_counter()
    outcome, _ = await meet(wire, script, DEADLINE)
    assert DEADLINE - 0.05 < time.perf_counter() - started < LATE
    assert failed(outcome, FailureClass.TIMEOUT, "timed out: no response within 0.5 s")


@pytest.mark.parametrize(
    "block", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50]
)
async def test_a_flood_of_informational_responses_is_cut_at_the_deadline(wire: Wire, block: bytes) -> None:
    started = time.perf_counter()
    outcome, _ = await meet(wire, flood(block), DEADLINE)
    assert time.perf_counter() - started < LATE
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure in {FailureClass.TIMEOUT, FailureClass.PROTOCOL}


@pytest.mark.parametrize(
    "block",
    [b"x", b"HTTP/1.1 " * 2000, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000, b"\0" * 1000],
    ids=lambda block: block[:9],
)
async def test_headers_without_an_end_are_not_http(wire: Wire, block: bytes) -> None:
    outcome, _ = await meet(wire, flood(block))
    assert failed(outcome, FailureClass.PROTOCOL, "the response is not valid HTTP: ")


@pytest.mark.parametrize(
    "raw_response",
    [
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 1000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"hello world\r\n\r\n",
        b"<html>502</html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n",
        b"\0\0\0\0",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50",
        b"220 mail.example ESMTP\r\n",
    ],
    ids=lambda raw_response: raw_response[:24],
)
async def test_a_response_that_is_not_http_is_a_protocol_error(wire: Wire, raw_response: bytes) -> None:
    for script in (once(raw_response), then_silence(raw_response)):
        outcome, _ = await meet(wire, script)
        assert failed(outcome, FailureClass.PROTOCOL, "the response is not valid HTTP: ")
        assert len(outcome.detail) <= 300


async def test_a_banner_that_comes_before_the_request_is_not_http(wire: Wire) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(b"SSH-2.0-OpenSSH_9.6\r\n")
        await connection.closed_by_peer()

    outcome, _ = await meet(wire, script)
    assert failed(outcome, FailureClass.PROTOCOL, "the response is not valid HTTP")


async def test_a_response_before_the_request_was_read_completely_counts(wire: Wire) -> None:
    async def script(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(0.5)

    async with Receiver(script) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/", body=b"x" * 256 * 1024)
    assert isinstance(outcome, Response)
    assert outcome.status == 413


async def test_a_receiver_that_reads_nothing_ends_at_the_deadline(wire: Wire) -> None:
    async def script(connection: Connection) -> None:
        await asyncio.sleep(3)

    async with Receiver(script) as receiver:
        started = time.perf_counter()
        url = f"http://hooks.example:{receiver.port}/"
        outcome = await wire.post(url, body=b"x" * 20_000_000, timeout=DEADLINE)
        assert time.perf_counter() - started < LATE
    assert failed(outcome, FailureClass.TIMEOUT, "timed out: no response within 0.5 s")


@pytest.mark.parametrize("delay", [0.0, 0.02])
async def test_bytes_after_a_response_never_answer_the_next_request(wire: Wire, delay: float) -> None:
    script = unsolicited(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", OK, delay=delay)
    async with Receiver(script) as receiver:
        for _ in range(5):
            outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
            assert isinstance(outcome, Response)
            assert outcome.status == 500
            await asyncio.sleep(delay * 2)


async def test_a_cancelled_attempt_ends_its_connection_by_its_deadline(wire: Wire) -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        begun.set()
        await connection.closed_by_peer()
        closed.set()

    async with Receiver(script) as receiver:
        attempt = asyncio.create_task(wire.post(f"http://hooks.example:{receiver.port}/", timeout=DEADLINE))
        await asyncio.wait_for(begun.wait(), LATE)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await asyncio.wait_for(closed.wait(), LATE)


async def test_a_hundred_faults_at_once_leave_the_sender_unharmed(wire: Wire) -> None:
    scripts = (once(b"\0\0"), hang_up, reset_after_request, silence, flood(b"HTTP/1.1 100 Continue\r\n\r\n"))

    async def script(connection: Connection) -> None:
        await scripts[connection.number % len(scripts)](connection)

    async with Receiver(script) as bad, Receiver(once(OK)) as good:
        url = f"http://hooks.example:{bad.port}/"
        outcomes = await asyncio.gather(*(wire.post(url, timeout=1) for _ in range(50)))
        assert all(isinstance(outcome, TransportFailure) for outcome in outcomes)
        after = await wire.post(f"http://hooks.example:{good.port}/")
        assert isinstance(after, Response)
