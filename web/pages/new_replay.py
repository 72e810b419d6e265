"""Starting a replay: a dry run that shows what it covers, and a confirmation that grows with how much that is."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

from litestar import get, post
from litestar.response import Response, Template

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import BreakwaterError, Conflict, FieldProblem, InvalidInput, NotFound
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.paging.filters import PARAMETERS
from breakwater.core.replays import DEFAULT_PACE, FASTEST, Plan, ReplayView
from breakwater.web.pages.confirmation import Confirmation, confirmation_for, is_number
from breakwater.web.pages.delivery_list import Asked, choices
from breakwater.web.pages.forms import Form, read_form
from breakwater.web.pages.replay_words import lasting
from breakwater.web.pages.replays import REPLAYS
from breakwater.web.pages.reply import (
    Flash,
    PageRequest,
    actor_of,
    redirect_with_flash,
    render_page,
    runtime_of,
    status_of,
)
from breakwater.web.security.guards import requires

NEW: Final = f"{REPLAYS}/new"
_FIELDS: Final = (*PARAMETERS, "up_to", "frozen_at", "shown", "pace", "reason", "confirmed", "typed")
_SHOWN_ENDPOINTS: Final = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What the form says, and what is wrong with it."""

    pace: str = f"{DEFAULT_PACE:g}"
    reason: str = ""
    typed: str = ""
    problems: tuple[FieldProblem, ...] = ()
    status_code: int = 200

    @classmethod
    def of(cls, form: Form) -> "Wish":
        """Read the form."""
        return cls(form.get("pace", ""), form.get("reason", ""), form.get("typed", ""))

    def refused(self, error: BreakwaterError) -> "Wish":
        """Return the same with what is wrong."""
        problems = error.problems if isinstance(error, InvalidInput) else (FieldProblem("", str(error)),)
        return replace(self, problems=tuple(problems), status_code=status_of(error))


@get(NEW, guards=[requires("read")], include_in_schema=False)
async def new_replay(request: PageRequest) -> Response[Any]:
    """Show what a replay of this filter would do."""
    asked, wish, plan = Asked.of(request), Wish(), None
    if (meant := asked.with_its_zone(request)) is not None:
        return meant
    try:
        sent = request.query_params
        plan = await _plan(request, asked, sent.get("up_to") or None, sent.get("frozen_at"))
    except (InvalidInput, NotFound) as error:
        wish = wish.refused(error)
    return await _form_page(request, asked, plan, wish)


@post(REPLAYS, guards=[requires("operate")], include_in_schema=False)
async def start(request: PageRequest) -> Response[Any]:
    """Start it, once it is confirmed as its size asks for; else show the dry run again, with what is missing."""
    form = await read_form(request, _FIELDS)
    asked, wish, plan = Asked.read(form, NEW), Wish.of(form), None
    try:
        plan = await _plan(request, asked, form.text("up_to"), form.text("frozen_at"))
        _pace(wish.pace)
        match _still_to_confirm(plan, form):
            case Confirmation.NONE:
                started = await _start(request, plan, wish)
                return redirect_with_flash(request, Flash("success", "Started."), f"{REPLAYS}/{started.id}")
            case Confirmation.DIALOG:
                return render_page(request, "replays/confirm.html", **_context(asked, plan, wish))
            case Confirmation.NUMBER:
                number = f"{plan.total.value:,}"
                unconfirmed = InvalidInput.of("typed", f"type {number}, the number of deliveries, to confirm")
                return await _form_page(request, asked, plan, wish.refused(unconfirmed))
    except (InvalidInput, NotFound, Conflict) as error:
        return await _form_page(request, asked, plan, wish.refused(error))


async def _plan(request: PageRequest, asked: Asked, up_to: str | None, frozen_at: str | None) -> Plan:
    """Return the dry run; of the snapshot that was shown before, where there was one."""
    if asked.wanted is None:
        raise InvalidInput(asked.problems)
    return await runtime_of(request).replays.plan(asked.wanted, up_to, _moment(frozen_at))


async def _start(request: PageRequest, plan: Plan, wish: Wish) -> ReplayView:
    start = runtime_of(request).replays.start
    return await start(plan, actor=actor_of(request), reason=wish.reason or None, pace=_pace(wish.pace))


def _still_to_confirm(plan: Plan, form: Form) -> Confirmation:
    """Return what is still missing. `shown` is the number that the person saw: the snapshot only ever shrinks."""
    asks = confirmation_for(plan.total.value)
    shown = form.get("shown", "")
    number = int(shown) if shown.isascii() and shown.isdigit() else 0
    match asks:
        case Confirmation.DIALOG if "confirmed" in form:
            return Confirmation.NONE
        case Confirmation.NUMBER if number >= plan.total.value and is_number(form.get("typed", ""), number):
            return Confirmation.NONE
        case _:
            return asks


async def _form_page(request: PageRequest, asked: Asked, plan: Plan | None, wish: Wish) -> Template:
    concerned = [endpoint_id for endpoint_id, _, _ in plan.endpoints] if plan else []
    views = await runtime_of(request).queries.circuits.by_ids(concerned)
    circuits = {view.endpoint_id: view for view in views}
    return render_page(
        request,
        "replays/new.html",
        status_code=wish.status_code,
        **_context(asked, plan, wish, circuits),
        **await choices(request, asked),
    )


def _context(
    asked: Asked, plan: Plan | None, wish: Wish, circuits: dict[str, CircuitView] | None = None
) -> dict[str, Any]:
    problems = {problem.field: problem.message for problem in wish.problems}
    return {
        "asked": asked,
        "asks": None if plan is None else confirmation_for(plan.total.value),
        "circuits": circuits or {},
        "fastest": FASTEST,
        "held": 0
        if plan is None
        else sum(n for id_, _, n in plan.endpoints if _waits((circuits or {}).get(id_))),
        "lasting": None
        if plan is None or not _is_pace(wish.pace)
        else lasting(plan.total.value, _pace(wish.pace)),
        "plan": plan,
        "problems": problems,
        "shown_endpoints": _SHOWN_ENDPOINTS,
        "wish": wish,
    }


def _waits(circuit: CircuitView | None) -> bool:
    """Return whether deliveries to this endpoint wait just now, whatever is resent."""
    if circuit is None:
        return False
    return (
        circuit.on_hold
        or circuit.state is not CircuitState.CLOSED
        or circuit.endpoint_state is not EndpointState.ENABLED
    )


def _pace(text: str) -> float:
    """Return a pace in deliveries a second. Raises InvalidInput."""
    if not _is_pace(text):
        raise InvalidInput.of(
            "pace", f"write a number of deliveries a second, such as 50; at most {FASTEST:,.0f}"
        )
    return float(text)


def _is_pace(text: str) -> bool:
    try:
        return 0 < float(text) <= FASTEST
    except ValueError:
        return False


def _moment(text: str | None) -> float | None:
    try:
        moment = float(text) if text else None
    except ValueError:
        moment = math.nan
    if moment is not None and not math.isfinite(moment):
        raise InvalidInput.of("frozen_at", "is no time: leave it out for a new dry run")
    return moment


HANDLERS: Final = [new_replay, start]
