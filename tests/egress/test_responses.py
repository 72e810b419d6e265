"""What a request looks like on the wire, and what is kept of an answer. Over both senders."""

import asyncio
import time

import pytest

from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.states import FailureClass
from breakwater.core.egress.user_agent import USER_AGENT
from tests.egress.conftest import DEADLINE, PATIENT, Wire, make_wire
from tests.egress.receivers import (
    OK,
    Connection,
    Receiver,
    endless,
    gzip_bomb,
    once,
    respond,
    then_reset,
    then_silence,
)

NOW = 1.0
"""Seconds within which what waits for no limit is over, on a busy machine too."""


def response(status: str, *headers: str, body: bytes = b"") -> bytes:
    return (
        "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body
    )


async def test_a_request_is_one_post_with_its_headers_and_its_exact_body(wire: Wire) -> None:
    async with Receiver(respond(OK)) as receiver:
        outcome = await wire.post(
            f"http://hooks.example:{receiver.port}/in/box?a=1&b=%20",
            body=b'{"amount":  10.00}\n',
            headers=(
                ("Content-Type", "application/json"),
                ("webhook-id", "msg_1"),
                ("X-Team", "a"),
                ("X-Team", "b"),
            ),
        )
    assert isinstance(outcome, Response)
    assert outcome.status == 200
    [request] = receiver.requests
    assert request.line == "POST /in/box?a=1&b=%20 HTTP/1.1"
    assert request.body == b'{"amount":  10.00}\n'
    assert request.header("Host") == f"hooks.example:{receiver.port}"
    assert request.header("Content-Type") == "application/json"
    assert request.header("webhook-id") == "msg_1"
    assert request.header("Accept-Encoding") == "identity"
    assert request.header("User-Agent") == USER_AGENT
    assert request.header("Transfer-Encoding") is None
    assert [value for name, value in request.headers if name.lower() == "x-team"] == ["a", "b"]
    assert USER_AGENT.startswith("Breakwater/")


async def test_an_endpoints_own_user_agent_replaces_the_common_one(wire: Wire) -> None:
    async with Receiver(respond(OK)) as receiver:
        await wire.post(f"http://hooks.example:{receiver.port}/", headers=(("user-agent", "Acme/1"),))
    names = [name.lower() for name, _ in receiver.requests[0].headers]
    assert receiver.requests[0].header("User-Agent") == "Acme/1"
    assert names.count("user-agent") == 1


