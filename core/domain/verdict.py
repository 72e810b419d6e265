"""What an outcome means: for the delivery, for its lane, and for the endpoint's circuit.

===============================  ==============  =============================  ================
outcome                          class           retried                        the breaker sees
===============================  ==============  =============================  ================
2xx, decided at the headers      (success)       no                             success
3xx, never followed              redirect        no                             success
410                              gone            no; the endpoint is disabled   success
408, 425                         client_timeout  yes                            failure
429, and 503 with a Retry-After  throttled       yes; the whole lane waits      nothing
other 4xx                        client_error    no                             success
5xx, and codes outside 100-599   server_error    yes                            failure
not HTTP, or 1xx as the response protocol        yes                            failure
refused, unreachable, reset      connect         yes                            failure
name does not resolve            dns             yes                            failure
handshake or certificate         tls             yes                            failure
connect limit or total deadline  timeout         yes                            failure
address refused by the guard     blocked         no                             nothing
unexpected exception of ours     internal_error  yes                            nothing
no descriptor, memory, port left local_shortage  yes; no attempt is counted     nothing
worker died holding the claim    lost            yes, with a budget of its own  nothing
===============================  ==============  =============================  ================

For the breaker, an endpoint that rejects a request is healthy: it responds.
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from http import HTTPStatus
from typing import Final, assert_never

from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.retry import RetryPolicy, parse_retry_after
from breakwater.core.domain.states import FailureClass

MAX_CONSECUTIVE_LOSSES: Final = 3
"""Consecutive claims of one delivery whose worker died. After so many, the delivery itself may be the cause."""
SHORTAGE_PAUSE: Final = 0.5
"""Seconds until the first repetition after a local shortage."""
MAX_SHORTAGE_PAUSE: Final = 10.0
_LANE_PAUSE: Final = 60.0
"""Maximum pause of a lane, in seconds, for a 429 without Retry-After. Late delays of a schedule are hours, which is too
long for the other deliveries of the lane."""

_BY_STATUS: Final = {
    408: FailureClass.CLIENT_TIMEOUT,
    410: FailureClass.GONE,
    425: FailureClass.CLIENT_TIMEOUT,
    429: FailureClass.THROTTLED,
}
_BY_HUNDRED: Final = {
    1: FailureClass.PROTOCOL,
    2: None,
    3: FailureClass.REDIRECT,
    4: FailureClass.CLIENT_ERROR,
}


@unique
class BreakerSignal(StrEnum):
    """What the circuit breaker learns from an attempt."""

    SUCCESS = "success"
    FAILURE = "failure"
    NOTHING = "nothing"
    """The attempt does not show the endpoint's health: the permit is released."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver responded with success."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at `at`, in seconds since the epoch."""

    at: float
    lane_until: float | None = None
    """Until when the receiver asks all deliveries of the lane to wait."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No further attempt unless a person resends it."""

    lane_until: float | None = None
    """As in `RetryAt`: the other deliveries of the lane wait."""


