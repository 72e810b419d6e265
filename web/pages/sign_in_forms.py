"""Sign in, set a password with a sign-in code, sign out."""

from typing import Any, Final

from litestar import Request, post
from litestar.datastructures import Cookie
from litestar.response import Redirect, Response

from breakwater.core.accounts import Access, SignedIn, TooManyAttempts
from breakwater.core.accounts.people import PERSON_NAME_MAX
from breakwater.core.domain.errors import BreakwaterError, InvalidInput, Unauthorized
from breakwater.web.pages.forms import MAX_BYTES, Form, read_form
from breakwater.web.pages.reply import local_path
from breakwater.web.pages.sign_in import resume_page, sign_in_page, welcome_page
from breakwater.web.problems import problem_of
from breakwater.web.security.cookies import session_cookie, session_token
from breakwater.web.security.csrf import csrf_token
from breakwater.web.security.guards import PUBLIC
from breakwater.web.security.preserved_form import PreservedForm

_HOME: Final = "/"
_SIGN_IN: Final = "/sign-in"
_MAX_BYTES: Final = 4 * MAX_BYTES
"""The sign-in form can contain a preserved form, which is at most three times longer when encoded a second time."""
_SHOWN_CODE: Final = 100
"""Characters of a refused code that the form shows again."""
FormRequest = Request[Any, Any, Any]


@post(_SIGN_IN, opt=PUBLIC, include_in_schema=False, status_code=200)
async def sign_in(request: FormRequest) -> Response[Any]:
    """Start a session, or show the form again with the problem."""
    form = await read_form(
        request, {"name", "password", "next", "preserved", "preserved_path"}, max_bytes=_MAX_BYTES
    )
    name, password = form.get("name", ""), form.get("password", "")
    preserved, back = _preserved_form(form), local_path(form.get("next")) or _HOME
    try:
        signed_in = await _access(request).sign_in(name, password, **_client(request))
    except (Unauthorized, InvalidInput, TooManyAttempts) as error:
        problem, headers = problem_of(error)
        page = sign_in_page(
            request,
            problem=_problem_text(error),
            name=name if len(name) <= PERSON_NAME_MAX else "",
            status_code=problem.status,
            preserved=preserved,
            next_path=form.get("next"),
        )
        page.headers.update(headers)
        return page
    if preserved is None:
        return _start_session(request, signed_in, back)
    token, message = csrf_token(signed_in.token), f"You are signed in as {name}."
    resume = resume_page(request, preserved, csrf=token, message=message, back=back)
    resume.set_cookie(_cookie(request, signed_in))
    return resume


@post("/welcome", opt=PUBLIC, include_in_schema=False, status_code=200)
async def welcome(request: FormRequest) -> Response[Any]:
    """Set the password of the person whom the code was issued for, and start a session."""
    form = await read_form(request, {"code", "password"})
    code = form.get("code", "")
    try:
        signed_in = await _access(request).welcome(code, form.get("password", ""), **_client(request))
    except (InvalidInput, TooManyAttempts) as error:
        problem, headers = problem_of(error)
        page = welcome_page(
            request, problem=_problem_text(error), code=code[:_SHOWN_CODE], status_code=problem.status
        )
        page.headers.update(headers)
        return page
    return _start_session(request, signed_in, _HOME)


@post("/sign-out", include_in_schema=False, status_code=303)
async def sign_out(request: FormRequest) -> Redirect:
    """End the session, here and in the browser."""
    await _access(request).sessions.end(session_token(request) or "")
    return Redirect(_SIGN_IN, status_code=303, cookies=[session_cookie(request, "", 0)])


def _access(request: FormRequest) -> Access:
    access: Access = request.app.state.runtime.access
    return access


def _client(request: FormRequest) -> dict[str, str]:
    """Return the client's address and browser. The server applies a proxy's header only for a trusted proxy."""
    source = request.client.host if request.client else ""
    return {"source": source, "user_agent": request.headers.get("user-agent", "")}


def _preserved_form(form: Form) -> PreservedForm | None:
    """Return the form that is preserved during the sign-in. It is validated like any other input."""
    path = local_path(form.get("preserved_path"))
    return PreservedForm.read(path, form.get("preserved", "")) if path and "?" not in path else None


def _start_session(request: FormRequest, signed_in: SignedIn, to: str) -> Redirect:
    return Redirect(to, status_code=303, cookies=[_cookie(request, signed_in)])


def _cookie(request: FormRequest, signed_in: SignedIn) -> Cookie:
    seconds = signed_in.expires_at - request.app.state.runtime.clock.now()
    return session_cookie(request, signed_in.token, seconds)


def _problem_text(error: BreakwaterError) -> str:
    """Return the problem with the labels of the form instead of its field names."""
    if isinstance(error, InvalidInput):
        return " ".join(f"The {problem.field} {problem.message}." for problem in error.problems)
    return str(error)


AUTH_ROUTES: Final = [sign_in, welcome, sign_out]
