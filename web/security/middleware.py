"""ASGI middleware around the whole application: allowed hosts, HEAD, security headers and the request count."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from breakwater.web.problems import MEDIA_TYPE, Problem, encoded, host_problem, too_many_parameters
from breakwater.web.security.hosts import AllowedHosts
from breakwater.web.security.rate_limits import RATE_LIMIT_HEADERS

Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
"""Plain ASGI: servers, frameworks and tests have types of their own for the same dictionaries."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SECURITY_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
"""A year. Not for subdomains, which may be other services."""
MAX_PARAMETERS: Final = 200
"""Parameters of a query string. The longest URL has room for tens of thousands, and each costs time."""
_NO_STORE: Final = (b"cache-control", b"no-store")


class SecurityMiddleware:
    """Wraps every request, also those that end in an error or have no route."""

    def __init__(
        self,
        app: App,
        hosts: AllowedHosts,
        methods: Mapping[str, str],
        observe: Callable[[Scope, int], None],
        *,
        https_only: bool = False,
    ) -> None:
        """`methods` is the Allow header by route; `observe` gets the scope and the status of every response.

        `https_only` tells browsers to use https for this host from now on.
        """
        self._app = app
        self._hosts = hosts
        self._methods = methods
        self._observe = observe
        self._security_headers = (*_SECURITY_HEADERS, _HSTS) if https_only else _SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Every GET route also serves HEAD, as the same response without its body.
        is_head = scope["method"] == "HEAD"
        inner_scope = {**scope, "method": "GET"} if is_head else scope
        send_outward = _without_body(send) if is_head else send

        async def respond(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._observe(inner_scope, message["status"])
                headers = self._with_allow(inner_scope, message.get("headers", ()))
                message["headers"] = self._secured(headers, inner_scope.get(RATE_LIMIT_HEADERS, ()))
            await send_outward(message)

        if (detail := self._hosts.problem(scope["headers"])) is not None:
            await _refuse(respond, host_problem(detail))
        elif scope.get("query_string", b"").count(b"&") >= MAX_PARAMETERS:
            await _refuse(respond, too_many_parameters(MAX_PARAMETERS))
        else:
            await self._app(inner_scope, receive, respond)

    def _with_allow(self, scope: Scope, headers: Any) -> Any:
        """List all methods of the route in Allow: the framework lists only those of the route's first handler."""
        methods = self._methods.get(scope.get("path_template", "")) if scope["method"] == "OPTIONS" else None
        if methods is None:
            return headers
        return [(name, methods.encode() if name == b"allow" else value) for name, value in headers]

    def _secured(self, headers: Any, rate_limit_headers: Any) -> list[tuple[bytes, bytes]]:
        secured = [*headers, *self._security_headers, *rate_limit_headers]
        if not any(name == b"cache-control" for name, _ in secured):
            secured.append(_NO_STORE)
        return secured


def _without_body(send: Send) -> Send:
    """Return a `send` that ends the response after its headers, so that HEAD on an endless stream ends too."""
    body_sent = False

    async def send_headers(message: Message) -> None:
        nonlocal body_sent
        if message["type"] == "http.response.start":
            await send(message)
        elif not body_sent:
            body_sent = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_headers


async def _refuse(send: Send, problem: Problem) -> None:
    body = encoded(problem)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
