"""`POST /api/v1/messages` as plain ASGI. This is the hot path, and it bypasses the framework.

It serves the usual request of a program: a bearer key and a body of known length. Any other request to this URL (with a
session, without a credential, compressed, chunked, too large) goes to the framework's handler, which is also the
documented one. Both call `accept_body`, so they decide alike.
"""

from typing import Final

from breakwater.core.accounts import Scope as ApiScope
from breakwater.core.runtime import Runtime
from breakwater.web.api.messages import accept_body
from breakwater.web.problems import MEDIA_TYPE, encoded, problem_of
from breakwater.web.security.guards import principal_of_key, require
from breakwater.web.security.middleware import App, Receive, Scope, Send
from breakwater.web.security.rate_limits import RateLimit

PATH: Final = "/api/v1/messages"
_JSON: Final = b"application/json"
_HEADERS_READ: Final = frozenset(
    {b"authorization", b"content-encoding", b"content-length", b"idempotency-key"}
)
_Response = tuple[int, bytes, bytes, dict[str, str]]
"""Status, media type, body, and further headers."""


class FastIntake:
    """ASGI middleware between the security middleware and the framework."""

    def __init__(self, app: App, runtime: Runtime, rate_limit: RateLimit, body_max: int) -> None:
        """`body_max` is the maximum length in bytes of a body that is served here."""
        self._app = app
        self._runtime = runtime
        self._rate_limit = rate_limit
        self._body_max = body_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or pass it on."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            headers = _headers(scope)
            usual = "authorization" in headers and "content-encoding" not in headers
            if usual and self._fits(headers.get("content-length", "")):
                scope["path_template"] = PATH  # the label of the request counter
                await self._serve(scope, headers, receive, send)
                return
        await self._app(scope, receive, send)

    def _fits(self, length: str) -> bool:
        return length.isdecimal() and int(length) <= self._body_max

    async def _serve(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        response = await self._respond(scope, headers, receive)
        if response is None:  # the client has disconnected
            return
        status, media_type, content, further = response
        content_headers = [(b"content-type", media_type), (b"content-length", str(len(content)).encode())]
        further_headers = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in further.items()
        ]
        start = {"type": "http.response.start", "status": status}
        await send({**start, "headers": [*content_headers, *further_headers]})
        await send({"type": "http.response.body", "body": content})

    async def _respond(self, scope: Scope, headers: dict[str, str], receive: Receive) -> _Response | None:
        """Check the credential and the rate before reading the body, so that only known clients can keep it waiting."""
        try:
            principal = await principal_of_key(self._runtime.access, headers["authorization"])
            self._rate_limit.apply(scope, principal.id)
            require(principal, ApiScope.SEND)
            body = await _body(receive)
            if body is None:
                return None
            content, further = await accept_body(
                self._runtime, principal, headers.get("idempotency-key"), body
            )
        except Exception as error:  # noqa: BLE001  # as the framework does: every error becomes a response
            problem, further = problem_of(error)
            return problem.status, MEDIA_TYPE.encode(), encoded(problem), further
        return 202, _JSON, content, further


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers that are read here. Of a repeated one the first counts, as in the framework."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name in _HEADERS_READ:
            headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return headers


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body, or None if the client disconnected before its end."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)
