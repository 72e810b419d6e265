"""The status of a delivery is derived in one place."""

from pathlib import Path

import pytest

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import DeliveryState, NotificationStatus
from breakwater.core.text.statuses import (
    DeliveryStatus,
    circuit_state_name,
    delivery_status,
    notification_status,
    status_name,
)
from breakwater.web.pages.charts.histogram import STACKED

STYLES = Path(__file__).parents[2] / "static" / "app.css"


@pytest.mark.parametrize(
    ("state", "held", "attempted", "status"),
    [
        (DeliveryState.PENDING, False, False, DeliveryStatus.PENDING),
        (DeliveryState.PENDING, False, True, DeliveryStatus.RETRYING),
        (DeliveryState.PENDING, True, False, DeliveryStatus.HELD),
        (DeliveryState.PENDING, True, True, DeliveryStatus.HELD),
        (DeliveryState.IN_FLIGHT, False, True, DeliveryStatus.IN_FLIGHT),
        (DeliveryState.DELIVERED, False, True, DeliveryStatus.DELIVERED),
        (DeliveryState.FAILED, False, True, DeliveryStatus.FAILED),
        (DeliveryState.CANCELLED, False, False, DeliveryStatus.CANCELLED),
    ],
)
def test_pending_deliveries_have_derived_statuses(
    state: DeliveryState, held: bool, attempted: bool, status: DeliveryStatus
) -> None:
    assert delivery_status(state, held=held, attempted=attempted) is status


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("attempted", [False, True])
@pytest.mark.parametrize("state", list(DeliveryState))
def test_the_adapter_has_the_same_status_but_none_for_in_flight(
    state: DeliveryState, attempted: bool, held: bool
) -> None:
    status = notification_status(state, held=held, attempted=attempted)
    if state is DeliveryState.IN_FLIGHT:
        assert status is (NotificationStatus.RETRYING if attempted else NotificationStatus.PENDING)
    else:
        assert status.value == delivery_status(state, held=held, attempted=attempted).value


def test_a_status_is_named_in_words() -> None:
    assert status_name(DeliveryStatus.IN_FLIGHT) == "in flight"
    assert [circuit_state_name(state) for state in CircuitState] == ["closed", "open", "half-open"]


def test_every_status_of_a_bar_has_its_colour() -> None:
    styles = STYLES.read_text()
    assert all(f".s-{status.value} " in styles for status in STACKED)