@dataclass(frozen=True, slots=True)
class EndpointGone:
    """No further attempt, and no further deliveries to this endpoint: the receiver responded 410 Gone."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """The attempt does not count, because this machine could not make it. Try again at `at`."""

    at: float


Verdict = Delivered | RetryAt | Failed | EndpointGone | Postponed


def classify(outcome: Outcome) -> FailureClass | None:
    """Return the class of a failure, or None for a success."""
    match outcome:
        case TransportFailure():
            return outcome.failure
        case Response():
            return _class_of_response(outcome)
        case _:
            assert_never(outcome)


def breaker_signal(failure: FailureClass | None) -> BreakerSignal:
    """Return what the circuit breaker learns from an attempt of this class; None is a success."""
    match failure:
        case None | FailureClass.REDIRECT | FailureClass.GONE | FailureClass.CLIENT_ERROR:
            return BreakerSignal.SUCCESS
        case (
            FailureClass.THROTTLED
            | FailureClass.BLOCKED
            | FailureClass.INTERNAL_ERROR
            | FailureClass.LOCAL_SHORTAGE
            | FailureClass.LOST
        ):
            return BreakerSignal.NOTHING
        case (
            FailureClass.CLIENT_TIMEOUT
            | FailureClass.SERVER_ERROR
            | FailureClass.CONNECT
            | FailureClass.DNS
            | FailureClass.TLS
            | FailureClass.TIMEOUT
            | FailureClass.PROTOCOL
        ):
            return BreakerSignal.FAILURE
        case _:
            assert_never(failure)


def signal_breaker(
    breaker: CircuitBreaker, signal: BreakerSignal, *, now: float, generation: int, cause: str, draw: float
) -> None:
    """Step the circuit by one finished attempt that was admitted in `generation`."""
    match signal:
        case BreakerSignal.SUCCESS:
            breaker.record_success(now=now, generation=generation)
        case BreakerSignal.FAILURE:
            breaker.record_failure(now=now, generation=generation, cause=cause, draw=draw)
        case BreakerSignal.NOTHING:
            breaker.release(now=now, generation=generation)
        case _:
            assert_never(signal)


def decide(
    outcome: Outcome,
    *,
    policy: RetryPolicy,
    spent: int,
    now: float,
    wall: float,
    draw: float,
    postpone_until: float | None = None,
) -> Verdict:
    """Return the verdict on a delivery after an attempt with this `outcome`.

    `spent` counts the attempts that the policy allows, including this one. `now` is the time of the schedule,
    `wall` the calendar, for a Retry-After date. `draw`, from 0 up to 1, selects the delay within its jitter.
    `postpone_until` is when the next attempt is made after a local shortage; by default in half a second.
    """
    failure = classify(outcome)
    match failure:
        case None:
            return Delivered()
        case FailureClass.GONE:
            return EndpointGone()
        case FailureClass.REDIRECT | FailureClass.CLIENT_ERROR | FailureClass.BLOCKED:
            return Failed()
        case FailureClass.THROTTLED:
            return _throttled(outcome, policy.delay_after(spent, draw), now=now, wall=wall)
        case FailureClass.LOCAL_SHORTAGE:
            return Postponed(now + SHORTAGE_PAUSE if postpone_until is None else postpone_until)
        case (
            FailureClass.CLIENT_TIMEOUT
            | FailureClass.SERVER_ERROR
            | FailureClass.CONNECT
            | FailureClass.DNS
            | FailureClass.TLS
            | FailureClass.TIMEOUT
            | FailureClass.PROTOCOL
            | FailureClass.INTERNAL_ERROR
            | FailureClass.LOST
        ):
            delay = policy.delay_after(spent, draw)
            return Failed() if delay is None else RetryAt(now + delay)
        case _:
            assert_never(failure)


def decide_after_loss(*, consecutive_losses: int, now: float) -> RetryAt | Failed:
    """Return the verdict on a delivery whose worker died; `consecutive_losses` includes this one."""
    if consecutive_losses < MAX_CONSECUTIVE_LOSSES:
        return RetryAt(now)
    return Failed()


def _class_of_response(response: Response) -> FailureClass | None:
    status = response.status
    if (
        status == HTTPStatus.SERVICE_UNAVAILABLE
        and parse_retry_after(response.header("retry-after"), 0.0) is not None
    ):
        return FailureClass.THROTTLED
    return _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, FailureClass.SERVER_ERROR)


def _throttled(outcome: Outcome, delay: float | None, *, now: float, wall: float) -> RetryAt | Failed:
    """Wait as long as the receiver requests, between the delay of the schedule and one hour."""
    requested = _retry_after(outcome, wall)
    lane_until = now + max(requested, min(delay or _LANE_PAUSE, _LANE_PAUSE))
    if delay is None:
        return Failed(lane_until)
    return RetryAt(now + max(delay, requested), lane_until)


def _retry_after(outcome: Outcome, wall: float) -> float:
    header = outcome.header("retry-after") if isinstance(outcome, Response) else None
    return parse_retry_after(header, wall) or 0.0
