"""Circuits: the board, and reset, probe, hold and release."""

import re
from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response, Template

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.web.pages.charts.circuit_marks import without_probes
from breakwater.web.pages.forms import Form, read_form
from breakwater.web.pages.lane_list import asked_lanes
from breakwater.web.pages.reply import (
    Flash,
    PageRequest,
    actor_of,
    render_page,
    respond_with_flash,
    run_action,
    runtime_of,
)
from breakwater.web.security.guards import requires

_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400}
_SPAN: Final = re.compile(r"(\d{1,4})\s*([mhd])")
BOARD: Final = "/circuits"
_RECENT: Final = 20
_LOOKED_AT: Final = 60
"""Changes of which those are shown that are news; of a circuit that stays open every other one is none."""


@get(BOARD, guards=[requires("read")], include_in_schema=False)
async def circuits(request: PageRequest) -> Template:
    """Show every circuit, worst first, and what changed lately."""
    queries = runtime_of(request).queries
    asked, found = await asked_lanes(request, queries.circuits.board)
    return render_page(
        request,
        "circuits/board.html",
        live=("circuits", "endpoints", "deliveries"),
        asked=asked,
        found=found,
        troubled=[view for view in found.items if is_troubled(view)],
        closed=[view for view in found.items if not is_troubled(view)],
        transitions=without_probes(await queries.circuits.transitions(limit=_LOOKED_AT))[:_RECENT],
    )


def is_troubled(view: CircuitView) -> bool:
    """Return whether a circuit asks for a look: it is not closed, or about to open."""
    return view.state is not CircuitState.CLOSED or view.on_hold


@post(f"{BOARD}/{{endpoint_id:str}}/reset", guards=[requires("operate")], include_in_schema=False)
async def reset(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Close a circuit now; what it held goes out."""
    form = await read_form(request, {"reason"})
    work = runtime_of(request).operations.circuits.reset(
        endpoint_id, actor=actor_of(request), reason=form.text("reason")
    )
    return await run_action(request, work, back=BOARD)


@post(f"{BOARD}/{{endpoint_id:str}}/probe", guards=[requires("operate")], include_in_schema=False)
async def probe(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Let one step through an open circuit now."""
    form = await read_form(request, {"reason"})
    work = runtime_of(request).operations.circuits.probe(
        endpoint_id, actor=actor_of(request), reason=form.text("reason")
    )
    return await run_action(request, work, back=BOARD)


@post(f"{BOARD}/{{endpoint_id:str}}/hold", guards=[requires("operate")], include_in_schema=False)
async def hold(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Hold a circuit open, with a reason, until somebody releases it or the given time has passed."""
    form = await read_form(request, {"reason", "for"})
    try:
        until = _until(form, runtime_of(request).clock.now())
    except InvalidInput as invalid:
        return respond_with_flash(request, Flash("error", str(invalid)), back=BOARD, status_code=422)
    work = runtime_of(request).operations.circuits.hold(
        endpoint_id, actor=actor_of(request), reason=form.get("reason", ""), until=until
    )
    return await run_action(request, work, back=BOARD)


@post(f"{BOARD}/{{endpoint_id:str}}/release", guards=[requires("operate")], include_in_schema=False)
async def release(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """End a hold."""
    form = await read_form(request, {"reason"})
    work = runtime_of(request).operations.circuits.release(
        endpoint_id, actor=actor_of(request), reason=form.text("reason")
    )
    return await run_action(request, work, back=BOARD)


def _until(form: Form, now: float) -> float | None:
    """Return the moment at which a hold ends that was asked for as `30m`, `2h` or `1d`; None for no end."""
    asked = form.text("for")
    if asked is None:
        return None
    match = _SPAN.fullmatch(asked)
    if match is None or not int(match[1]):
        raise InvalidInput.of(
            "for", "write how long, as 30m, 2h or 1d, or leave it empty to hold until released"
        )
    return now + int(match[1]) * _UNITS[match[2]]


HANDLERS: Final = [circuits, reset, probe, hold, release]
