"""`POST /api/v1/messages` as plain ASGI: the hot path, which the framework would take more time for than the intake.

It answers what a program sends: a bearer key and a body of known length. Whatever else comes to this address (a
session, no credential, chunks, too much) goes on to the framework's handler of the same name, which stands in the API's
description too. Both end in `hand_in`, so they cannot decide differently.
"""

from typing import Final

from breakwater.core.accounts import Scope as Right
from breakwater.core.runtime import Runtime
from breakwater.web.api.messages import hand_in
from breakwater.web.problems import MEDIA_TYPE, encoded, problem_of
from breakwater.web.security.guards import principal_of_key, require
from breakwater.web.security.middleware import App, Receive, Scope, Send

PATH: Final = "/api/v1/messages"
_JSON: Final = b"application/json"
_WANTED: Final = frozenset({b"authorization", b"content-length", b"idempotency-key"})
_Response = tuple[int, bytes, bytes, dict[str, str]]
"""Status, media type, body, and further headers."""


class IntakeRoute:
    """Stands between the perimeter and the framework."""

    def __init__(self, app: App, runtime: Runtime, body_max: int) -> None:
        """`body_max` is the length in bytes up to which a body is read here."""
        self._app = app
        self._runtime = runtime
        self._body_max = body_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            headers = _headers(scope)
            if "authorization" in headers and self._fits(headers.get("content-length", "")):
                scope["path_template"] = PATH  # by which it is counted
                await self._serve(headers, receive, send)
                return
        await self._app(scope, receive, send)

    def _fits(self, length: str) -> bool:
        return length.isdecimal() and int(length) <= self._body_max

    async def _serve(self, headers: dict[str, str], receive: Receive, send: Send) -> None:
        response = await self._respond(headers, receive)
        if response is None:  # the caller has gone
            return
        status, media_type, content, more = response
        named = [(name.lower().encode(), value.encode("latin-1")) for name, value in more.items()]
        described = [(b"content-type", media_type), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": [*described, *named]})
        await send({"type": "http.response.body", "body": content})

    async def _respond(self, headers: dict[str, str], receive: Receive) -> _Response | None:
        """Check the credential before the body is read: a caller without one must not make this process wait."""
        try:
            principal = await principal_of_key(self._runtime.access, headers["authorization"])
            require(principal, Right.SEND)
            body = await _body(receive)
            if body is None:
                return None
            content, more = await hand_in(self._runtime, principal, headers.get("idempotency-key"), body)
        except Exception as error:  # noqa: BLE001  # as the framework does: every error becomes a response
            problem, more = problem_of(error)
            return problem.status, MEDIA_TYPE.encode(), encoded(problem), more
        return 202, _JSON, content, more


def _headers(scope: Scope) -> dict[str, str]:
    """Return the wanted headers; of one that came twice the first, as the framework does."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name in _WANTED:
            found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return found


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body, or None when the connection closed before its end."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)
