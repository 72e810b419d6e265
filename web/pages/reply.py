"""Responses of the pages: a page, its live fragment, or the result of an action, with scripts and without."""

import base64
import binascii
from collections.abc import Awaitable, Sequence
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import msgspec
from litestar import Request
from litestar.datastructures import Cookie
from litestar.response import Redirect, Response, Template

from breakwater.core.accounts import Principal
from breakwater.core.domain.errors import (
    BreakwaterError,
    Conflict,
    InvalidInput,
    LimitReached,
    NotFound,
    StoreUnavailable,
)
from breakwater.core.operations.result import OperationResult
from breakwater.core.runtime import Runtime
from breakwater.core.text.zones import zone_key
from breakwater.web.pages.problems import problem_text
from breakwater.web.security.cookies import message_cookie
from breakwater.web.security.guards import principal_of, principal_or_none

PageRequest = Request[Any, Any, Any]
_FLASH_COOKIE: Final = "flash"
_FLASH_SECONDS: Final = 60
_MAX_SUCCESS: Final = 399
_MAX_FLASH_LENGTH: Final = 1_000
"""Characters: a cookie has about 4,000 bytes."""
THEMES: Final = ("light", "dark")


class Flash(msgspec.Struct, frozen=True):
    """The result of an action in one message, shown once on the next page."""

    kind: Literal["success", "error"]
    message: str
    link_url: str | None = None
    """A path of this service that the message leads to."""
    link_label: str = ""


def runtime_of(request: PageRequest) -> Runtime:
    """Return the running service."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def actor_of(request: PageRequest) -> str:
    """Return the name of the signed-in principal as audit entries write it. Guards ensure that there is one."""
    principal: Principal = principal_of(request)
    return principal.actor


def is_sent_form(request: PageRequest) -> bool:
    """Return whether the script of a page sent a form, and shows the response in place of the page's content."""
    return request.headers.get("hx-target") == "main"


def wants_fragment(request: PageRequest) -> bool:
    """Return whether the request comes from htmx, which needs the live block alone."""
    return request.headers.get("hx-request") == "true"


def render_page(
    request: PageRequest,
    template: str,
    *,
    live: Sequence[str] = (),
    status_code: int = 200,
    **context: object,
) -> Template:
    """Render the page of `template`, or only its live block for htmx.

    `live` are the changes on which the page refreshes: a topic, or `topic:subject`.
    """
    fragment = wants_fragment(request)
    flash = None if fragment else _read_flash(request)
    cookies = [_expired_flash_cookie(request)] if _FLASH_COOKIE in request.cookies and not fragment else []
    return Template(
        template,
        status_code=status_code,
        headers={"Vary": "HX-Request"},
        cookies=cookies,
        context={
            "layout": _layout(request),
            "current_url": path_and_query(request),
            "live_url": "/events?" + "&".join(f"on={quote(topic)}" for topic in live) if live else None,
            "now": runtime_of(request).clock.now(),
            "principal": principal_or_none(request),
            "flash": flash,
            "theme": theme_of(request),
            "zone": zone_key(),
            **context,
        },
    )


def _layout(request: PageRequest) -> str:
    if not wants_fragment(request):
        return "base.html"
    return "main.html" if is_sent_form(request) else "fragment.html"


