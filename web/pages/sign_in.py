"""The pages for signing in and for setting a password with a code. `sign_in_forms` handles their forms."""

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
    preserved: PreservedForm | None = None,
    next_path: str | None = None,
) -> Template:
    """Return the sign-in page, with the problem of the previous try.

    `preserved` is a form that arrived without a session: the page carries its fields until after the sign-in.
    """
    return render_page(
        request,
        "sign_in/sign_in.html",
        status_code=status_code,
        problem=problem,
        name=name,
        next_path=local_path(next_path or request.query_params.get("next")),
        preserved=preserved,
    )


def resume_page(
    request: PageRequest,
    preserved: PreservedForm,
    *,
    csrf: str,
    message: str,
    back: str,
    status_code: int = 200,
) -> Template:
    """Return the page that shows a preserved form, to be sent or discarded.

    `csrf` is the token of the session under which the form will be sent.
    """
    return render_page(
        request,
        "sign_in/resume.html",
        status_code=status_code,
        preserved=preserved,
        csrf=csrf,
        message=message,
        back=back,
    )


def welcome_page(
    request: PageRequest, *, problem: str | None = None, code: str = "", status_code: int = 200
) -> Template:
    """Return the page on which the holder of a code sets a password."""
    return render_page(request, "sign_in/welcome.html", status_code=status_code, problem=problem, code=code)


@get("/sign-in", opt=PUBLIC, include_in_schema=False)
async def sign_in(request: PageRequest) -> Template:
    """Show the sign-in page."""
    return sign_in_page(request)


@get("/welcome", opt=PUBLIC, include_in_schema=False)
async def welcome(request: PageRequest) -> Template:
    """Show the page for a new password. The code is in the URL's fragment, which never reaches a server or a log."""
    return welcome_page(request)


HANDLERS: Final = [sign_in, welcome]
