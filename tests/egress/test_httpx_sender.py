"""What only the library's wire does: respx, other transports, a quiet log."""

import asyncio
import logging
import threading

import httpx
import pytest
import respx

from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.target import NONE, parse_target
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.httpx.sender import HttpxSender
from breakwater.core.ports import OutboundRequest
from tests.egress.conftest import LOOPBACK, FakeResolver, make_wire, no_such_name
from tests.egress.receivers import OK, Receiver, respond

HOOK = parse_target("https://example.com/hook")


async def send(sender: HttpxSender, url: str = HOOK.url) -> Outcome:
    return await sender.send(
        OutboundRequest(parse_target(url, LOOPBACK), (("X-A", "1"),), b'{"test": true}', 1)
    )


def unresolving() -> Guard:
    return Guard(NONE, FakeResolver({"example.com": no_such_name()}))


@respx.mock
async def test_respx_responds_for_names_that_do_not_resolve() -> None:
    route = respx.post("https://example.com/hook").respond(201, json={"ok": True}, headers={"X-Id": "7"})
    outcome = await send(HttpxSender(unresolving()))
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.header("X-Id")) == (201, "7")
    assert outcome.body.replace(b" ", b"") == b'{"ok":true}'
    assert route.calls.last.request.content == b'{"test": true}'
    assert route.calls.last.request.headers["X-A"] == "1"


@respx.mock
async def test_respx_side_effects_are_taken_in_turn() -> None:
    route = respx.post("https://example.com/hook")
    route.side_effect = [httpx.Response(500), httpx.Response(503, text="busy"), httpx.Response(200)]
    sender = HttpxSender(unresolving())
    outcomes = [await send(sender) for _ in range(3)]
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Response)] == [500, 503, 200]
    assert route.call_count == 3


@pytest.mark.parametrize(
    ("error", "failure", "detail"),
    [
        (
            httpx.ConnectError("All connection attempts failed"),
            FailureClass.CONNECT,
            "example.com:443 failed: All",
        ),
        (httpx.ConnectTimeout("slow"), FailureClass.TIMEOUT, "timed out: no connection to example.com:443"),
        (httpx.ReadTimeout("slow"), FailureClass.TIMEOUT, "timed out: no response within 1 s"),
        (httpx.PoolTimeout("slow"), FailureClass.TIMEOUT, "timed out: no response within 1 s"),
        (httpx.ReadError(""), FailureClass.CONNECT, "connection to example.com:443 failed"),
        (httpx.RemoteProtocolError("illegal status line"), FailureClass.PROTOCOL, "illegal status line"),
        (
            httpx.LocalProtocolError("bad header"),
            FailureClass.BLOCKED,
            "the request cannot be sent: bad header",
        ),
    ],
)
@respx.mock
async def test_errors_of_httpx_have_their_class_and_description(
    error: httpx.TransportError, failure: FailureClass, detail: str
) -> None:
    respx.post("https://example.com/hook").mock(side_effect=error)
    outcome = await send(HttpxSender(unresolving()))
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is failure
    assert detail in outcome.detail


@respx.mock
async def test_a_forbidden_literal_address_is_refused_before_any_transport() -> None:
    route = respx.post("http://127.0.0.1:9000/").respond(200)
    outcome = await send(HttpxSender(unresolving()), "http://127.0.0.1:9000/")
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is FailureClass.BLOCKED
    assert not route.called


async def test_the_transport_can_be_replaced() -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(202, text="x" * 50_000)

    outcome = await send(HttpxSender(unresolving(), transport=httpx.MockTransport(handle)))
    assert isinstance(outcome, Response)
    assert (outcome.status, len(outcome.body), outcome.body_truncated) == (202, 16384, True)
    assert str(requests[0].url) == "https://example.com/hook"


async def test_a_connection_is_used_once() -> None:
    wire = make_wire("httpx")
    async with Receiver(respond(OK)) as receiver:
        for _ in range(3):
            assert isinstance(await wire.post(f"http://hooks.example:{receiver.port}/"), Response)
        assert receiver.connections == 3
        assert receiver.requests[0].header("Connection") == "close"
    await wire.sender.close()


async def test_nothing_of_a_url_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("httpx").setLevel(logging.INFO)
    wire = make_wire("httpx")
    with caplog.at_level(logging.NOTSET):
        async with Receiver(respond(OK)) as receiver:
            await wire.post(f"http://hooks.example:{receiver.port}/?token=s3cret")
    assert "s3cret" not in caplog.text
    assert logging.getLogger("httpx").level == logging.WARNING
    await wire.sender.close()


async def test_one_sender_serves_one_event_loop_after_another() -> None:
    wire = make_wire("httpx")
    outcomes: list[Outcome] = []

    async def with_receiver() -> None:
        async with Receiver(respond(OK)) as receiver:
            outcomes.append(await wire.post(f"http://hooks.example:{receiver.port}/", timeout=3))

    def in_loops_of_its_own() -> None:
        for _ in range(2):
            asyncio.run(with_receiver())

    thread = threading.Thread(target=in_loops_of_its_own)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Response)] == [200, 200]