async def test_an_empty_body_is_sent_as_an_empty_body(wire: Wire) -> None:
    async with Receiver(respond(OK)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/", body=b"")
    assert isinstance(outcome, Response)
    assert receiver.requests[0].body == b""
    assert receiver.requests[0].header("Content-Length") == "0"


async def test_a_large_body_arrives_complete(wire: Wire) -> None:
    body = bytes(range(256)) * 1024
    async with Receiver(respond(OK)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/", body=body)
    assert isinstance(outcome, Response)
    assert receiver.requests[0].body == body


async def test_a_response_has_its_status_headers_and_body(wire: Wire) -> None:
    raw_response = response(
        "422 No", "Content-Type: text/plain", "X-Trace: 7", "Set-Cookie: a=1", "Set-Cookie: b=2", body=b"no"
    )
    async with Receiver(respond(raw_response)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body, outcome.body_truncated) == (422, b"no", False)
    assert outcome.header("content-type") == "text/plain"
    assert outcome.header("x-trace") == "7"
    assert [value for name, value in outcome.headers if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert 0 < outcome.elapsed < PATIENT


async def test_cookies_are_never_sent_back(wire: Wire) -> None:
    async with Receiver(respond(response("200 OK", "Set-Cookie: session=1; Path=/"))) as receiver:
        for _ in range(2):
            await wire.post(f"http://hooks.example:{receiver.port}/")
    assert [request.header("Cookie") for request in receiver.requests] == [None, None]


@pytest.mark.parametrize(
    "status", [200, 201, 204, 299, 301, 304, 400, 408, 410, 429, 500, 503, 599, 600, 999]
)
async def test_every_status_code_is_returned_unchanged(wire: Wire, status: int) -> None:
    async with Receiver(respond(response(f"{status} Something"))) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert outcome.status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_its_location_is_stored(wire: Wire, status: int) -> None:
    async with Receiver(respond(OK)) as elsewhere:
        there = f"http://hooks.example:{elsewhere.port}/there"
        async with Receiver(respond(response(f"{status} Moved", f"Location: {there}"))) as receiver:
            outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
        assert isinstance(outcome, Response)
        assert (outcome.status, outcome.header("Location")) == (status, there)
        assert elsewhere.connections == 0


@pytest.mark.parametrize("value", ["120", "1000000000", "-1", "NaN", "Fri, 31 Dec 2027 23:59:59 GMT", "soon"])
async def test_any_value_of_retry_after_is_returned_unchanged(wire: Wire, value: str) -> None:
    async with Receiver(respond(response("503 Busy", f"Retry-After: {value}"))) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert outcome.header("retry-after") == value


async def test_a_request_header_that_is_not_ascii_does_not_fail_the_attempt(wire: Wire) -> None:
    raw_response = b"HTTP/1.1 200 OK\r\nX-City: Malm\xf6\r\nX-Other: 1\r\nContent-Length: 2\r\n\r\nok"
    async with Receiver(respond(raw_response)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert outcome.header("X-City") in {"Malmö", "(not ASCII)"}
    assert outcome.header("X-Other") == "1"
    assert outcome.body == b"ok"


async def test_a_chunked_body_is_put_together(wire: Wire) -> None:
    raw_response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    async with Receiver(respond(raw_response)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert (outcome.body, outcome.body_truncated) == (b"abcdefg", False)


async def test_a_body_that_ends_with_the_connection_is_complete(wire: Wire) -> None:
    async with Receiver(once(b"HTTP/1.0 200 OK\r\n\r\nbye")) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert (outcome.body, outcome.body_truncated) == (b"bye", False)


@pytest.mark.parametrize(("size", "truncated"), [(99, False), (100, False), (101, True), (5000, True)])
async def test_a_body_is_stored_up_to_the_cap(kind: str, size: int, truncated: bool) -> None:
    wire = make_wire(kind, body_cap=100)
    async with Receiver(respond(response("200 OK", body=b"x" * size))) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert (outcome.body, outcome.body_truncated) == (b"x" * min(size, 100), truncated)
    await wire.sender.close()


@pytest.mark.parametrize("status", ["200 OK", "500 Oops"])
@pytest.mark.parametrize(
    "head", ["Content-Length: 10", "Transfer-Encoding: chunked", "Content-Length: 10000000000"]
)
async def test_a_stalled_body_does_not_change_the_outcome(wire: Wire, status: str, head: str) -> None:
    received = b"2\r\nok\r\n" if "chunked" in head else b"ok"
    raw_response = f"HTTP/1.1 {status}\r\n{head}\r\n\r\n".encode() + received
    closed = asyncio.Event()

    async def stalls(connection: Connection) -> None:
        await then_silence(raw_response)(connection)
        closed.set()

    async with Receiver(stalls) as receiver:
        started = time.perf_counter()
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
        assert time.perf_counter() - started < 0.3 + NOW
        await asyncio.wait_for(closed.wait(), 1)
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body, outcome.body_truncated) == (int(status[:3]), b"ok", True)


async def test_a_stalled_body_ends_at_the_deadline(kind: str) -> None:
    wire = make_wire(kind, body_grace=30)
    async with Receiver(then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")) as receiver:
        started = time.perf_counter()
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/", timeout=DEADLINE)
        assert DEADLINE - 0.1 < time.perf_counter() - started < DEADLINE + NOW
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body, outcome.body_truncated) == (200, b"", True)
    await wire.sender.close()


async def test_the_received_part_of_a_slow_body_is_stored(wire: Wire) -> None:
    async def drips(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await connection.send(b"x")
            await asyncio.sleep(0.02)

    async with Receiver(drips) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert 3 < len(outcome.body) < 30
    assert outcome.body_truncated


async def test_a_body_that_keeps_dripping_ends_after_its_grace(kind: str) -> None:
    async def drips(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            await connection.send(b"x")
            await asyncio.sleep(0.001)

    wire = make_wire(kind, body_grace=0.05)
    async with Receiver(drips) as receiver:
        for _ in range(10):
            outcomes = await asyncio.gather(
                *(wire.post(f"http://hooks.example:{receiver.port}/") for _ in range(20))
            )
            assert max(outcome.elapsed for outcome in outcomes) < PATIENT / 2
    await wire.sender.close()


@pytest.mark.parametrize("head", ["", "Content-Length: 10000000000\r\n"])
async def test_an_endless_body_is_cut_at_the_cap_and_the_connection_closed(wire: Wire, head: str) -> None:
    closed = asyncio.Event()

    async def pours(connection: Connection) -> None:
        try:
            await endless(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode())(connection)
        finally:
            closed.set()

    async with Receiver(pours) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
        await asyncio.wait_for(closed.wait(), 1)
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body, outcome.body_truncated) == (200, b"x" * 16384, True)
    assert receiver.bytes_sent < 20_000_000


@pytest.mark.parametrize(
    "script",
    [
        once(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"),
        then_reset(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"),
        once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n"),
    ],
    ids=["closed", "reset", "bad chunk"],
)
async def test_a_fault_after_the_head_does_not_change_the_outcome(wire: Wire, script: object) -> None:
    async with Receiver(script) as receiver:  # type: ignore[arg-type]
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body, outcome.body_truncated) == (200, b"ok", True)


async def test_a_compressed_body_is_stored_compressed(wire: Wire) -> None:
    bomb = gzip_bomb(10)
    raw_response = response("200 OK", "Content-Encoding: gzip", body=bomb)
    async with Receiver(respond(raw_response)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert outcome.body == bomb[:16384]
    assert outcome.header("Content-Encoding") == "gzip"


async def test_an_informational_response_is_skipped(wire: Wire) -> None:
    raw_response = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK
    async with Receiver(respond(raw_response)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body) == (200, b"ok")


async def test_an_unrequested_upgrade_is_a_protocol_error(wire: Wire) -> None:
    raw_response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    async with Receiver(then_silence(raw_response)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is FailureClass.PROTOCOL


async def test_proxies_of_the_environment_are_not_used(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver(respond(response("407 Proxy"))) as proxy, Receiver(respond(OK)) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        wire = make_wire(kind)
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
        await wire.sender.close()
        assert isinstance(outcome, Response)
        assert outcome.status == 200
        assert proxy.connections == 0


@pytest.mark.parametrize("headers", [(("X-A", "a\r\nX-B: b"),), (("X A", "a"),), (("X-A", "a\0"),)])
async def test_a_header_that_would_break_the_request_is_never_sent(
    wire: Wire, headers: tuple[tuple[str, str]]
) -> None:
    async with Receiver(respond(OK)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/", headers=headers)
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is FailureClass.BLOCKED
    assert receiver.requests == []
