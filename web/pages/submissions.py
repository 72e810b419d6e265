"""Forms: each rendered form carries a token, and is carried out once however often it is sent."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import parse_qs

from litestar import Litestar, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from breakwater.core.lru_map import LruMap
from breakwater.web.pages.reply import PageRequest
from breakwater.web.security.cookies import session_token
from breakwater.web.security.csrf import FORM_ID_FIELD
from breakwater.web.security.guards import requires

RUNS_ONCE: Final = "runs_once"
"""The option of a route whose forms are carried out once."""
MAX_SUBMISSIONS: Final = 500
"""Results that are remembered. A form that is sent twice is sent twice within seconds."""
_MAX_SUCCESS: Final = 399

Result = Response[Any]
Handler = Callable[..., Awaitable[Result]]


class Submissions:
    """The results of the latest forms in this process, by session, path and content with the token."""

    def __init__(self) -> None:
        self._results: LruMap[bytes, asyncio.Task[Result]] = LruMap(MAX_SUBMISSIONS)

    async def run(self, key: bytes, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return the result of the first form with this key: it waits for one that is carried out now.

        A form that failed is forgotten, so that it can be sent again.
        """
        task = self._results.get(key)
        if task is None:
            task = self._results[key] = asyncio.ensure_future(_as_coroutine(work))
            task.add_done_callback(lambda done: self._forget_failure(key, done))
        # A client that disconnects must not cancel what the same form, sent again, waits for.
        return await asyncio.shield(task)

    def _forget_failure(self, key: bytes, task: asyncio.Task[Result]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if failed or (task.result().status_code or 0) > _MAX_SUCCESS:
            self._results.pop(key)


async def _as_coroutine(work: Callable[[], Awaitable[Result]]) -> Result:
    return await work()


def form_post(path: str, scope: str) -> Callable[[Handler], HTTPRouteHandler]:
    """Return the decorator of a handler for the forms of pages: they need `scope`, and each is carried out once."""

    def decorate(handler: Handler) -> HTTPRouteHandler:
        return post(
            path, guards=[requires(scope)], status_code=200, include_in_schema=False, opt={RUNS_ONCE: True}
        )(_once(handler))

    return decorate


def _once(handler: Handler) -> Handler:
    @wraps(handler)
    async def run(request: PageRequest, **values: object) -> Result:
        key = await _key(request)
        if key is None:
            return await handler(request, **values)
        return await _submissions_of(request.app).run(key, lambda: handler(request, **values))

    return run


async def _key(request: PageRequest) -> bytes | None:
    """Return what identifies a rendered form with its content; None without a token, as programs send it."""
    body = await request.body()
    if not parse_qs(body.decode("latin-1")).get(FORM_ID_FIELD):
        return None
    # A page and a fragment are different responses to the same form.
    parts = (session_token(request) or "", request.url.path, request.headers.get("hx-request", ""))
    return hashlib.sha256("\0".join(parts).encode() + b"\0" + body).digest()


def _submissions_of(app: Litestar) -> Submissions:
    submissions: Submissions = app.state.setdefault("submissions", Submissions())
    return submissions
