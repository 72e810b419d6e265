"""Who asks, and what they may do.

Every route needs a credential unless it is marked `PUBLIC`: the guard `let_in` stands before the whole application. A
bearer key acts by itself. A session's cookie goes along with whatever a browser is made to send, so that a change asked
for under a session must also come from our own page and carry its token.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from jinja2.runtime import Context
from litestar import Request
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard, HTTPScope
from markupsafe import Markup

from breakwater.core.accounts import Access, Principal, Scope
from breakwater.core.domain.errors import Forbidden, Unauthorized
from breakwater.web.security.cookies import Connection, csrf_token, session_token
from breakwater.web.security.origin import CSRF_FIELD, SAFE_METHODS, check_csrf_token, check_same_origin
from breakwater.web.security.preserved_form import keep

__all__ = [
    "PUBLIC",
    "authenticate",
    "csrf_field",
    "principal_of",
    "principal_of_key",
    "principal_or_none",
    "require",
    "requires",
    "still_valid",
]

PUBLIC: Final[Mapping[str, Any]] = {"public": True}
"""Options of a route that needs no credential: `@get("/sign-in", opt=PUBLIC)`."""
_PRINCIPAL: Final = "principal"
_BEARER: Final = "bearer "


async def authenticate(connection: Connection, handler: BaseRouteHandler) -> None:
    """Find out who asks. Raises Unauthorized without a valid credential, Forbidden for a forged change."""
    public = handler.opt.get("public", False)
    unsafe = cast("HTTPScope", connection.scope)["method"] not in SAFE_METHODS
    if public:
        if unsafe:
            check_same_origin(connection)
        return
    access: Access = connection.app.state.runtime.access
    header = connection.headers.get("authorization")
    if header is not None:
        principal = await principal_of_key(access, header)
    else:
        principal = await _by_session_or_kept(access, connection, unsafe=unsafe)
    connection.scope["state"][_PRINCIPAL] = principal


def requires(scope: Scope | str) -> Guard:
    """Return a guard that lets only those through who may do what `scope` allows. Raises Forbidden."""
    needed = Scope(scope)

    # Not a plain function: the framework would give that one a thread.
    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        require(principal_of(connection), needed)

    return guard


async def principal_of_key(access: Access, header: str) -> Principal:
    """Return whom the `Authorization` header stands for. Raises Unauthorized."""
    if not header.lower().startswith(_BEARER):
        raise Unauthorized("Send `Authorization: Bearer bw_…`.")
    principal = await access.keys.find(header[len(_BEARER) :].strip())
    if principal is None:
        raise Unauthorized("The API key is not valid, or was revoked.")
    return principal


def require(principal: Principal, needed: Scope) -> None:
    """Raise Forbidden unless `principal` may do what `needed` allows."""
    if not principal.can(needed):
        raise Forbidden(f"{principal.actor} may not do this: it needs the right to {needed}.")


def principal_of(connection: Connection) -> Principal:
    """Return who asks. Raises Unauthorized on a public route: nobody was asked there."""
    principal = principal_or_none(connection)
    if principal is None:
        raise Unauthorized("Nobody is signed in.")
    return principal


def principal_or_none(connection: Connection) -> Principal | None:
    """Return who asks, or None where nobody needs to say."""
    return cast("Principal | None", connection.scope["state"].get(_PRINCIPAL))


async def still_valid(connection: Connection) -> bool:
    """Return whether the credential of a request that goes on for long, such as a stream, lets it in even now."""
    access: Access = connection.app.state.runtime.access
    header = connection.headers.get("authorization")
    try:
        await (
            _by_session(access, connection, unsafe=False)
            if header is None
            else principal_of_key(access, header)
        )
    except Unauthorized:
        return False
    return True


def csrf_field(context: Context) -> Markup:
    """Return the hidden field that every form of a signed-in page carries; nothing where nobody is signed in.

    A page that begins a session has its token as `csrf`: its request has not come under that session yet.
    """
    token = session_token(context["request"])
    value = context.get("csrf") or (None if token is None else csrf_token(token))
    if value is None:
        return Markup()
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, value)


async def _by_session_or_kept(access: Access, connection: Connection, *, unsafe: bool) -> Principal:
    """Find the session. Of a change without one, or with another one's token, what was typed is kept for the answer."""
    try:
        return await _by_session(access, connection, unsafe=unsafe)
    except (Unauthorized, Forbidden):
        if unsafe:
            await keep(connection)
        raise


async def _by_session(access: Access, connection: Connection, *, unsafe: bool) -> Principal:
    token = session_token(connection)
    principal = await access.sessions.find(token) if token else None
    if token is None or principal is None:
        raise Unauthorized("Sign in, or send an API key as `Authorization: Bearer bw_…`.")
    if unsafe:
        check_same_origin(connection)
        # Guards are given the request itself, of which their signature only tells the connection.
        await check_csrf_token(cast("Request[Any, Any, Any]", connection), token)
    return principal
