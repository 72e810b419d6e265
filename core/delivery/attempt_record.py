"""An ended attempt: judged, as it is stored, and as it is logged."""

from collections.abc import Callable
from typing import Any, Final, assert_never

import structlog

from breakwater.core.delivery.attempt import AttemptResult
from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.domain.circuit import CircuitBreakerConfig
from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.retry import RetryPolicy
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.verdict import (
    Delivered,
    EndpointGone,
    Failed,
    RetryAt,
    Verdict,
    classify,
    describe,
    judge,
)
from breakwater.core.ports import Clock, Draw
from breakwater.core.store.commands.claim import ClaimedDelivery
from breakwater.core.store.commands.record import SaveAttempt

log = structlog.get_logger("breakwater.delivery")

LONGEST_ERROR: Final = 500
"""Characters of an error text that are kept."""


def evaluate(
    endpoint: DeliveryTarget,
    work: ClaimedDelivery,
    ended: AttemptResult,
    *,
    clock: Clock,
    draw: Draw,
    make_id: Callable[[str], str],
) -> SaveAttempt:
    """Return the write that tells of this attempt and of what becomes of its delivery."""
    own = work.retry_delays
    policy = endpoint.policy if own is None else RetryPolicy(own, endpoint.policy.jitter)
    now = clock.now()
    verdict = judge(
        ended.outcome, policy=policy, spent=work.spent + 1, now=now, wall=clock.wall(), draw=draw()
    )
    return to_record(work, ended, verdict, config=endpoint.circuit, now=now, draw=draw(), make_id=make_id)


def to_record(
    work: ClaimedDelivery,
    ended: AttemptResult,
    verdict: Verdict,
    *,
    config: CircuitBreakerConfig,
    now: float,
    draw: float,
    make_id: Callable[[str], str],
) -> SaveAttempt:
    """Return the write that tells of this attempt."""
    failure = classify(ended.outcome)
    error = None if failure is None else storable(describe(ended.outcome))
    status = ended.outcome.status if isinstance(ended.outcome, Response) else None
    row = _row(work, ended, failure, status, error)
    return SaveAttempt(
        work=work,
        attempt=row | {"id": make_id("att")},
        failure=failure,
        status_code=status,
        error=error,
        verdict=verdict,
        config=config,
        now=now,
        draw=draw,
        make_id=make_id,
    )


def storable(text: str) -> str:
    """Return a receiver's words as both databases keep them: bounded, and without NUL, which PostgreSQL refuses."""
    return text[:LONGEST_ERROR].replace("\x00", "\\x00")


def _row(
    work: ClaimedDelivery,
    ended: AttemptResult,
    failure: FailureClass | None,
    status: int | None,
    error: str | None,
) -> dict[str, Any]:
    return {
        "delivery_id": work.delivery_id,
        "endpoint_id": work.endpoint_id,
        "number": work.number,
        "trigger": work.trigger.value,
        "started_at": ended.started_at,
        "duration_ms": ended.duration_ms,
        "failure_class": failure.value if failure else None,
        "status_code": status,
        "error": error,
        "request_headers": ended.request_headers,
        **_response(ended.outcome),
    }


def _response(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Response():
            return {
                "response_headers": outcome.headers,
                "response_body": outcome.body,
                "response_truncated": outcome.body_truncated,
            }
        case TransportFailure():
            return {"response_headers": [], "response_body": None, "response_truncated": False}
        case _:
            assert_never(outcome)


def log_attempt(command: SaveAttempt) -> None:
    """Write the one line that an attempt leaves in the log, after its commit."""
    work = command.work
    log.info(
        "delivery.attempted",
        delivery_id=work.delivery_id,
        message_id=work.message_id,
        endpoint_id=work.endpoint_id,
        event_type=work.event_type,
        attempt=work.number,
        trigger=work.trigger.value,
        status_code=command.status_code,
        failure_class=command.failure.value if command.failure else None,
        error=command.error,
        duration_ms=command.attempt["duration_ms"],
        **_verdict_words(command.verdict),
    )


def _verdict_words(verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Delivered():
            return {"verdict": "delivered"}
        case RetryAt(at=at):
            return {"verdict": "retry", "retry_at": round(at, 3)}
        case Failed():
            return {"verdict": "failed"}
        case EndpointGone():
            return {"verdict": "endpoint_gone"}
        case _:
            assert_never(verdict)
