"""Evaluates a finished attempt: everything that is stored and logged of it is decided here."""

from collections.abc import Callable
from typing import Any, Final, assert_never

import structlog

from breakwater.core.delivery.attempt import AttemptResult
from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.domain.outcome import Headers, Response, TransportFailure
from breakwater.core.domain.retry import RetryPolicy
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.domain.verdict import (
    Delivered,
    EndpointGone,
    Failed,
    Postponed,
    RetryAt,
    breaker_signal,
    classify,
    decide,
)
from breakwater.core.ports import Clock, Draw
from breakwater.core.store.commands.claim import ClaimedDelivery
from breakwater.core.store.commands.record import AttemptRow, DisableEndpoint, SaveAttempt
from breakwater.core.store.commands.recover import ReleaseClaim
from breakwater.core.store.statements import to_json
from breakwater.core.text.outcomes import describe_outcome

log = structlog.get_logger("breakwater.delivery")

MAX_ERROR_LENGTH: Final = 500
"""Characters of an error text that are stored."""
_DISABLED: Final = "Endpoint disabled. Its deliveries are kept and will be sent when it is enabled again."


def evaluate(
    endpoint: DeliveryTarget,
    claim: ClaimedDelivery,
    result: AttemptResult,
    *,
    clock: Clock,
    draw: Draw,
    make_id: Callable[[str], str],
    postpone_until: float | None = None,
) -> tuple[SaveAttempt | ReleaseClaim, dict[str, Any]]:
    """Return the write that saves this attempt with its consequences, and the fields of its log line.

    After a local shortage it releases the claim until `postpone_until`, and no attempt is saved.
    """
    now = clock.now()
    verdict = decide(
        result.outcome,
        policy=_policy(endpoint, claim),
        spent=claim.spent + 1,
        now=now,
        wall=clock.wall(),
        draw=draw(),
        postpone_until=postpone_until,
    )
    state, next_attempt_at, throttled_until, disable = DeliveryState.FAILED, None, None, None
    match verdict:
        case Delivered():
            state = DeliveryState.DELIVERED
            log_fields: dict[str, Any] = {"verdict": "delivered"}
        case RetryAt():
            state, next_attempt_at, throttled_until = DeliveryState.PENDING, verdict.at, verdict.lane_until
            log_fields = {"verdict": "retry", "retry_at": round(verdict.at, 3)}
        case Failed():
            throttled_until = verdict.lane_until
            log_fields = {"verdict": "failed"}
        case EndpointGone():
            reason = f"{describe_outcome(result.outcome)}: the receiver wants no more webhooks"
            disable = DisableEndpoint(reason, _audit_entry(claim, reason, now, make_id))
            log_fields = {"verdict": "endpoint_gone"}
        case Postponed(at=at):
            shortage = storable(describe_outcome(result.outcome))
            release = ReleaseClaim(claim, endpoint.circuit, now, at, shortage)
            return release, _postponed_fields(claim, shortage, at)
        case _:
            assert_never(verdict)
    failure = classify(result.outcome)
    attempt = _attempt_row(claim, result, failure, make_id("att"))
    command = SaveAttempt(
        claim=claim,
        attempt=attempt,
        failure=failure,
        signal=breaker_signal(failure),
        state=state,
        next_attempt_at=next_attempt_at,
        finished_at=None if state is DeliveryState.PENDING else now,
        throttled_until=throttled_until,
        disable=disable,
        config=endpoint.circuit,
        now=now,
        draw=draw(),
        make_id=make_id,
    )
    return command, _log_fields(claim, attempt) | log_fields


def log_attempt(fields: dict[str, Any]) -> None:
    """Write the one log line of an attempt, after its commit."""
    log.info("delivery.attempted", **fields)


def log_postponed(fields: dict[str, Any]) -> None:
    """Write the log line of an attempt that a local shortage prevented, after its commit."""
    log.info("delivery.postponed", **fields)


def storable(text: str) -> str:
    """Return `text` as both databases accept it: bounded, and without NUL, which PostgreSQL refuses."""
    return text[:MAX_ERROR_LENGTH].replace("\x00", "\\x00")


def _policy(endpoint: DeliveryTarget, claim: ClaimedDelivery) -> RetryPolicy:
    delays = claim.retry_delays
    return endpoint.policy if delays is None else RetryPolicy(delays, endpoint.policy.jitter)


def _attempt_row(
    claim: ClaimedDelivery, result: AttemptResult, failure: FailureClass | None, attempt_id: str
) -> AttemptRow:
    status_code, body, truncated = None, None, False
    response_headers: Headers = ()
    match result.outcome:
        case Response() as response:
            status_code, body, truncated = response.status, response.body, response.body_truncated
            mark = (("", ""),) if response.headers_truncated else ()
            response_headers = (*response.headers, *mark)
        case TransportFailure():
            pass
        case _:
            assert_never(result.outcome)
    return AttemptRow(
        id=attempt_id,
        delivery_id=claim.delivery_id,
        endpoint_id=claim.endpoint_id,
        number=claim.number,
        trigger=claim.trigger.value,
        started_at=result.started_at,
        duration_ms=result.duration_ms,
        failure_class=None if failure is None else failure.value,
        status_code=status_code,
        error=None if failure is None else storable(describe_outcome(result.outcome)),
        request_headers=to_json(result.request_headers),
        response_headers=to_json(response_headers),
        response_body=body,
        response_truncated=truncated,
    )


def _log_fields(claim: ClaimedDelivery, attempt: AttemptRow) -> dict[str, Any]:
    return {
        "delivery_id": claim.delivery_id,
        "message_id": claim.message_id,
        "endpoint_id": claim.endpoint_id,
        "event_type": claim.event_type,
        "attempt": claim.number,
        "trigger": attempt.trigger,
        "status_code": attempt.status_code,
        "failure_class": attempt.failure_class,
        "error": attempt.error,
        "duration_ms": attempt.duration_ms,
    }


def _postponed_fields(claim: ClaimedDelivery, shortage: str, at: float) -> dict[str, Any]:
    return {
        "delivery_id": claim.delivery_id,
        "message_id": claim.message_id,
        "endpoint_id": claim.endpoint_id,
        "attempt": claim.number,
        "failure_class": FailureClass.LOCAL_SHORTAGE.value,
        "error": shortage,
        "verdict": "postponed",
        "retry_at": round(at, 3),
    }


def _audit_entry(
    claim: ClaimedDelivery, reason: str, now: float, make_id: Callable[[str], str]
) -> dict[str, Any]:
    return {
        "id": make_id("aud"),
        "at": now,
        "actor": "breakwater",
        "action": "endpoint.disable",
        "subject": claim.endpoint_id,
        "reason": reason,
        "outcome": _DISABLED,
        "detail": {"delivery_id": claim.delivery_id},
        "affected": 1,
    }
