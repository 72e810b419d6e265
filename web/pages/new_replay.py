"""Starting a replay: a dry run, and a confirmation that depends on the number of deliveries."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

from litestar import get
from litestar.response import Response, Template

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import BreakwaterError, Conflict, FieldProblem, InvalidInput, NotFound
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.paging.filters import PARAMETERS
from breakwater.core.replays import DEFAULT_PACE, MAX_PACE, Plan, ReplayView
from breakwater.web.pages.confirmation import Confirmation, confirmation_for, is_number
from breakwater.web.pages.delivery_list import ListQuery, filter_options
from breakwater.web.pages.forms import Form, read_form
from breakwater.web.pages.problems import problem_text
from breakwater.web.pages.replay_words import estimate_duration
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
from breakwater.web.pages.submissions import form_post
from breakwater.web.security.guards import requires

NEW: Final = f"{REPLAYS}/new"
_FIELDS: Final = (*PARAMETERS, "up_to", "frozen_at", "shown", "pace", "reason", "confirmed", "typed")
_SHOWN_ENDPOINTS: Final = 10


@dataclass(frozen=True, slots=True)
class ReplayForm:
    """The fields of the form, and their problems."""

    pace: str = f"{DEFAULT_PACE:g}"
    reason: str = ""
    typed: str = ""
    problems: tuple[FieldProblem, ...] = ()
    status_code: int = 200

    @classmethod
    def from_form(cls, form: Form) -> "ReplayForm":
        """Read the submitted form."""
        return cls(form.get("pace", ""), form.get("reason", ""), form.get("typed", ""))

    def with_problem(self, error: BreakwaterError) -> "ReplayForm":
        """Return the form with the problems of `error`."""
        problems = error.problems if isinstance(error, InvalidInput) else (FieldProblem("", str(error)),)
        return replace(self, problems=tuple(problems), status_code=status_of(error))


@get(NEW, guards=[requires("read")], include_in_schema=False)
async def new_replay(request: PageRequest) -> Response[Any]:
    """Show the dry run of a replay of this filter."""
    query, replay_form, plan = ListQuery.from_request(request), ReplayForm(), None
    if (redirect := query.redirect_with_offsets(request)) is not None:
        return redirect
    try:
        params = request.query_params
        plan = await _plan(request, query, params.get("up_to") or None, params.get("frozen_at"))
    except (InvalidInput, NotFound) as error:
        replay_form = replay_form.with_problem(error)
    return await _form_page(request, query, plan, replay_form)


@form_post(REPLAYS, "operate")
async def start(request: PageRequest) -> Response[Any]:
    """Start the replay if it is confirmed as its size requires; else show the dry run with what is missing."""
    form = await read_form(request, _FIELDS)
    query, replay_form, plan = ListQuery.parse(form, NEW), ReplayForm.from_form(form), None
    try:
        plan = await _plan(request, query, form.text("up_to"), form.text("frozen_at"))
        _parse_rate(replay_form.pace)
        match _still_to_confirm(plan, form):
            case Confirmation.NONE:
                replay = await _start(request, plan, replay_form)
                return redirect_with_flash(
                    request, Flash("success", "Replay started."), f"{REPLAYS}/{replay.id}"
                )
            case Confirmation.DIALOG:
                return render_page(request, "replays/confirm.html", **_context(query, plan, replay_form))
            case Confirmation.NUMBER:
                number = f"{plan.total.value:,}"
                unconfirmed = InvalidInput.of("typed", f"Type {number} to confirm.")
                return await _form_page(request, query, plan, replay_form.with_problem(unconfirmed))
    except (InvalidInput, NotFound, Conflict) as error:
        return await _form_page(request, query, plan, replay_form.with_problem(error))


async def _plan(request: PageRequest, query: ListQuery, up_to: str | None, frozen_at: str | None) -> Plan:
    """Return the dry run, for the snapshot of the previous page if there is one."""
    if query.filters is None:
        raise InvalidInput(query.problems)
    return await runtime_of(request).replays.plan(query.filters, up_to, _parse_time(frozen_at))


async def _start(request: PageRequest, plan: Plan, replay_form: ReplayForm) -> ReplayView:
    start = runtime_of(request).replays.start
    return await start(
        plan, actor=actor_of(request), reason=replay_form.reason or None, pace=_parse_rate(replay_form.pace)
    )


def _still_to_confirm(plan: Plan, form: Form) -> Confirmation:
    """Return the confirmation that is missing. `shown` is the number on the page; the snapshot can only shrink."""
    required = confirmation_for(plan.total.value)
    shown = form.get("shown", "")
    number = int(shown) if shown.isascii() and shown.isdigit() else 0
    match required:
        case Confirmation.DIALOG if "confirmed" in form:
            return Confirmation.NONE
        case Confirmation.NUMBER if number >= plan.total.value and is_number(form.get("typed", ""), number):
            return Confirmation.NONE
        case _:
            return required


async def _form_page(
    request: PageRequest, query: ListQuery, plan: Plan | None, replay_form: ReplayForm
) -> Template:
    endpoint_ids = [endpoint_id for endpoint_id, _, _ in plan.endpoints] if plan else []
    circuit_views = await runtime_of(request).queries.circuits.by_ids(endpoint_ids)
    circuits = {view.endpoint_id: view for view in circuit_views}
    return render_page(
        request,
        "replays/new.html",
        status_code=replay_form.status_code,
        **_context(query, plan, replay_form, circuits),
        **await filter_options(request, query),
    )


def _context(
    query: ListQuery,
    plan: Plan | None,
    replay_form: ReplayForm,
    circuits: dict[str, CircuitView] | None = None,
) -> dict[str, Any]:
    problems = {problem.field: problem_text(problem) for problem in replay_form.problems}
    return {
        "query": query,
        "confirmation": None if plan is None else confirmation_for(plan.total.value),
        "circuits": circuits or {},
        "fastest": MAX_PACE,
        "waiting_count": 0
        if plan is None
        else sum(n for id_, _, n in plan.endpoints if _waits((circuits or {}).get(id_))),
        "duration": None
        if plan is None or not _is_valid_rate(replay_form.pace)
        else estimate_duration(plan.total.value, _parse_rate(replay_form.pace)),
        "plan": plan,
        "problems": problems,
        "shown_endpoints": _SHOWN_ENDPOINTS,
        "form": replay_form,
    }


def _waits(circuit: CircuitView | None) -> bool:
    """Return whether deliveries to this endpoint wait now: it is paused or disabled, or its circuit is not closed."""
    if circuit is None:
        return False
    return (
        circuit.on_hold
        or circuit.state is not CircuitState.CLOSED
        or circuit.endpoint_state is not EndpointState.ENABLED
    )


def _parse_rate(text: str) -> float:
    """Return a rate in deliveries per second. Raises InvalidInput."""
    if not _is_valid_rate(text):
        raise InvalidInput.of(
            "pace",
            f"Invalid rate. Use deliveries per second, for example 50; the maximum is {MAX_PACE:,.0f}.",
        )
    return float(text)


def _is_valid_rate(text: str) -> bool:
    try:
        return 0 < float(text) <= MAX_PACE
    except ValueError:
        return False


def _parse_time(text: str | None) -> float | None:
    try:
        time = float(text) if text else None
    except ValueError:
        time = math.nan
    if time is not None and not math.isfinite(time):
        raise InvalidInput.of("frozen_at", "is not a valid time. Leave it out for a new dry run.")
    return time


HANDLERS: Final = [new_replay, start]
