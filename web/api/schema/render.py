"""Convert read models to the responses of the API."""

from typing import Any, Final, TypeVar

import msgspec
from litestar.enums import MediaType
from litestar.response import Response
from msgspec import UNSET, Raw

from breakwater.core.accounts.model import KeyView
from breakwater.core.delivery.intake import Accepted
from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.endpoint_fields import ENDPOINT_FIELDS
from breakwater.core.domain.errors import BreakwaterError
from breakwater.core.operations import OperationResult
from breakwater.core.queries.circuits.model import CircuitView, TransitionView
from breakwater.core.queries.deliveries.model import AttemptView, DeliveryDetail, DeliveryRow, MessageView
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.text.timestamps import iso
from breakwater.web.api.schema import responses
from breakwater.web.problems import problem_of

T = TypeVar("T")
_EMPTY: Final = Raw(b"null")
encoded: Final = msgspec.json.Encoder().encode


def respond(content: Any, status_code: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Return `content` as a JSON response."""
    return Response(encoded(content), status_code=status_code, media_type=MediaType.JSON, headers=headers)


def list_of(items: list[T], next_cursor: str | None = None, *, status_code: int = 200) -> Response[bytes]:
    """Return a list, or one page of it."""
    return respond(responses.ListOf(items=items, next_cursor=next_cursor), status_code)


def accepted(result: Accepted) -> responses.Accepted:
    """Return a committed message."""
    return responses.Accepted(result.id, _accepted_deliveries(result), result.note or UNSET)


def batch_item(result: Accepted | BreakwaterError) -> responses.BatchItem:
    """Return the result of one message of a batch, or its error."""
    if isinstance(result, BreakwaterError):
        problem, _headers = problem_of(result)
        return responses.BatchItem(error=problem)
    return responses.BatchItem(
        id=result.id,
        deliveries=_accepted_deliveries(result),
        note=result.note or UNSET,
        replayed=result.replayed,
    )


def _accepted_deliveries(result: Accepted) -> list[responses.AcceptedDelivery]:
    return [
        responses.AcceptedDelivery(delivery_id, endpoint_id) for delivery_id, endpoint_id in result.deliveries
    ]


def delivery_row(row: DeliveryRow, detail: DeliveryDetail | None = None) -> responses.Delivery:
    """Return a delivery. Lists have no `detail`."""
    return responses.Delivery(
        id=row.id,
        message_id=row.message_id,
        endpoint_id=row.endpoint_id,
        webhook_url=row.webhook_url,
        event_type=row.event_type,
        status=row.state,
        final_status=row.notification_status,
        failure_class=row.failure_class,
        status_code=row.status_code,
        error=row.error,
        why=detail.why if detail else None,
        next_attempt_at=_time(row.next_attempt_at),
        attempt_count=row.attempt_count,
        created_at=iso(row.created_at),
        finished_at=_time(row.finished_at),
        payload=Raw(detail.payload or b"null") if detail else _EMPTY,
        attempts=[_attempt(attempt) for attempt in detail.attempts] if detail else [],
    )


def delivery(detail: DeliveryDetail) -> responses.Delivery:
    """Return a delivery with its payload and attempts."""
    return delivery_row(detail.row, detail)


def _attempt(attempt: AttemptView) -> responses.Attempt:
    body = attempt.response_body
    return responses.Attempt(
        attempt_number=attempt.number,
        timestamp=iso(attempt.started_at),
        status_code=attempt.status_code,
        error=attempt.error,
        response_time_ms=attempt.duration_ms,
        success=attempt.success,
        failure_class=attempt.failure_class,
        trigger=attempt.trigger,
        request_headers=list(attempt.request_headers),
        response_headers=list(attempt.response_headers),
        response_headers_truncated=attempt.response_headers_truncated,
        response_body=None if body is None else body.decode(errors="replace"),
        response_truncated=attempt.response_truncated,
    )


def message(view: MessageView) -> responses.Message:
    """Return a message with its deliveries."""
    return responses.Message(
        id=view.id,
        event_type=view.event_type,
        payload=Raw(view.payload or b"null"),
        idempotency_key=view.idempotency_key,
        created_at=iso(view.created_at),
        deliveries=[delivery_row(row) for row in view.deliveries],
        note=view.note,
    )


def endpoint_fields(view: EndpointView) -> dict[str, Any]:
    """Return the fields of an endpoint, by name."""
    return {
        "id": view.id,
        **{
            field.name: getattr(view, field.name)
            for field in ENDPOINT_FIELDS
            if not field.group and not field.is_write_only
        },
        "retry": responses.Retry(list(view.retry_delays), view.retry_jitter),
        "circuit": view.circuit,
        "state": view.state,
        "state_reason": view.state_reason,
        "adhoc": view.adhoc,
        "throttled_until": _time(view.throttled_until),
        "secret_rotated_until": _time(view.secret_rotated_until),
        "created_at": iso(view.created_at),
        "updated_at": iso(view.updated_at),
    }


def endpoint(view: EndpointView) -> responses.Endpoint:
    """Return an endpoint."""
    return responses.Endpoint(**endpoint_fields(view))


def _circuit_fields(view: CircuitView) -> dict[str, Any]:
    hold = responses.Hold(view.hold_reason, view.held_by, _time(view.hold_until)) if view.on_hold else None
    admits = view.state is CircuitState.CLOSED and not view.on_hold
    held = BoundedCount(0) if admits else view.backlog
    return {
        "endpoint_id": view.endpoint_id,
        "endpoint_name": view.endpoint_name,
        "webhook_url": view.webhook_url,
        "endpoint_state": view.endpoint_state,
        "state": view.state,
        "hold": hold,
        "failure_count": view.failure_count,
        "success_count": view.success_count,
        "half_open_calls": view.half_open_calls,
        "window_failures": view.window_failures,
        "window_calls": view.window_calls,
        "opened_at": _time(view.opened_at),
        "retry_at": _time(view.retry_at),
        "held": held.value,
        "held_more": held.more,
        "last_error": view.last_error,
        "last_failure_at": _time(view.last_failure_at),
        "sentence": view.sentence,
        "thresholds": view.config,
    }


def circuit(view: CircuitView) -> responses.Circuit:
    """Return a circuit."""
    return responses.Circuit(**_circuit_fields(view))


def circuit_detail(view: CircuitView, transitions: tuple[TransitionView, ...]) -> responses.CircuitDetail:
    """Return a circuit with its transitions."""
    return responses.CircuitDetail(
        **_circuit_fields(view), transitions=[_transition(transition) for transition in transitions]
    )


def _transition(view: TransitionView) -> responses.Transition:
    return responses.Transition(
        id=view.id,
        at=iso(view.at),
        from_state=view.from_state,
        to_state=view.to_state,
        cause=view.cause,
        failure_count=view.failure_count,
        success_count=view.success_count,
        attempt_id=view.attempt_id,
        delivery_id=view.delivery_id,
        actor=view.actor,
    )


def operation_result(result: OperationResult) -> Response[bytes]:
    """Return the result of an operation."""
    return respond(responses.OperationResult(result.message, result.affected))


def key_fields(view: KeyView) -> dict[str, Any]:
    """Return the fields of an API key, by name."""
    return {
        "id": view.id,
        "name": view.name,
        "sender": view.sender,
        "preview": view.preview,
        "scopes": list(view.scopes),
        "created_at": iso(view.created_at),
        "created_by": view.created_by,
        "last_used_at": _time(view.last_used_at),
        "revoked_at": _time(view.revoked_at),
    }


def _time(at: float | None) -> str | None:
    return None if at is None else iso(at)
