"""The only definition of when a pending delivery is held."""

from sqlalchemy import ColumnElement, FromClause, Select, and_, or_, select
from sqlalchemy.sql.functions import coalesce

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import DeliveryState, EndpointState
from breakwater.core.store.schema import CIRCUITS, ENDPOINTS

# Built once: a filter uses it up to a dozen times, and building it costs more than the query.
_ENDPOINTS, _CIRCUITS = ENDPOINTS.alias("lane_endpoints"), CIRCUITS.alias("lane_circuits")
_LANES = _ENDPOINTS.outerjoin(_CIRCUITS, _CIRCUITS.c.endpoint_id == _ENDPOINTS.c.id)


def halted(endpoints: FromClause, circuits: FromClause, now: float) -> ColumnElement[bool]:
    """Return the condition that an endpoint holds its deliveries, over `endpoints` joined with `circuits`.

    A half-open circuit counts, because it holds everything but its probes.
    """
    return or_(
        endpoints.c.state != EndpointState.ENABLED.value,
        coalesce(endpoints.c.throttled_until, 0.0) > now,
        coalesce(circuits.c.state, CircuitState.CLOSED.value) != CircuitState.CLOSED.value,
    )


def held_endpoints(now: float) -> Select[str]:
    """Return the statement for the ids of the endpoints that hold their deliveries at `now`."""
    return select(_ENDPOINTS.c.id).select_from(_LANES).where(halted(_ENDPOINTS, _CIRCUITS, now))


def held(deliveries: FromClause, now: float) -> ColumnElement[bool]:
    """Return whether a delivery is held, over `deliveries` joined with endpoints and circuits."""
    return and_(deliveries.c.state == DeliveryState.PENDING.value, halted(ENDPOINTS, CIRCUITS, now))
