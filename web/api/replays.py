"""Replays (bulk resends): dry run, start, list, show, pause, resume and cancel."""

import re
from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from breakwater.core.domain.errors import FieldProblem, InvalidInput
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.web.api.parameters import (
    LIMIT,
    ApiRequest,
    actor_of,
    checked_id,
    limit_of,
    parameters,
    runtime_of,
)
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema import replays as schema
from breakwater.web.api.schema.openapi import Parameter, documented
from breakwater.web.problems import BadRequest
from breakwater.web.security.guards import requires

_DELIVERY: Final = re.compile(bodies.DELIVERY_ID.strip("^$"))
_CURSOR: Final = Parameter(
    "cursor", "`next_cursor` of the previous page.", {"type": "string", "pattern": bodies.DELIVERY_ID}
)
_OPERATION: Final[dict[str, Any]] = documented({200: responses.OperationResult}, problems=(404, 409, 503))


@post(
    "/replays",
    guards=[requires("operate")],
    status_code=201,
    opt=documented(
        {200: schema.Plan, 201: schema.Replay},
        body=schema.NewReplay,
        problems=(404, 409, 413, 415, 422, 503),
    ),
)
async def create_replay(request: ApiRequest) -> Response[bytes]:
    """Resend all deliveries that match a filter, oldest first and rate-limited.

    With `dry_run` nothing is resent, and the response (200) describes what would be. Send its `up_to` and `frozen_at`
    to start a replay of the same deliveries. Only one replay can run for a filter at a time.
    """
    body = await bodies.read_body(request, schema.NewReplay)
    service = runtime_of(request).replays
    plan = await service.plan(_filter_of(body), _up_to(body.up_to), _frozen_at(body.frozen_at))
    if body.dry_run:
        return render.respond(schema.plan(plan))
    view = await service.start(plan, actor=actor_of(request), reason=bodies.reason_of(body), pace=body.pace)
    return render.respond(schema.replay(view), 201)


@get("/replays", guards=[requires("read")], opt=documented({200: responses.ListOf[schema.Replay]}))
async def list_replays(request: ApiRequest) -> Response[bytes]:
    """List the latest 100 replays, newest first."""
    parameters(request, ())
    return render.list_of([schema.replay(view) for view in await runtime_of(request).replays.all()])


@get(
    "/replays/{replay_id:str}",
    guards=[requires("read")],
    opt=documented({200: schema.Replay}, problems=(404,)),
)
async def one_replay(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """Get a replay and its progress."""
    view = await runtime_of(request).replays.get(checked_id("replay", replay_id))
    return render.respond(schema.replay(view))


@get(
    "/replays/{replay_id:str}/results",
    guards=[requires("read")],
    opt=documented({200: responses.ListOf[responses.Delivery]}, problems=(404,), parameters=(_CURSOR, LIMIT)),
)
async def replay_results(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """List the deliveries that a replay has resent, in the order of resending, with their current state.

    `payload`, `attempts` and `why` are empty here; get a single delivery to see them.
    """
    values = parameters(request, {"cursor", "limit"})
    after = values.get("cursor")
    if after is not None and not _DELIVERY.fullmatch(after):
        raise BadRequest.of("cursor", "is not a valid cursor of this list: start without a cursor")
    page = await runtime_of(request).replays.results(
        checked_id("replay", replay_id), after or "", limit_of(values)
    )
    return render.list_of([render.delivery_row(row) for row in page.items], page.next_cursor)


@post("/replays/{replay_id:str}/pause", guards=[requires("operate")], status_code=200, opt=_OPERATION)
async def pause_replay(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """Pause a replay."""
    pause = runtime_of(request).replays.pause
    return render.operation_result(await pause(checked_id("replay", replay_id), actor=actor_of(request)))


@post("/replays/{replay_id:str}/resume", guards=[requires("operate")], status_code=200, opt=_OPERATION)
async def resume_replay(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """Resume a paused replay."""
    resume = runtime_of(request).replays.resume
    return render.operation_result(await resume(checked_id("replay", replay_id), actor=actor_of(request)))


@post("/replays/{replay_id:str}/cancel", guards=[requires("operate")], status_code=200, opt=_OPERATION)
async def cancel_replay(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """Cancel a replay. Deliveries that it has not resent are skipped."""
    cancel = runtime_of(request).replays.cancel
    return render.operation_result(await cancel(checked_id("replay", replay_id), actor=actor_of(request)))


REPLAYS: Final = [
    create_replay,
    list_replays,
    one_replay,
    replay_results,
    pause_replay,
    resume_replay,
    cancel_replay,
]


def _filter_of(body: schema.NewReplay) -> DeliveryFilter:
    try:
        return DeliveryFilter.parse(body.filter.values())
    except InvalidInput as invalid:
        raise InvalidInput(
            [FieldProblem(f"filter.{problem.field}", problem.message) for problem in invalid.problems]
        ) from None


def _up_to(text: str | None) -> str | None:
    if text is not None and not _DELIVERY.fullmatch(text):
        raise InvalidInput.of("up_to", "is not a valid delivery id: use that of a dry run, or leave it out")
    return text


def _frozen_at(text: str | None) -> float | None:
    if text is None:
        return None
    return bodies.time_of("frozen_at", text, "use that of a dry run, or leave it out")
