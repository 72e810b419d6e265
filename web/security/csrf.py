"""The doors: sign in, set a password by a code, sign out."""

from typing import Any, Final

from litestar import Request, post
from litestar.datastructures import Cookie
from litestar.response import Redirect, Response

from breakwater.core.accounts import Access, SignedIn, TooManyAttempts
from breakwater.core.domain.errors import BreakwaterError, InvalidInput, Unauthorized
from breakwater.web.pages.forms import MOST_BYTES, Form, read_form
from breakwater.web.pages.reply import local_path
from breakwater.web.pages.sign_in import resume_page, sign_in_page, welcome_page
from breakwater.web.problems import problem_of
from breakwater.web.security.cookies import csrf_token, session_cookie, session_token
from breakwater.web.security.guards import PUBLIC
from breakwater.web.security.preserved_form import KeptForm

_HOME: Final = "/"
_SIGN_IN: Final = "/sign-in"
_WITH_A_FORM: Final = 4 * MOST_BYTES
"""A form within a form: what was written out once is written out again, at most threefold."""
FormRequest = Request[Any, Any, Any]


@post(_SIGN_IN, opt=PUBLIC, include_in_schema=False, status_code=200)
async def sign_in(request: FormRequest) -> Response[Any]:
    """Begin a session, or show the form again with what was wrong."""
    form = await read_form(
        request, {"name", "password", "next", "kept", "kept_path"}, most_bytes=_WITH_A_FORM
    )
    name, password = form.get("name", ""), form.get("password", "")
    kept, back = _kept(form), local_path(form.get("next")) or _HOME
    try:
        signed_in = await _access(request).sign_in(name, password, **_who(request))
    except (Unauthorized, TooManyAttempts) as refused:
        problem, headers = problem_of(refused)
        page = sign_in_page(
            request,
            problem=str(refused),
            name=name,
            status_code=problem.status,
            kept=kept,
            next_path=form.get("next"),
        )
        page.headers.update(headers)
        return page
    if kept is None:
        return _begin(request, signed_in, back)
    token, sentence = csrf_token(signed_in.token), f"You are signed in as {name}."
    resumed = resume_page(request, kept, csrf=token, sentence=sentence, back=back)
    resumed.set_cookie(_session(request, signed_in))
    return resumed


@post("/welcome", opt=PUBLIC, include_in_schema=False, status_code=200)
async def welcome(request: FormRequest) -> Response[Any]:
    """Set the password of whom the code is for, and begin a session."""
    form = await read_form(request, {"code", "password"})
    code = form.get("code", "")
    try:
        signed_in = await _access(request).welcome(code, form.get("password", ""), **_who(request))
    except (InvalidInput, TooManyAttempts) as refused:
        problem, headers = problem_of(refused)
        page = welcome_page(request, problem=_words(refused), code=code, status_code=problem.status)
        page.headers.update(headers)
        return page
    return _begin(request, signed_in, _HOME)


@post("/sign-out", include_in_schema=False, status_code=303)
async def sign_out(request: FormRequest) -> Redirect:
    """End the session, here and in the browser."""
    await _access(request).sessions.end(session_token(request) or "")
    return Redirect(_SIGN_IN, status_code=303, cookies=[session_cookie(request, "", 0)])


def _access(request: FormRequest) -> Access:
    access: Access = request.app.state.runtime.access
    return access


def _who(request: FormRequest) -> dict[str, str]:
    """Return the address and the browser that ask. A proxy's word for the address counts only where it is trusted."""
    source = request.client.host if request.client else ""
    return {"source": source, "user_agent": request.headers.get("user-agent", "")}


def _kept(form: Form) -> KeptForm | None:
    """Return the form that goes along with the signing in. It came with a page of ours, but is read as any other."""
    path = local_path(form.get("kept_path"))
    return KeptForm.read(path, form.get("kept", "")) if path and "?" not in path else None


def _begin(request: FormRequest, signed_in: SignedIn, to: str) -> Redirect:
    return Redirect(to, status_code=303, cookies=[_session(request, signed_in)])


def _session(request: FormRequest, signed_in: SignedIn) -> Cookie:
    lasts = signed_in.expires_at - request.app.state.runtime.clock.now()
    return session_cookie(request, signed_in.token, lasts)


def _words(refused: BreakwaterError) -> str:
    """Return what is wrong in words: the form's own labels stand beside it, not the names of its fields."""
    if isinstance(refused, InvalidInput):
        return " ".join(f"The {problem.field} {problem.message}." for problem in refused.problems)
    return str(refused)


AUTH_ROUTES: Final = [sign_in, welcome, sign_out]
