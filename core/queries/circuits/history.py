"""Statements that read the state changes of circuits."""

from typing import Any

from sqlalchemy import Select, select

from breakwater.core.store.schema import ENDPOINTS, TRANSITIONS


def transitions_statement(endpoint_id: str | None, limit: int) -> Select[*tuple[Any, ...]]:
    """Return the statement of `CircuitQueries.transitions`."""
    transitions = TRANSITIONS.c
    statement = (
        select(TRANSITIONS, ENDPOINTS.c.name.label("endpoint_name"))
        .join(ENDPOINTS, ENDPOINTS.c.id == transitions.endpoint_id)
        .order_by(transitions.id.desc())
        .limit(limit)
    )
    return statement if endpoint_id is None else statement.where(transitions.endpoint_id == endpoint_id)
