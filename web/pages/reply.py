"""Answering: a page, its live fragment, or what became of an action, with and without scripts alike."""

import base64
import binascii
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import msgspec
from litestar import Request
from litestar.datastructures import Cookie
from litestar.response import Redirect, Response, Template

from breakwater.core.accounts import Principal
from breakwater.core.domain.errors import BreakwaterError, Conflict, InvalidInput, NotFound, StoreUnavailable
from breakwater.core.runtime import Runtime
from breakwater.core.text.zones import zone_key
from breakwater.web.security.guards import principal_of, principal_or_none

PageRequest = Request[Any, Any, Any]
_COOKIE: Final = "said"
_MOST_SAID: Final = 1_000
"""Characters: a cookie has about 4,000 bytes."""
THEMES: Final = ("light", "dark")


class Flash(msgspec.Struct, frozen=True):
    """One sentence about what an action did, shown on the next page."""

    kind: Literal["done", "refused"]
    sentence: str


@dataclass(frozen=True, slots=True)
class OperationResult:
    """What an action of the pages themselves did; the engine's operations bring their own."""

    message: str


def runtime_of(request: PageRequest) -> Runtime:
    """Return the running service."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def actor_of(request: PageRequest) -> str:
    """Return who acts, as audit entries name them. Guards have made sure that somebody does."""
    principal: Principal = principal_of(request)
    return principal.actor


def wants_fragment(request: PageRequest) -> bool:
    """Return whether htmx asks: then the live part alone is the answer."""
    return request.headers.get("hx-request") == "true"


def page(
    request: PageRequest,
    template: str,
    *,
    live: Sequence[str] = (),
    status_code: int = 200,
    **context: object,
) -> Template:
    """Render the page of `template`, or only its live block when htmx asks.

    `live` are the hints that the page wants to hear: a topic, or `topic:subject`.
    """
    fragment = wants_fragment(request)
    said = context.pop("said", None) or (None if fragment else _said(request))
    forget = [_forgotten()] if _COOKIE in request.cookies and not fragment else []
    return Template(
        template,
        status_code=status_code,
        headers={"Vary": "HX-Request"},
        cookies=forget,
        context={
            "layout": "fragment.html" if fragment else "base.html",
            "here": here(request),
            "live_url": "/events?" + "&".join(f"on={quote(topic)}" for topic in live) if live else None,
            "now": runtime_of(request).clock.now(),
            "principal": principal_or_none(request),
            "said": said,
            "theme": theme_of(request),
            "zone": zone_key(),
            **context,
        },
    )


def here(request: PageRequest) -> str:
    """Return the path and query that were asked for."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def theme_of(request: PageRequest) -> str | None:
    """Return the theme that this browser chose; None follows the system."""
    chosen = request.cookies.get("theme")
    return chosen if chosen in THEMES else None


async def act(request: PageRequest, work: Awaitable[object], *, back: str) -> Response[Any]:
    """Do `work` and say what came of it: in place for htmx, else on the page that the form was on, or on `back`.

    `work` returns something with a `message`. What cannot be done is said in the same place, and nothing is lost.
    """
    try:
        outcome = await work
    except (Conflict, InvalidInput, NotFound, StoreUnavailable) as problem:
        return refused(request, problem, back=back)
    return answer(request, Flash("done", getattr(outcome, "message", "Done.")), back=back)


def refused(request: PageRequest, problem: BreakwaterError, *, back: str) -> Response[Any]:
    """Say why something cannot be done, and show the page as it is now."""
    return answer(request, Flash("refused", str(problem)), back=back, status_code=status_of(problem))


def answer(request: PageRequest, said: Flash, *, back: str, status_code: int = 200) -> Response[Any]:
    """Say something, and show the page as it is now."""
    if wants_fragment(request):
        return said_in_place(said, status_code)
    return Redirect(_came_from(request) or back, status_code=303, cookies=[_remembered(request, said)])


def said_in_place(said: Flash, status_code: int = 200) -> Template:
    """Say something above the page that is shown, and let the page fetch itself anew."""
    return Template(
        "said.html",
        status_code=status_code,
        headers={"HX-Trigger": "refresh", "Vary": "HX-Request"},
        context={"said": said},
    )


def moved(request: PageRequest, said: Flash, to: str) -> Response[Any]:
    """Say something on another page."""
    if wants_fragment(request):
        cookies = [_remembered(request, said)]
        return Response(None, status_code=200, headers={"HX-Redirect": to}, cookies=cookies)
    return Redirect(to, status_code=303, cookies=[_remembered(request, said)])


def status_of(problem: BreakwaterError) -> int:
    """Return the status code that says the same as `problem`."""
    match problem:
        case NotFound():
            return 404
        case Conflict():
            return 409
        case InvalidInput():
            return 422
        case StoreUnavailable():
            return 503
        case _:
            return 400


def local_path(text: str | None) -> str | None:
    """Return `text` if it is a path of this service, else None: never a way to another site."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")) or not text.isprintable():
        return None
    return text


def _came_from(request: PageRequest) -> str | None:
    came_from = urlsplit(request.headers.get("referer", ""))
    if came_from.netloc != request.headers.get("host") or came_from.path in {request.url.path, "/sign-in"}:
        return None  # what a form is sent to is no page, nor is the door that it may have been kept at
    return local_path(f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path)


def _remembered(request: PageRequest, said: Flash) -> Cookie:
    short = Flash(said.kind, said.sentence[:_MOST_SAID])
    return Cookie(
        key=_COOKIE,
        value=base64.urlsafe_b64encode(msgspec.json.encode(short)).decode().rstrip("="),
        max_age=60,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def _forgotten() -> Cookie:
    return Cookie(key=_COOKIE, value="", max_age=0, httponly=True, samesite="lax")


def _said(request: PageRequest) -> Flash | None:
    kept = request.cookies.get(_COOKIE)
    if not kept:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(kept + "=" * (-len(kept) % 4)), type=Flash)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
