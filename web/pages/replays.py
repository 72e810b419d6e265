"""The pages of the replays, and the actions pause, resume and cancel."""

from typing import Any, Final

from litestar import get
from litestar.params import FromPath
from litestar.response import Response, Template

from breakwater.core.replays.outcome_counts import UNCACHED_COUNT_LIMIT
from breakwater.web.pages.forms import read_form
from breakwater.web.pages.reply import PageRequest, actor_of, render_page, run_action, runtime_of
from breakwater.web.pages.submissions import form_post
from breakwater.web.security.guards import requires

REPLAYS: Final = "/replays"


@get(REPLAYS, guards=[requires("read")], include_in_schema=False)
async def replays(request: PageRequest) -> Template:
    """List the latest replays."""
    return render_page(
        request, "replays/list.html", live=("replays",), replays=await runtime_of(request).replays.all()
    )


@get(f"{REPLAYS}/{{replay_id:str}}", guards=[requires("read")], include_in_schema=False)
async def replay(request: PageRequest, replay_id: FromPath[str]) -> Template:
    """Show a replay with its progress and its results."""
    service = runtime_of(request).replays
    after = request.query_params.get("after", "")
    return render_page(
        request,
        "replays/one.html",
        live=(f"replays:{replay_id}", "deliveries"),
        replay=await service.get(replay_id),
        results=await service.results(replay_id, after),
        after=after,
        always_counted=UNCACHED_COUNT_LIMIT,
    )


@form_post(f"{REPLAYS}/{{replay_id:str}}/pause", "operate")
async def pause(request: PageRequest, replay_id: FromPath[str]) -> Response[Any]:
    """Pause a replay."""
    await read_form(request)
    work = runtime_of(request).replays.pause(replay_id, actor=actor_of(request))
    return await run_action(request, work, back=f"{REPLAYS}/{replay_id}")


@form_post(f"{REPLAYS}/{{replay_id:str}}/resume", "operate")
async def resume(request: PageRequest, replay_id: FromPath[str]) -> Response[Any]:
    """Resume a paused replay."""
    await read_form(request)
    work = runtime_of(request).replays.resume(replay_id, actor=actor_of(request))
    return await run_action(request, work, back=f"{REPLAYS}/{replay_id}")


@form_post(f"{REPLAYS}/{{replay_id:str}}/cancel", "operate")
async def cancel(request: PageRequest, replay_id: FromPath[str]) -> Response[Any]:
    """Cancel a replay. Deliveries that it has not resent yet are skipped."""
    await read_form(request)
    work = runtime_of(request).replays.cancel(replay_id, actor=actor_of(request))
    return await run_action(request, work, back=f"{REPLAYS}/{replay_id}")


HANDLERS: Final = [replays, replay, pause, resume, cancel]
