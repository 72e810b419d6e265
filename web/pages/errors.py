"""Errors as pages, or as a message in place when htmx requested a fragment."""

from http import HTTPStatus
from typing import Any, Final

from litestar.exceptions import HTTPException
from litestar.response import Response, Template

from breakwater.core.domain.errors import (
    BreakwaterError,
    Forbidden,
    StoreUnavailable,
    Unauthorized,
)
from breakwater.web.pages.reply import (
    Flash,
    PageRequest,
    flash_fragment,
    local_path,
    problem_message,
    render_page,
    status_of,
    wants_fragment,
)
from breakwater.web.pages.sign_in import resume_page, sign_in_page
from breakwater.web.security.cookies import session_token
from breakwater.web.security.csrf import csrf_token
from breakwater.web.security.preserved_form import preserved_form, sent_from

_TITLES: Final = {
    400: "Invalid request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    422: "Invalid input",
    429: "Too many requests",
    503: "Database unavailable",
}
_INTERNAL_ERROR: Final = "Internal error; see the service log. Deliveries continue."


def error_page(request: PageRequest, exception: Exception) -> Response[Any]:
    """Render `exception` as a page. An unexpected one shows no internals."""
    status_code = status_of_exception(exception)
    message = _message(exception, status_code)
    if request.method != "GET" and wants_fragment(request):
        # An action of a page that stays open: show the error above it.
        return flash_fragment(Flash("error", message), status_code)
    headers = (
        {"Retry-After": f"{exception.retry_after:.0f}"} if isinstance(exception, StoreUnavailable) else {}
    )
    response = render_page(
        request,
        "errors/error.html",
        status_code=status_code,
        title=_TITLES.get(status_code, "Internal error"),
        message=message,
        status=status_code,
    )
    response.headers.update(headers)
    return response


def preserved_form_page(request: PageRequest, exception: Exception) -> Template | None:
    """Return the page that preserves the form of an ended session; None when there is no form to preserve.

    A request by htmx leaves the form on its page, so it gets a message from `error_page` instead.
    """
    form = preserved_form(request)
    if form is None or local_path(form.path) is None or wants_fragment(request):
        return None
    back = local_path(sent_from(request)) or "/"
    if isinstance(exception, Unauthorized):
        return sign_in_page(request, status_code=401, preserved=form, next_path=back)
    session = session_token(request)
    if session is None or not form or not form.had_token:
        return None
    message = "The session of this form has ended."
    token = csrf_token(session)
    return resume_page(request, form, csrf=token, message=message, back=back, status_code=403)


def status_of_exception(exception: Exception) -> int:
    """Return the HTTP status code for `exception`."""
    match exception:
        case HTTPException():
            return exception.status_code
        case Unauthorized():
            return 401
        case Forbidden():
            return 403
        case BreakwaterError():
            return status_of(exception)
        case _:
            return 500


def _message(exception: Exception, status_code: int) -> str:
    match exception:
        case BreakwaterError():
            return problem_message(exception)
        case HTTPException() if status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return exception.detail
        case _:
            return _INTERNAL_ERROR
