"""Circuits that people reset a short time ago, so that a list can show what was done instead of dropping the row."""

from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.ids import floor_id
from breakwater.core.queries.circuits.board import circuit_views, read_endpoint_rows
from breakwater.core.queries.circuits.model import ResetCircuit
from breakwater.core.store.schema import AUDIT, ENDPOINTS

SHOWN_SECONDS: Final = 600.0
"""How long a list keeps the line of a circuit that was reset."""
_MAX_SHOWN: Final = 20


async def read_recently_reset(connection: AsyncConnection, now: float) -> tuple[ResetCircuit, ...]:
    """Return the latest resets of circuits that are closed, in the order of the circuit board."""
    rows = (await connection.execute(resets_statement(now))).all()
    latest = {row.subject: row for row in reversed(rows)}
    if not latest:
        return ()
    endpoint_rows = await read_endpoint_rows(connection, ENDPOINTS.c.id.in_(latest))
    return tuple(
        ResetCircuit(circuit, row.at, row.actor, row.outcome, row.reason)
        for circuit in circuit_views(endpoint_rows, now)
        if circuit.state is CircuitState.CLOSED and (row := latest[circuit.endpoint_id])
    )


def resets_statement(now: float) -> Select[str, float, str, str, str | None]:
    """Return the statement that finds the latest resets, newest first."""
    columns = AUDIT.c
    return (
        select(columns.subject, columns.at, columns.actor, columns.outcome, columns.reason)
        .where(columns.action == "circuit.reset", columns.id >= floor_id("aud", now - SHOWN_SECONDS))
        .order_by(columns.id.desc())
        .limit(_MAX_SHOWN)
    )
