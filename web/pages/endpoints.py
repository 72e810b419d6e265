"""Endpoints: all of them, one of them, and what an operator may do to one."""

import json
from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response, Template

from breakwater.core.delivery.intake import NewMessage
from breakwater.core.domain.errors import Conflict, NotFound, StoreUnavailable
from breakwater.core.operations.result import OperationResult
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.web.pages.charts.circuit_marks import without_probes
from breakwater.web.pages.first_webhook import first_webhook
from breakwater.web.pages.forms import read_form
from breakwater.web.pages.lane_list import asked_lanes
from breakwater.web.pages.reply import (
    Flash,
    PageRequest,
    actor_of,
    redirect_with_flash,
    render_page,
    respond_with_problem,
    run_action,
    runtime_of,
)
from breakwater.web.pages.traffic import MOST_MARKS, charted
from breakwater.web.security.guards import requires

ENDPOINTS: Final = "/endpoints"
TEST_EVENT: Final = "breakwater.test"
_RECENT: Final = 10


@get(ENDPOINTS, guards=[requires("read")], include_in_schema=False)
async def endpoints(request: PageRequest) -> Template:
    """List the endpoints with the traffic of their last hour."""
    asked, found = await asked_lanes(request, runtime_of(request).queries.endpoints.list)
    return render_page(
        request,
        "endpoints/list.html",
        live=("endpoints", "circuits", "deliveries"),
        asked=asked,
        found=found,
        first_webhook=first_webhook(request),
    )


@get(f"{ENDPOINTS}/{{endpoint_id:str}}", guards=[requires("read")], include_in_schema=False)
async def endpoint(request: PageRequest, endpoint_id: FromPath[str]) -> Template:
    """Show one endpoint: its circuit, its traffic, its latest deliveries, its settings."""
    queries = runtime_of(request).queries
    try:
        summary = await queries.endpoints.get(endpoint_id)
    except NotFound:
        return await _deleted(request, endpoint_id)
    latest = await queries.deliveries.list(DeliveryFilter(endpoint_id=endpoint_id), limit=_RECENT)
    changes = await queries.circuits.transitions(endpoint_id, limit=MOST_MARKS)
    return render_page(
        request,
        "endpoints/one.html",
        live=(f"endpoints:{endpoint_id}", f"circuits:{endpoint_id}", "deliveries"),
        summary=summary,
        endpoint=summary.endpoint,
        view=summary.circuit,
        transitions=without_probes(changes)[:_RECENT],
        charted=await charted(request, summary.traffic, changes, endpoint_id),
        latest=latest.items,
    )


async def _deleted(request: PageRequest, endpoint_id: str) -> Template:
    """Show what is left of an endpoint that was deleted: many deliveries and audit entries lead here."""
    queries = runtime_of(request).queries
    deleted = await queries.endpoints.get_deleted(endpoint_id)
    latest = await queries.deliveries.list(DeliveryFilter(endpoint_id=endpoint_id), limit=_RECENT)
    changes = await queries.circuits.transitions(endpoint_id, limit=MOST_MARKS)
    return render_page(
        request,
        "endpoints/deleted.html",
        deleted=deleted,
        endpoint=deleted.endpoint,
        transitions=without_probes(changes)[:_RECENT],
        charted=await charted(request, deleted.traffic, changes, endpoint_id),
        latest=latest.items,
    )


@post(f"{ENDPOINTS}/{{endpoint_id:str}}/pause", guards=[requires("operate")], include_in_schema=False)
async def pause(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Hold the endpoint's deliveries back."""
    form = await read_form(request, {"reason"})
    work = runtime_of(request).operations.endpoints.pause(
        endpoint_id, actor=actor_of(request), reason=form.text("reason")
    )
    return await run_action(request, work, back=f"{ENDPOINTS}/{endpoint_id}")


@post(f"{ENDPOINTS}/{{endpoint_id:str}}/resume", guards=[requires("operate")], include_in_schema=False)
async def resume(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Let the endpoint's deliveries out again."""
    await read_form(request)
    work = runtime_of(request).operations.endpoints.resume(endpoint_id, actor=actor_of(request))
    return await run_action(request, work, back=f"{ENDPOINTS}/{endpoint_id}")


@post(f"{ENDPOINTS}/{{endpoint_id:str}}/ping", guards=[requires("operate")], include_in_schema=False)
async def ping(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Send a test message to the endpoint alone."""
    await read_form(request)
    return await run_action(request, _ping(request, endpoint_id), back=f"{ENDPOINTS}/{endpoint_id}")


async def _ping(request: PageRequest, endpoint_id: str) -> OperationResult:
    runtime = runtime_of(request)
    payload = json.dumps({"test": True, "sent_by": actor_of(request)}).encode()
    await runtime.intake.accept(NewMessage(TEST_EVENT, payload, endpoint_ids=(endpoint_id,)))
    return OperationResult("A test message is on its way: it is the first of the latest deliveries.")


@post(f"{ENDPOINTS}/{{endpoint_id:str}}/rotate-secret", guards=[requires("admin")], include_in_schema=False)
async def rotate_secret(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Give the endpoint a new secret and show it this once; the old one signs too for a day."""
    await read_form(request)
    runtime = runtime_of(request)
    try:
        secret = await runtime.endpoints.rotate_secret(endpoint_id, actor=actor_of(request))
    except (Conflict, NotFound, StoreUnavailable) as problem:
        return respond_with_problem(request, problem, back=f"{ENDPOINTS}/{endpoint_id}")
    shown = await runtime.endpoints.get(endpoint_id)
    return render_page(request, "endpoints/secret.html", endpoint=shown, secret=secret, rotated=True)


@post(f"{ENDPOINTS}/{{endpoint_id:str}}/delete", guards=[requires("admin")], include_in_schema=False)
async def delete(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Delete the endpoint; what it still has pending is cancelled, its history stays."""
    form = await read_form(request, {"reason"})
    try:
        cancelled = await runtime_of(request).endpoints.delete(
            endpoint_id, actor=actor_of(request), reason=form.text("reason")
        )
    except (Conflict, NotFound, StoreUnavailable) as problem:
        return respond_with_problem(request, problem, back=ENDPOINTS)
    return redirect_with_flash(
        request, Flash("success", f"Deleted; {cancelled:,} pending deliveries are cancelled."), ENDPOINTS
    )


HANDLERS: Final = [endpoints, endpoint, pause, resume, ping, rotate_secret, delete]
