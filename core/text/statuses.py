"""The status of a delivery, and the names of states: the same in lists, filters, charts, the API and the command line.

What is stored is a `DeliveryState`. The status tells pending deliveries apart: held ones, and those being retried.
"""

from enum import StrEnum, unique
from typing import Final, assert_never

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import DeliveryState, NotificationStatus


@unique
class DeliveryStatus(StrEnum):
    """The values of the `status` filter, in the order in which a query string has them."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HELD = "held"
    """Pending, and kept back by its endpoint: an open or half-open circuit, a hold, a pause or rate limiting."""
    RETRYING = "retrying"
    """Pending after at least one attempt."""


STATUS_LIST: Final = ", ".join(DeliveryStatus)
"""For the help of a filter."""


def delivery_status(state: DeliveryState, *, held: bool, attempted: bool) -> DeliveryStatus:
    """Return the status of a delivery: `held` as the store derives it, `attempted` when an attempt was recorded."""
    match state:
        case DeliveryState.PENDING if held:
            return DeliveryStatus.HELD
        case DeliveryState.PENDING:
            return DeliveryStatus.RETRYING if attempted else DeliveryStatus.PENDING
        case DeliveryState.IN_FLIGHT:
            return DeliveryStatus.IN_FLIGHT
        case DeliveryState.DELIVERED:
            return DeliveryStatus.DELIVERED
        case DeliveryState.FAILED:
            return DeliveryStatus.FAILED
        case DeliveryState.CANCELLED:
            return DeliveryStatus.CANCELLED
        case _:
            assert_never(state)


def notification_status(state: DeliveryState, *, held: bool, attempted: bool) -> NotificationStatus:
    """Return the status in the terms of the adapter, which has none for a delivery in flight."""
    status = delivery_status(state, held=held, attempted=attempted)
    if status is DeliveryStatus.IN_FLIGHT:
        return NotificationStatus.RETRYING if attempted else NotificationStatus.PENDING
    return NotificationStatus(status.value)


def status_name(status: DeliveryStatus) -> str:
    """Return the name of a status: `in flight`, `held`."""
    return status.value.replace("_", " ")


def circuit_state_name(state: CircuitState) -> str:
    """Return the name of a circuit's state."""
    match state:
        case CircuitState.CLOSED:
            return "closed"
        case CircuitState.OPEN:
            return "open"
        case CircuitState.HALF_OPEN:
            return "half-open"
        case _:
            assert_never(state)
