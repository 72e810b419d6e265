"""Forms: each rendered form carries a token, and is carried out once however often it is sent."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final
from urllib.parse import parse_qs

from litestar import Litestar, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from breakwater.core.lru_map import LruMap
from breakwater.web.pages.reply import PageRequest, is_failure, runtime_of
from breakwater.web.security.cookies import session_token
from breakwater.web.security.csrf import FORM_ID_FIELD
from breakwater.web.security.guards import requires

RUNS_ONCE: Final = "runs_once"
"""The option of a route whose forms are carried out once."""
MAX_SUBMISSIONS: Final = 500
"""Results that are remembered. A form that is sent twice is sent twice within seconds."""
KEPT_SECONDS: Final = 60.0
"""How long a result is remembered after it is known. A press after that is a new action."""

Result = Response[Any]
Handler = Callable[..., Awaitable[Result]]


@dataclass(slots=True)
class _Submission:
    task: asyncio.Task[Result]
    done_at: float | None = None
    """When its result was known; None while it is carried out."""


class Submissions:
    """The results of the latest forms in this process, by session, path and content with the token."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._submissions: LruMap[bytes, _Submission] = LruMap(MAX_SUBMISSIONS)

    async def run(self, key: bytes, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return the result of the first form with this key: it waits for one that is carried out now.

        A form that failed is forgotten, so that it can be sent again.
        """
        submission = self._submissions.get(key)
        if submission is None or self._is_expired(submission):
            submission = self._start(key, work)
        # A client that disconnects must not cancel what the same form, sent again, waits for.
        return await asyncio.shield(submission.task)

    def _is_expired(self, submission: _Submission) -> bool:
        return submission.done_at is not None and self._now() - submission.done_at >= KEPT_SECONDS

    def _start(self, key: bytes, work: Callable[[], Awaitable[Result]]) -> _Submission:
        submission = self._submissions[key] = _Submission(asyncio.ensure_future(_as_coroutine(work)))
        submission.task.add_done_callback(lambda _: self._finish(key, submission))
        return submission

    def _finish(self, key: bytes, submission: _Submission) -> None:
        task = submission.task
        submission.done_at = self._now()
        if task.cancelled() or task.exception() is not None or is_failure(task.result()):
            self._submissions.pop(key)


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
        submissions = _submissions_of(request.app, runtime_of(request).clock.now)
        return await submissions.run(key, lambda: handler(request, **values))

    return run


async def _key(request: PageRequest) -> bytes | None:
    """Return what identifies a rendered form with its content; None without a token, as programs send it."""
    body = await request.body()
    if not parse_qs(body.decode("latin-1")).get(FORM_ID_FIELD):
        return None
    # A page and a fragment are different responses to the same form.
    parts = (session_token(request) or "", request.url.path, request.headers.get("hx-request", ""))
    return hashlib.sha256("\0".join(parts).encode() + b"\0" + body).digest()


def _submissions_of(app: Litestar, now: Callable[[], float]) -> Submissions:
    submissions: Submissions = app.state.setdefault("submissions", Submissions(now))
    return submissions
