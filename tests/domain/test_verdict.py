"""The verdict on every outcome, row by row of the table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.outcome import Headers, Outcome, Response, TransportFailure
from breakwater.core.domain.retry import SERVICE_SCHEDULE, RetryPolicy
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.verdict import (
    BreakerSignal,
    Delivered,
    EndpointGone,
    Failed,
    Postponed,
    RetryAt,
    Verdict,
    breaker_signal,
    classify,
    decide,
    decide_after_loss,
)

POLICY = RetryPolicy((10.0, 20.0, 7200.0), jitter=0.0)
NOW, WALL = 1000.0, 5000.0

SUCCESS, FAILURE, NOTHING = BreakerSignal.SUCCESS, BreakerSignal.FAILURE, BreakerSignal.NOTHING
WAIT_5: Headers = (("Retry-After", "5"),)


def verdict(outcome: Outcome, *, spent: int = 1, policy: RetryPolicy = POLICY) -> Verdict:
    return decide(outcome, policy=policy, spent=spent, now=NOW, wall=WALL, draw=0.5)


def refused(failure: FailureClass, detail: str = "") -> TransportFailure:
    return TransportFailure(failure, detail)


RETRIED, ENDED, GONE, DONE, POSTPONED = RetryAt, Failed, EndpointGone, Delivered, Postponed

TABLE = [
    *[(Response(status), None, DONE, SUCCESS) for status in (200, 201, 202, 204, 226, 299)],
    *[(Response(status), "redirect", ENDED, SUCCESS) for status in (300, 301, 302, 303, 304, 307, 308, 399)],
    (Response(410), "gone", GONE, SUCCESS),
    *[(Response(status), "client_timeout", RETRIED, FAILURE) for status in (408, 425)],
    (Response(429), "throttled", RETRIED, NOTHING),
    (Response(429, WAIT_5), "throttled", RETRIED, NOTHING),
    (Response(503, WAIT_5), "throttled", RETRIED, NOTHING),
    *[
        (Response(status), "client_error", ENDED, SUCCESS)
        for status in (400, 401, 403, 404, 405, 409, 413, 422)
    ],
    *[(Response(status), "client_error", ENDED, SUCCESS) for status in (418, 451, 499)],
    *[(Response(status), "server_error", RETRIED, FAILURE) for status in (500, 501, 502, 503, 504, 599)],
    *[(Response(status), "server_error", RETRIED, FAILURE) for status in (-1, 0, 99, 600, 999, 10_000)],
    *[(Response(status), "protocol", RETRIED, FAILURE) for status in (100, 101, 103, 199)],
    *[
        (refused(FailureClass(name)), name, RETRIED, FAILURE)
        for name in ("connect", "dns", "tls", "timeout", "protocol")
    ],
    (refused(FailureClass.BLOCKED), "blocked", ENDED, NOTHING),
    (refused(FailureClass.INTERNAL_ERROR), "internal_error", RETRIED, NOTHING),
    (refused(FailureClass.LOCAL_SHORTAGE), "local_shortage", POSTPONED, NOTHING),
    (refused(FailureClass.LOST), "lost", RETRIED, NOTHING),
]


@pytest.mark.parametrize(("outcome", "failure", "result", "signal"), TABLE)
def test_every_outcome_has_its_class_its_verdict_and_its_signal(
    outcome: Outcome, failure: str | None, result: type[Verdict], signal: BreakerSignal
) -> None:
    assert classify(outcome) == failure
    assert isinstance(verdict(outcome), result)
    assert breaker_signal(classify(outcome)) == signal


@pytest.mark.parametrize("failure", [None, *FailureClass])
def test_every_failure_class_has_a_breaker_signal(failure: FailureClass | None) -> None:
    assert breaker_signal(failure) in BreakerSignal


def test_a_success_is_decided_at_the_headers() -> None:
    assert verdict(Response(200, body=b"half of it", body_truncated=True)) == Delivered()


def test_a_retry_waits_the_delay_of_its_attempt() -> None:
    assert verdict(Response(500), spent=1) == RetryAt(NOW + 10.0)
    assert verdict(Response(500), spent=2) == RetryAt(NOW + 20.0)


def test_the_last_attempt_of_the_schedule_fails_the_delivery() -> None:
    assert verdict(Response(503), spent=4) == Failed()
    assert verdict(refused(FailureClass.CONNECT, "connection refused"), policy=RetryPolicy(())) == Failed()


class TestThrottling:
    def test_a_retry_after_longer_than_the_delay_is_respected(self) -> None:
        response = Response(429, (("Retry-After", "300"),))
        assert verdict(response) == RetryAt(NOW + 300.0, lane_until=NOW + 300.0)

    def test_a_delay_longer_than_retry_after_is_respected(self) -> None:
        assert verdict(Response(429, WAIT_5)) == RetryAt(NOW + 10.0, lane_until=NOW + 10.0)

    def test_a_retry_after_date_is_compared_with_the_calendar(self) -> None:
        response = Response(503, (("retry-after", "Thu, 01 Jan 1970 01:25:00 GMT"),))
        assert verdict(response) == RetryAt(NOW + 100.0, lane_until=NOW + 100.0)

    @pytest.mark.parametrize("value", ["1000000000", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_retry_after_is_limited_to_an_hour(self, value: str) -> None:
        response = Response(429, (("Retry-After", value),))
        assert verdict(response) == RetryAt(NOW + 3600.0, lane_until=NOW + 3600.0)

    @pytest.mark.parametrize("value", ["-1", "NaN", "soon", ""])
    def test_an_invalid_retry_after_is_ignored(self, value: str) -> None:
        assert verdict(Response(429, (("Retry-After", value),))) == verdict(Response(429))
        assert classify(Response(503, (("Retry-After", value),))) == FailureClass.SERVER_ERROR

    def test_without_retry_after_the_lane_waits_at_most_a_minute(self) -> None:
        assert verdict(Response(429), spent=2) == RetryAt(NOW + 20.0, lane_until=NOW + 20.0)
        assert verdict(Response(429), spent=3) == RetryAt(NOW + 7200.0, lane_until=NOW + 60.0)

    def test_a_retry_after_of_zero_does_not_shorten_the_delay(self) -> None:
        response = Response(429, (("Retry-After", "0"),))
        assert verdict(response) == RetryAt(NOW + 10.0, lane_until=NOW + 10.0)

    def test_the_lane_waits_also_when_the_delivery_has_failed(self) -> None:
        ended = verdict(Response(429, (("Retry-After", "300"),)), spent=4)
        assert ended == Failed(lane_until=NOW + 300.0)

    def test_other_statuses_with_retry_after_keep_their_class(self) -> None:
        assert classify(Response(500, WAIT_5)) == FailureClass.SERVER_ERROR
        assert classify(Response(404, WAIT_5)) == FailureClass.CLIENT_ERROR
        assert classify(Response(200, WAIT_5)) is None


class TestLost:
    @pytest.mark.parametrize("times", [1, 2])
    def test_a_delivery_whose_worker_was_lost_is_due_immediately(self, times: int) -> None:
        assert decide_after_loss(consecutive_losses=times, now=NOW) == RetryAt(NOW)

    def test_after_three_consecutive_losses_it_fails(self) -> None:
        assert decide_after_loss(consecutive_losses=3, now=NOW) == Failed()


@given(
    st.builds(Response, st.integers(-1, 1100), st.sampled_from([(), WAIT_5, (("Retry-After", "junk"),)]))
    | st.builds(TransportFailure, st.sampled_from(FailureClass), st.text()),
    st.sampled_from([SERVICE_SCHEDULE, POLICY, RetryPolicy((1.0, 2.0), jitter=0.0), RetryPolicy(())]),
    st.integers(1, 60),
    st.floats(0.0, 1.0, exclude_max=True),
)
def test_every_outcome_at_every_attempt_has_a_verdict_that_keeps_the_schedule(
    outcome: Outcome, policy: RetryPolicy, spent: int, draw: float
) -> None:
    result = decide(outcome, policy=policy, spent=spent, now=NOW, wall=WALL, draw=draw)
    delay = policy.delay_after(spent, draw)
    if isinstance(result, RetryAt):
        assert delay is not None
        assert result.at >= NOW + delay
    lane_until = getattr(result, "lane_until", None)
    assert (lane_until is not None) == (classify(outcome) == FailureClass.THROTTLED)
    assert lane_until is None or NOW < lane_until <= NOW + 3600.0
