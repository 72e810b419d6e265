"""Guards: authenticate every request and check scopes.

Every route needs a credential unless it is marked `PUBLIC`; the guard `authenticate` runs before every route of the
application. A bearer key is sufficient by itself. A browser attaches the session cookie to requests that other sites
start, so a change under a session must also come from a page of this service and carry its CSRF token.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from litestar import Request
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard, HTTPScope

from breakwater.core.accounts import Access, Principal, Scope
from breakwater.core.domain.errors import Forbidden, Unauthorized
from breakwater.web.security.cookies import Connection, session_token
from breakwater.web.security.csrf import check_csrf_token
from breakwater.web.security.origin import SAFE_METHODS, check_same_origin
from breakwater.web.security.preserved_form import preserve
from breakwater.web.security.rate_limits import RateLimits

__all__ = [
    "PUBLIC",
    "authenticate",
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
    """Authenticate a request.

    Raises Unauthorized without a valid credential, Forbidden for a forged change, and RateLimited.
    """
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
        principal = await _principal_or_preserve(access, connection, unsafe=unsafe)
    connection.scope["state"][_PRINCIPAL] = principal
    rate_limits: RateLimits = connection.app.state.rate_limits
    scope = cast("HTTPScope", connection.scope)
    rate_limits.limit_for(scope["method"], scope["path"]).apply(scope, principal.id)


def requires(scope: Scope | str) -> Guard:
    """Return a guard that admits only principals with `scope`. The guard raises Forbidden."""
    needed = Scope(scope)

    # Async, because the framework would run a plain function in a thread.
    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        require(principal_of(connection), needed)

    return guard


async def principal_of_key(access: Access, header: str) -> Principal:
    """Return the principal of an `Authorization` header. Raises Unauthorized."""
    if not header.lower().startswith(_BEARER):
        raise Unauthorized("Send `Authorization: Bearer bw_…`.")
    principal = await access.keys.find(header[len(_BEARER) :].strip())
    if principal is None:
        raise Unauthorized("The API key is not valid, or was revoked.")
    return principal


def require(principal: Principal, needed: Scope) -> None:
    """Raise Forbidden unless `principal` has the scope `needed`."""
    if not principal.can(needed):
        raise Forbidden(f"{principal.actor} may not do this: it needs the scope {needed}.")


def principal_of(connection: Connection) -> Principal:
    """Return the authenticated principal. Raises Unauthorized on a public route, which authenticates nobody."""
    principal = principal_or_none(connection)
    if principal is None:
        raise Unauthorized("Not signed in.")
    return principal


def principal_or_none(connection: Connection) -> Principal | None:
    """Return the authenticated principal, or None on a public route."""
    return cast("Principal | None", connection.scope["state"].get(_PRINCIPAL))


async def still_valid(connection: Connection) -> bool:
    """Return whether the credential of a long request, such as a stream, is still accepted."""
    access: Access = connection.app.state.runtime.access
    header = connection.headers.get("authorization")
    try:
        await (
            _principal_of_session(access, connection, unsafe=False)
            if header is None
            else principal_of_key(access, header)
        )
    except Unauthorized:
        return False
    return True


async def _principal_or_preserve(access: Access, connection: Connection, *, unsafe: bool) -> Principal:
    """Return the principal of the session. When a change is refused, preserve its form for the error page."""
    try:
        return await _principal_of_session(access, connection, unsafe=unsafe)
    except (Unauthorized, Forbidden):
        if unsafe:
            await preserve(connection)
        raise


async def _principal_of_session(access: Access, connection: Connection, *, unsafe: bool) -> Principal:
    token = session_token(connection)
    principal = await access.sessions.find(token) if token else None
    if token is None or principal is None:
        raise Unauthorized("Sign in, or send an API key as `Authorization: Bearer bw_…`.")
    if unsafe:
        check_same_origin(connection)
        # Litestar passes the request itself to guards; only their signature says connection.
        await check_csrf_token(cast("Request[Any, Any, Any]", connection), token)
    return principal
