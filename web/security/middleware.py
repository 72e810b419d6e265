"""What every request passes before routing, and every answer after: the host's name, HEAD, and security headers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from breakwater.web.problems import MEDIA_TYPE, encoded, host_problem
from breakwater.web.security.hosts import Hosts

Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
"""Plain ASGI: servers, frameworks and tests each have types of their own for the same dictionaries."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SECURITY: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NO_STORE: Final = (b"cache-control", b"no-store")


class SecurityMiddleware:
    """Stands around the whole application, its errors and unknown addresses included."""

    def __init__(
        self, app: App, hosts: Hosts, methods: Mapping[str, str], observe: Callable[[Scope, int], None]
    ) -> None:
        """`methods` are those of each route; `observe` is told of every answer's status, with its request's scope."""
        self._app = app
        self._hosts = hosts
        self._methods = methods
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Everything that can be got can be asked about: HEAD is GET without its body.
        asked = scope["method"] == "HEAD"
        inner = {**scope, "method": "GET"} if asked else scope
        outward = _without_body(send) if asked else send

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._observe(inner, message["status"])
                message["headers"] = _secured(self._allowing(inner, message.get("headers", ())))
            await outward(message)

        if (problem := self._hosts.problem(scope["headers"])) is not None:
            await _refuse(answer, problem)
        else:
            await self._app(inner, receive, answer)

    def _allowing(self, scope: Scope, headers: Any) -> Any:
        """Tell all methods of a route: the framework's own answer to OPTIONS knows only those of its first handler."""
        methods = self._methods.get(scope.get("path_template", "")) if scope["method"] == "OPTIONS" else None
        if methods is None:
            return headers
        return [(name, methods.encode() if name == b"allow" else value) for name, value in headers]


def _without_body(send: Send) -> Send:
    """Return a `send` that ends the answer after its headers: what streams for ever would otherwise never end."""
    ended = False

    async def headers_alone(message: Message) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return headers_alone


def _secured(headers: Any) -> list[tuple[bytes, bytes]]:
    kept = list(headers)
    kept += _SECURITY
    if not any(name == b"cache-control" for name, _ in kept):
        kept.append(_NO_STORE)
    return kept


async def _refuse(send: Send, detail: str) -> None:
    problem = host_problem(detail)
    body = encoded(problem)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
