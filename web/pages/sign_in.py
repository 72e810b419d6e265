"""The pages for signing in and for setting a password with a code. `sign_in_forms` takes what they send."""

from typing import Final

from litestar import get
from litestar.response import Template

from breakwater.web.pages.reply import PageRequest, local_path, render_page
from breakwater.web.security.guards import PUBLIC
from breakwater.web.security.preserved_form import PreservedForm


def sign_in_page(
    request: PageRequest,
    *,
    problem: str | None = None,
    name: str = "",
    status_code: int = 200,
    kept: PreservedForm | None = None,
    next_path: str | None = None,
) -> Template:
    """Return the page that asks for name and password, with what was wrong with the last try.

    `kept` is a form that came without a session: its fields go along until somebody is signed in.
    """
    return render_page(
        request,
        "sign_in/sign_in.html",
        status_code=status_code,
        problem=problem,
        name=name,
        next_path=local_path(next_path or request.query_params.get("next")),
        kept=kept,
    )


def resume_page(
    request: PageRequest, kept: PreservedForm, *, csrf: str, sentence: str, back: str, status_code: int = 200
) -> Template:
    """Return the page that shows a form that was not taken, for its sender to send it again or to leave it.

    `csrf` is the token of the session that it will be sent under.
    """
    return render_page(
        request,
        "sign_in/resume.html",
        status_code=status_code,
        kept=kept,
        csrf=csrf,
        sentence=sentence,
        back=back,
    )


def welcome_page(
    request: PageRequest, *, problem: str | None = None, code: str = "", status_code: int = 200
) -> Template:
    """Return the page on which the bearer of a code sets a password."""
    return render_page(request, "sign_in/welcome.html", status_code=status_code, problem=problem, code=code)


@get("/sign-in", opt=PUBLIC, include_in_schema=False)
async def sign_in(request: PageRequest) -> Template:
    """Ask for name and password."""
    return sign_in_page(request)


@get("/welcome", opt=PUBLIC, include_in_schema=False)
async def welcome(request: PageRequest) -> Template:
    """Ask for a new password. The code is in the URL's fragment, which no server and no log ever sees."""
    return welcome_page(request)


HANDLERS: Final = [sign_in, welcome]
