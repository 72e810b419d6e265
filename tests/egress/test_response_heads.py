"""Whatever a response head contains, the attempt ends with a response or with a class and words. Over both senders."""

from collections.abc import Callable

import pytest

from breakwater.core.domain.outcome import RESPONSE_HEADERS_MAX, Response, TransportFailure
from breakwater.core.domain.retry import SERVICE_SCHEDULE
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.verdict import BreakerSignal, Delivered, breaker_signal, classify, decide
from tests.egress.conftest import PATIENT, Wire, make_wire
from tests.egress.receivers import Receiver, Script, once, then_reset, then_silence
from tests.egress.response_heads import fuzz_heads

FUZZED_HEADS = 500
"""`bench/fuzz_heads.py` runs 100,000."""


def many_headers(count: int) -> bytes:
    lines = b"".join(b"X-Header-%d: value\r\n" % number for number in range(count))
    return b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "lengths",
    [b"Content-Length: 2, 2", b"Content-Length: 2,2,2", b"Content-Length: 2\r\nContent-Length: 2"],
)
async def test_equal_content_lengths_are_one_length(wire: Wire, lengths: bytes) -> None:
    async with Receiver(once(b"HTTP/1.1 200 OK\r\n" + lengths + b"\r\n\r\nok")) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body, outcome.body_truncated) == (200, b"ok", False)


@pytest.mark.parametrize("lengths", [b"2, 3", b"2,", b"+2", b"0x2", b"1_0", b"", b"\xff", b"9" * 5000])
async def test_a_content_length_that_is_not_one_number_is_a_protocol_error(
    wire: Wire, lengths: bytes
) -> None:
    async with Receiver(once(b"HTTP/1.1 200 OK\r\nContent-Length: " + lengths + b"\r\n\r\nok")) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is FailureClass.PROTOCOL
    assert "the response is not valid HTTP" in outcome.detail


@pytest.mark.parametrize("lengths", [b"0x2", b"\xff", b"9" * 5000, b"2, 3"])
async def test_a_status_without_a_body_is_accepted_with_any_content_length(lengths: bytes) -> None:
    wire = make_wire("reqwest")
    async with Receiver(once(b"HTTP/1.1 204 None\r\nContent-Length: " + lengths + b"\r\n\r\n")) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert outcome.status == 204
    await wire.sender.close()


@pytest.mark.parametrize("header", [b"Transfer-Encoding: \xff", b"Content-Encoding: \xff", b"Location: \xff"])
async def test_a_response_header_that_is_not_ascii_causes_no_internal_error(
    wire: Wire, header: bytes
) -> None:
    async with Receiver(once(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\nok")) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response) or outcome.failure is FailureClass.PROTOCOL


@pytest.mark.parametrize("count", [101, 300])
async def test_a_response_with_many_headers_is_accepted(wire: Wire, count: int) -> None:
    async with Receiver(once(many_headers(count))) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    stored = min(count + 1, RESPONSE_HEADERS_MAX)
    assert (outcome.status, outcome.body, len(outcome.headers)) == (200, b"ok", stored)
    assert outcome.headers_truncated is (stored < count + 1)


@pytest.mark.parametrize("ending", [once, then_reset, then_silence], ids=["closed", "reset", "stalls"])
@pytest.mark.parametrize("headers", [3, 300])
async def test_a_200_delivers_with_any_number_of_headers_and_any_end_of_its_body(
    wire: Wire, headers: int, ending: Callable[[bytes], Script]
) -> None:
    cut = many_headers(headers).replace(b"Content-Length: 2", b"Content-Length: 20")
    async with Receiver(ending(cut)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body, outcome.body_truncated) == (200, b"ok", True)
    verdict = decide(outcome, policy=SERVICE_SCHEDULE, spent=1, now=1.0, wall=1.0, draw=0.5)
    assert verdict == Delivered()
    assert breaker_signal(classify(outcome)) is BreakerSignal.SUCCESS


async def test_an_origin_that_sends_many_headers_gets_only_one_repeated_request() -> None:
    wire = make_wire("reqwest")
    async with Receiver(once(many_headers(300))) as receiver:
        for _ in range(4):
            assert isinstance(await wire.post(f"http://hooks.example:{receiver.port}/"), Response)
        assert len(receiver.requests) == 5
    await wire.sender.close()


async def test_many_headers_just_before_the_deadline_are_a_protocol_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("breakwater.core.egress.reqwest.sender._MIN_REPEAT_SECONDS", PATIENT)
    wire = make_wire("reqwest")
    async with Receiver(once(many_headers(300))) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
        assert len(receiver.requests) == 1
    assert isinstance(outcome, TransportFailure)
    assert (outcome.failure, "head is too large" in outcome.detail) == (FailureClass.PROTOCOL, True)
    await wire.sender.close()


async def test_no_fuzzed_head_ends_in_an_exception(kind: str) -> None:
    counts = await fuzz_heads(kind, range(FUZZED_HEADS))
    assert counts.total() == FUZZED_HEADS
    assert min(counts["response"], counts["protocol"]) > FUZZED_HEADS // 5


async def test_stored_headers_are_capped_and_the_decisive_ones_come_first(wire: Wire) -> None:
    padding = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 4000) for number in range(20))
    head = b"HTTP/1.1 503 Busy\r\n" + padding + b"Retry-After: 7\r\nContent-Length: 2\r\n\r\nok"
    async with Receiver(once(head)) as receiver:
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert outcome.headers_truncated
    assert sum(len(name) + len(value) for name, value in outcome.headers) <= 16 * 1024
    assert outcome.header("Retry-After") == "7"
    assert (outcome.status, outcome.body) == (503, b"ok")