def path_and_query(request: PageRequest) -> str:
    """Return the requested path with its query."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def theme_of(request: PageRequest) -> str | None:
    """Return the theme chosen in this browser; None follows the system."""
    theme = request.cookies.get("theme")
    return theme if theme in THEMES else None


async def run_action(request: PageRequest, action: Awaitable[OperationResult], *, back: str) -> Response[Any]:
    """Await `action` and show its result: in place for htmx, else on the page that has the form, or on `back`."""
    try:
        result = await action
    except (Conflict, InvalidInput, NotFound, StoreUnavailable) as problem:
        return respond_with_problem(request, problem, back=back)
    return respond_with_flash(request, Flash("success", result.message), back=back)


def respond_with_problem(request: PageRequest, problem: BreakwaterError, *, back: str) -> Response[Any]:
    """Show why an action failed, and the page in its current state."""
    return respond_with_flash(
        request, Flash("error", problem_message(problem)), back=back, status_code=status_of(problem)
    )


def respond_with_flash(
    request: PageRequest, flash: Flash, *, back: str, status_code: int = 200
) -> Response[Any]:
    """Show a message and the current page: in place for htmx, else by a redirect to the page that has the form."""
    page = _referring_page(request) or back
    if is_sent_form(request) and flash.kind == "success":
        return redirect_with_flash(request, flash, page)
    if wants_fragment(request):
        return flash_fragment(flash, status_code)
    return Redirect(page, status_code=303, cookies=[_flash_cookie(request, flash)])


def flash_fragment(flash: Flash, status_code: int = 200) -> Template:
    """Show a message above the current page, and make the page refresh its live block."""
    return Template(
        "flash.html",
        status_code=status_code,
        headers={"HX-Trigger": "refresh", "Vary": "HX-Request"},
        context={"flash": flash},
    )


def redirect_with_flash(request: PageRequest, flash: Flash, to: str) -> Response[Any]:
    """Show a message on another page."""
    return redirect(request, to, cookies=[_flash_cookie(request, flash)])


def redirect(request: PageRequest, to: str, *, cookies: list[Cookie]) -> Response[Any]:
    """Lead to another page: by a script for htmx, else by a redirect."""
    if wants_fragment(request):
        return Response(None, status_code=200, headers={"HX-Redirect": to}, cookies=cookies)
    return Redirect(to, status_code=303, cookies=cookies)


def problem_message(problem: BreakwaterError) -> str:
    """Return `problem` in words. An invalid input names the label of its field, not its name in the API."""
    if isinstance(problem, InvalidInput):
        return " ".join(map(problem_text, problem.problems))
    return str(problem)


def status_of(problem: BreakwaterError) -> int:
    """Return the HTTP status code for `problem`."""
    match problem:
        case NotFound():
            return 404
        case Conflict():
            return 409
        case InvalidInput():
            return 422
        case LimitReached():
            return 429
        case StoreUnavailable():
            return 503
        case _:
            return 400


def local_path(text: str | None) -> str | None:
    """Return `text` if it is a path of this service, else None: no redirect may lead to another site."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")) or not text.isprintable():
        return None
    return text


def _referring_page(request: PageRequest) -> str | None:
    referer = urlsplit(request.headers.get("referer", ""))
    if referer.netloc != request.headers.get("host") or referer.path in {request.url.path, "/sign-in"}:
        # The target of a form is not a page. The sign-in page may have resumed a form of an ended session.
        return None
    return local_path(f"{referer.path}?{referer.query}" if referer.query else referer.path)


def _flash_cookie(request: PageRequest, flash: Flash) -> Cookie:
    short = msgspec.structs.replace(flash, message=flash.message[:_MAX_FLASH_LENGTH])
    value = base64.urlsafe_b64encode(msgspec.json.encode(short)).decode().rstrip("=")
    return message_cookie(request, _FLASH_COOKIE, value, _FLASH_SECONDS)


def _expired_flash_cookie(request: PageRequest) -> Cookie:
    return message_cookie(request, _FLASH_COOKIE, "", 0)


def is_failure(response: Response[Any]) -> bool:
    """Return whether an action failed, by its response: the status, or the message that a redirect carries."""
    if (response.status_code or 0) > _MAX_SUCCESS:
        return True
    flashes = [_decode_flash(cookie.value) for cookie in response.cookies if cookie.key == _FLASH_COOKIE]
    return any(flash is not None and flash.kind == "error" for flash in flashes)


def _read_flash(request: PageRequest) -> Flash | None:
    return _decode_flash(request.cookies.get(_FLASH_COOKIE))


def _decode_flash(encoded: str | None) -> Flash | None:
    if not encoded:
        return None
    try:
        flash = msgspec.json.decode(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), type=Flash)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    # A cookie can be forged, so its link is checked like any other path.
    return msgspec.structs.replace(flash, link_url=local_path(flash.link_url))
