"""The state changes of circuits."""

from typing import Any

from sqlalchemy import Select, select

from breakwater.core.store.schema import ENDPOINTS, TRANSITIONS


def transitions_statement(endpoint_id: str | None, limit: int) -> Select[*tuple[Any, ...]]:
    """Return the statement of `CircuitQueries.transitions`."""
    transitions = TRANSITIONS.c
    found = (
        select(TRANSITIONS, ENDPOINTS.c.name.label("endpoint_name"))
        .join(ENDPOINTS, ENDPOINTS.c.id == transitions.endpoint_id)
        .order_by(transitions.id.desc())
        .limit(limit)
    )
    return found if endpoint_id is None else found.where(transitions.endpoint_id == endpoint_id)
