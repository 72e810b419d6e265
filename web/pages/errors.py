"""What went wrong, as a page that says what to do next, or in place when only a fragment was asked for."""

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
    render_page,
    status_of,
    wants_fragment,
)
from breakwater.web.pages.sign_in import resume_page, sign_in_page
from breakwater.web.security.cookies import session_token
from breakwater.web.security.csrf import csrf_token
from breakwater.web.security.preserved_form import preserved_form, sent_from

_TITLES: Final = {
    400: "This request cannot be read",
    401: "Nobody is signed in",
    403: "Your role does not reach this far",
    404: "There is nothing here",
    405: "That is not done this way",
    409: "It changed in the meantime",
    413: "This is too large",
    422: "Something in the form is wrong",
    429: "Too many tries",
    503: "The database cannot be reached",
}
_OWN_FAULT: Final = "Breakwater made a mistake. It is in the log; deliveries go on."


def error_page(request: PageRequest, exception: Exception) -> Response[Any]:
    """Render `exception` for a person. An unforeseen one says nothing of its inside."""
    status_code = status_of_exception(exception)
    sentence = _sentence(exception, status_code)
    if request.method != "GET" and wants_fragment(request):
        # An action from a page that stays as it is: said above it.
        return flash_fragment(Flash("error", sentence), status_code)
    headers = (
        {"Retry-After": f"{exception.retry_after:.0f}"} if isinstance(exception, StoreUnavailable) else {}
    )
    answer = render_page(
        request,
        "errors/error.html",
        status_code=status_code,
        title=_TITLES.get(status_code, "Breakwater made a mistake"),
        sentence=sentence,
        status=status_code,
    )
    answer.headers.update(headers)
    return answer


def preserved_form_page(request: PageRequest, exception: Exception) -> Template | None:
    """Return the page that keeps what was typed into a form whose session is over; None where there is nothing to keep.

    A part of a page that asks by itself has its form still, and is told as in `error_page`.
    """
    form = preserved_form(request)
    if form is None or local_path(form.path) is None or wants_fragment(request):
        return None
    back = local_path(sent_from(request)) or "/"
    if isinstance(exception, Unauthorized):
        return sign_in_page(request, status_code=401, kept=form, next_path=back)
    session = session_token(request)
    if session is None or not form or not form.had_token:
        return None
    sentence = "This form is from a session that is over."
    token = csrf_token(session)
    return resume_page(request, form, csrf=token, sentence=sentence, back=back, status_code=403)


def status_of_exception(exception: Exception) -> int:
    """Return the status code of any exception."""
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


def _sentence(exception: Exception, status_code: int) -> str:
    match exception:
        case BreakwaterError():
            return str(exception)
        case HTTPException() if status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return exception.detail
        case _:
            return _OWN_FAULT
