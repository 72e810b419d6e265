"""The circuits page, and the actions reset, probe, hold and release."""

import re
from collections.abc import Iterable
from typing import Any, Final

from litestar import get
from litestar.params import FromPath
from litestar.response import Response, Template

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.queries.circuits.model import CircuitView, ResetCircuit
from breakwater.web.pages.charts.circuit_marks import without_probes
from breakwater.web.pages.forms import Form, read_form
from breakwater.web.pages.lane_list import load_lane_list
from breakwater.web.pages.reply import (
    Flash,
    PageRequest,
    actor_of,
    problem_message,
    render_page,
    respond_with_flash,
    run_action,
    runtime_of,
)
from breakwater.web.pages.submissions import form_post
from breakwater.web.security.guards import requires

_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d{1,4})\s*([mhd])")
BOARD: Final = "/circuits"
_RECENT: Final = 20
_READ: Final = 60
"""Changes to read. Of a circuit that stays open, every second change is a probe, which the list leaves out."""


@get(BOARD, guards=[requires("read")], include_in_schema=False)
async def circuits(request: PageRequest) -> Template:
    """List the circuits, open ones first, and the latest state changes."""
    queries = runtime_of(request).queries
    query, page = await load_lane_list(request, queries.circuits.board)
    resets = () if query.cursor or query.q else await queries.circuits.recently_reset()
    return render_page(
        request,
        "circuits/board.html",
        live=("circuits", "endpoints", "deliveries"),
        query=query,
        page=page,
        open=with_resets([circuit for circuit in page.items if needs_attention(circuit)], resets),
        closed=[
            circuit
            for circuit in page.items
            if not needs_attention(circuit)
            and circuit.endpoint_id not in {r.circuit.endpoint_id for r in resets}
        ],
        transitions=without_probes(await queries.circuits.transitions(limit=_READ))[:_RECENT],
    )


def with_resets(
    circuits: Iterable[CircuitView], resets: Iterable[ResetCircuit]
) -> list[tuple[CircuitView, ResetCircuit | None]]:
    """Return circuits by name, among them those that were reset a short time ago: each keeps its place."""
    entries = [*((circuit, None) for circuit in circuits), *((reset.circuit, reset) for reset in resets)]
    return sorted(entries, key=lambda entry: (entry[0].endpoint_name, entry[0].endpoint_id))


def needs_attention(circuit: CircuitView) -> bool:
    """Return whether a circuit is open, half-open or held."""
    return circuit.state is not CircuitState.CLOSED or circuit.on_hold


@form_post(f"{BOARD}/{{endpoint_id:str}}/reset", "operate")
async def reset(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Close a circuit now and release its deliveries."""
    form = await read_form(request, {"reason"})
    work = runtime_of(request).operations.circuits.reset(
        endpoint_id, actor=actor_of(request), reason=form.text("reason")
    )
    return await run_action(request, work, back=BOARD)


@form_post(f"{BOARD}/{{endpoint_id:str}}/probe", "operate")
async def probe(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Probe an open circuit now."""
    form = await read_form(request, {"reason"})
    work = runtime_of(request).operations.circuits.probe(
        endpoint_id, actor=actor_of(request), reason=form.text("reason")
    )
    return await run_action(request, work, back=BOARD)


@form_post(f"{BOARD}/{{endpoint_id:str}}/hold", "operate")
async def hold(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Hold a circuit open, with a reason, until it is released or the given time has passed."""
    form = await read_form(request, {"reason", "for"})
    try:
        until = _until(form, runtime_of(request).clock.now())
    except InvalidInput as invalid:
        return respond_with_flash(
            request, Flash("error", problem_message(invalid)), back=BOARD, status_code=422
        )
    work = runtime_of(request).operations.circuits.hold(
        endpoint_id, actor=actor_of(request), reason=form.get("reason", ""), until=until
    )
    return await run_action(request, work, back=BOARD)


@form_post(f"{BOARD}/{{endpoint_id:str}}/release", "operate")
async def release(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """End a hold."""
    form = await read_form(request, {"reason"})
    work = runtime_of(request).operations.circuits.release(
        endpoint_id, actor=actor_of(request), reason=form.text("reason")
    )
    return await run_action(request, work, back=BOARD)


def _until(form: Form, now: float) -> float | None:
    """Return the time at which a hold of `30m`, `2h` or `1d` ends; None without a duration."""
    text = form.text("for")
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if match is None or not int(match[1]):
        raise InvalidInput.of(
            "for", f'"{text}" is not a valid duration. Use 30m, 2h or 1d, or leave it empty.'
        )
    return now + int(match[1]) * _UNITS[match[2]]


HANDLERS: Final = [circuits, reset, probe, hold, release]
