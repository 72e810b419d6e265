"""The pages of the endpoints, and the actions on one endpoint."""

import json
from typing import Any, Final

from litestar import get
from litestar.params import FromPath
from litestar.response import Response, Template

from breakwater.core.delivery.intake import NewMessage
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.text.format import pluralize
from breakwater.web.pages.charts.circuit_marks import without_probes
from breakwater.web.pages.first_webhook import first_webhook
from breakwater.web.pages.forms import read_form
from breakwater.web.pages.lane_list import load_lane_list
from breakwater.web.pages.reply import (
    Flash,
    PageRequest,
    actor_of,
    redirect_with_flash,
    render_page,
    respond_with_flash,
    respond_with_problem,
    run_action,
    runtime_of,
)
from breakwater.web.pages.shown_once import ShownOnce, redirect_to_secret
from breakwater.web.pages.submissions import form_post
from breakwater.web.pages.traffic import MAX_CHANGES, load_charts
from breakwater.web.security.guards import requires

ENDPOINTS: Final = "/endpoints"
TEST_EVENT: Final = "breakwater.test"
_RECENT: Final = 10


@get(ENDPOINTS, guards=[requires("read")], include_in_schema=False)
async def endpoints(request: PageRequest) -> Template:
    """List the endpoints with their traffic of the last hour."""
    query, page = await load_lane_list(request, runtime_of(request).queries.endpoints.list)
    return render_page(
        request,
        "endpoints/list.html",
        live=("endpoints", "circuits", "deliveries"),
        query=query,
        page=page,
        first_webhook=first_webhook(request),
    )


@get(f"{ENDPOINTS}/{{endpoint_id:str}}", guards=[requires("read")], include_in_schema=False)
async def endpoint(request: PageRequest, endpoint_id: FromPath[str]) -> Template:
    """Show one endpoint: circuit, traffic, latest deliveries and settings."""
    queries = runtime_of(request).queries
    try:
        summary = await queries.endpoints.get(endpoint_id)
    except NotFound:
        return await _deleted(request, endpoint_id)
    latest = await queries.deliveries.list(DeliveryFilter(endpoint_id=endpoint_id), limit=_RECENT)
    changes = await queries.circuits.transitions(endpoint_id, limit=MAX_CHANGES)
    return render_page(
        request,
        "endpoints/one.html",
        live=(f"endpoints:{endpoint_id}", f"circuits:{endpoint_id}", "deliveries"),
        summary=summary,
        endpoint=summary.endpoint,
        circuit=summary.circuit,
        transitions=without_probes(changes)[:_RECENT],
        charts=await load_charts(
            request,
            summary.traffic,
            changes,
            endpoint_id,
            longest_ms=1_000 * summary.endpoint.timeout_seconds,
        ),
        latest=latest.items,
    )


async def _deleted(request: PageRequest, endpoint_id: str) -> Template:
    """Show the history of a deleted endpoint. Its deliveries and audit entries still link here."""
    queries = runtime_of(request).queries
    deleted = await queries.endpoints.get_deleted(endpoint_id)
    latest = await queries.deliveries.list(DeliveryFilter(endpoint_id=endpoint_id), limit=_RECENT)
    changes = await queries.circuits.transitions(endpoint_id, limit=MAX_CHANGES)
    return render_page(
        request,
        "endpoints/deleted.html",
        deleted=deleted,
        endpoint=deleted.endpoint,
        transitions=without_probes(changes)[:_RECENT],
        charts=await load_charts(
            request,
            deleted.traffic,
            changes,
            endpoint_id,
            longest_ms=1_000 * deleted.endpoint.timeout_seconds,
        ),
        latest=latest.items,
    )


@form_post(f"{ENDPOINTS}/{{endpoint_id:str}}/pause", "operate")
async def pause(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Pause an endpoint."""
    form = await read_form(request, {"reason"})
    work = runtime_of(request).operations.endpoints.pause(
        endpoint_id, actor=actor_of(request), reason=form.text("reason")
    )
    return await run_action(request, work, back=f"{ENDPOINTS}/{endpoint_id}")


@form_post(f"{ENDPOINTS}/{{endpoint_id:str}}/resume", "operate")
async def resume(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Resume an endpoint."""
    await read_form(request)
    work = runtime_of(request).operations.endpoints.resume(endpoint_id, actor=actor_of(request))
    return await run_action(request, work, back=f"{ENDPOINTS}/{endpoint_id}")


@form_post(f"{ENDPOINTS}/{{endpoint_id:str}}/ping", "operate")
async def ping(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Send a test message to one endpoint."""
    await read_form(request)
    back = f"{ENDPOINTS}/{endpoint_id}"
    try:
        return respond_with_flash(request, await _ping(request, endpoint_id), back=back)
    except (Conflict, InvalidInput, NotFound, StoreUnavailable) as problem:
        return respond_with_problem(request, problem, back=back)


async def _ping(request: PageRequest, endpoint_id: str) -> Flash:
    runtime = runtime_of(request)
    payload = json.dumps({"test": True, "sent_by": actor_of(request)}).encode()
    accepted = await runtime.intake.accept(NewMessage(TEST_EVENT, payload, endpoint_ids=(endpoint_id,)))
    ((delivery_id, _),) = accepted.deliveries
    (row,) = await runtime.queries.deliveries.by_ids((delivery_id,))
    message = "Test is on hold." if row.held else "Test sent."
    return Flash("success", message, f"/deliveries/{delivery_id}", "View delivery")


@form_post(f"{ENDPOINTS}/{{endpoint_id:str}}/rotate-secret", "admin")
async def rotate_secret(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Rotate the signing secret and show the new one once, and say whether the old one still signs."""
    await read_form(request)
    runtime = runtime_of(request)
    try:
        secret = await runtime.endpoints.rotate_secret(endpoint_id, actor=actor_of(request))
    except (Conflict, NotFound, StoreUnavailable) as problem:
        return respond_with_problem(request, problem, back=f"{ENDPOINTS}/{endpoint_id}")
    endpoint = await runtime.endpoints.get(endpoint_id)
    secret_page = ShownOnce(
        kind="secret",
        id=endpoint_id,
        name=endpoint.name,
        text=secret,
        rotated=True,
        overlaps=endpoint.signature.signs_with_both,
    )
    return redirect_to_secret(request, secret_page)


@form_post(f"{ENDPOINTS}/{{endpoint_id:str}}/delete", "admin")
async def delete(request: PageRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Delete an endpoint. Its pending deliveries are cancelled; its history is kept."""
    form = await read_form(request, {"reason"})
    try:
        endpoint = await runtime_of(request).endpoints.get(endpoint_id)
        cancelled = await runtime_of(request).endpoints.delete(
            endpoint_id, actor=actor_of(request), reason=form.text("reason")
        )
    except (Conflict, NotFound, StoreUnavailable) as problem:
        return respond_with_problem(request, problem, back=ENDPOINTS)
    return redirect_with_flash(
        request,
        Flash("success", f"{endpoint.name} deleted. {pluralize(cancelled, 'pending delivery')} cancelled."),
        ENDPOINTS,
    )


HANDLERS: Final = [endpoints, endpoint, pause, resume, ping, rotate_secret, delete]
