"""The application with clients: programs with keys, and browsers with sessions."""

from typing import Any, Self

import httpx
from litestar import Litestar

from breakwater.core.runtime import Runtime
from tests.delivery.running_engine import RunningEngine
from tests.fakes import ManualClock, ScriptedSender

BOOTSTRAP_KEY = "bw_" + "k" * 40
ORIGIN = "http://127.0.0.1:8420"
PASSWORD = "correct horse battery staple"
OURS = {"Sec-Fetch-Site": "same-origin"}
PROBLEM = "application/problem+json"


class RunningApp(RunningEngine):
    """A running engine with its HTTP application."""

    def __init__(self, runtime: Runtime, clock: ManualClock, sender: ScriptedSender, app: Litestar) -> None:
        super().__init__(runtime, clock, sender)
        self.app = app
        self._clients: list[httpx.AsyncClient] = []
        self.api = self.client(key=BOOTSTRAP_KEY)
        """A client with every scope."""
        self.anonymous = self.client()
        """A client without a credential."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.aclose()

    def client(self, *, key: str | None = None, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        carried = {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=carried)
        self._clients.append(client)
        return client

    async def key(self, *scopes: str, name: str = "ci") -> httpx.AsyncClient:
        """Return a client whose key has these scopes."""
        _view, token = await self.runtime.access.keys.create(name, scopes, actor="person:ada")
        return self.client(key=token)

    async def browser(self, role: str = "admin", name: str | None = None) -> httpx.AsyncClient:
        """Return a browser with a session of this role."""
        code = await self.runtime.access.people.invite(name or role, role, actor="person:ada")
        browser = self.client(headers=OURS)
        response = await browser.post("/welcome", data={"code": code, "password": PASSWORD})
        assert response.status_code == 303, response.text
        return browser

    def later(self, seconds: float) -> None:
        """Move the clock without waking sleepers."""
        self.clock._now += seconds

    async def post(self, path: str, json: Any = None, status: int = 200) -> Any:
        """Post with every scope, and return the body of the response."""
        response = await self.api.post(f"/api/v1{path}", json=json)
        assert response.status_code == status, response.text
        return response.json()

    async def get(self, path: str, **query: Any) -> Any:
        response = await self.api.get(f"/api/v1{path}", params=query)
        assert response.status_code == 200, response.text
        return response.json()


def problems(response: httpx.Response, status: int) -> dict[str, str]:
    """Return the message per field of a problem response with this status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:breakwater:problem:")
    assert body["title"]
    assert body["detail"]
    return {problem["field"]: problem["message"] for problem in body["problems"]}
