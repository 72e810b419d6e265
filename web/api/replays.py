"""Replays: bulk resends, tried as a dry run, started, watched, paused, resumed and cancelled."""

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
    identified,
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
    "cursor", "`next_cursor` of the page before.", {"type": "string", "pattern": bodies.DELIVERY_ID}
)
_TURNED: Final[dict[str, Any]] = documented({200: responses.OperationResult}, problems=(404, 409, 503))


@post(
    "/replays",
    guards=[requires("operate")],
    status_code=201,
    opt=documented(
        {200: schema.Plan, 201: schema.Replay},
        body=schema.NewReplay,
        problems=(404, 409, 413, 422, 503),
    ),
)
async def create_replay(request: ApiRequest) -> Response[bytes]:
    """Resend all deliveries that match a filter, oldest first, at a pace.

    With `dry_run` nothing is resent: the answer (200) says what would be. Give its `up_to` and `frozen_at` to the real
    one, and it covers just what the dry run did, less what has changed since. One filter has one replay at a time.
    """
    body = await bodies.read_body(request, schema.NewReplay)
    service = runtime_of(request).replays
    plan = await service.plan(_filter_of(body), _up_to(body.up_to), _frozen_at(body.frozen_at))
    if body.dry_run:
        return render.answer(schema.plan(plan))
    started = await service.start(
        plan, actor=actor_of(request), reason=bodies.reason_of(body), pace=body.pace
    )
    return render.answer(schema.replay(started), 201)


@get("/replays", guards=[requires("read")], opt=documented({200: responses.ListOf[schema.Replay]}))
async def list_replays(request: ApiRequest) -> Response[bytes]:
    """List the latest replays (100 at most), newest first."""
    parameters(request, ())
    return render.list_of([schema.replay(each) for each in await runtime_of(request).replays.all()])


@get(
    "/replays/{replay_id:str}",
    guards=[requires("read")],
    opt=documented({200: schema.Replay}, problems=(404,)),
)
async def one_replay(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """Look at a replay and its progress."""
    view = await runtime_of(request).replays.get(identified("replay", replay_id))
    return render.answer(schema.replay(view))


@get(
    "/replays/{replay_id:str}/results",
    guards=[requires("read")],
    opt=documented({200: responses.ListOf[responses.Delivery]}, problems=(404,), parameters=(_CURSOR, LIMIT)),
)
async def replay_results(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """List what a replay has resent, as each delivery stands now, in the order of resending.

    `payload`, `attempts` and `why` are left empty here: ask for the one delivery.
    """
    values = parameters(request, {"cursor", "limit"})
    after = values.get("cursor")
    if after is not None and not _DELIVERY.fullmatch(after):
        raise BadRequest.of("cursor", "is no cursor of this list: begin again without one")
    page = await runtime_of(request).replays.results(
        identified("replay", replay_id), after or "", limit_of(values)
    )
    return render.list_of([render.delivery_row(row) for row in page.items], page.next_cursor)


@post("/replays/{replay_id:str}/pause", guards=[requires("operate")], status_code=200, opt=_TURNED)
async def pause_replay(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """Stop a replay for a while."""
    pause = runtime_of(request).replays.pause
    return render.done(await pause(identified("replay", replay_id), actor=actor_of(request)))


@post("/replays/{replay_id:str}/resume", guards=[requires("operate")], status_code=200, opt=_TURNED)
async def resume_replay(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """Go on where a replay was paused."""
    resume = runtime_of(request).replays.resume
    return render.done(await resume(identified("replay", replay_id), actor=actor_of(request)))


@post("/replays/{replay_id:str}/cancel", guards=[requires("operate")], status_code=200, opt=_TURNED)
async def cancel_replay(request: ApiRequest, replay_id: FromPath[str]) -> Response[bytes]:
    """End a replay: what it resent stays resent, the rest is not touched."""
    cancel = runtime_of(request).replays.cancel
    return render.done(await cancel(identified("replay", replay_id), actor=actor_of(request)))


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
        raise InvalidInput.of("up_to", "is no id of a delivery: take it from a dry run, or leave it out")
    return text


def _frozen_at(text: str | None) -> float | None:
    if text is None:
        return None
    return bodies.time_of("frozen_at", text, "take it from a dry run, or leave it out")
