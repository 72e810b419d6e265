"""Every kind of credential that a request can carry, as real clients of a running application."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from sqlalchemy import select

from breakwater.core.store.schema import PEOPLE
from breakwater.web.live import end_streams
from breakwater.web.security.csrf import csrf_token
from tests.fakes import settle
from tests.web.running_app import OURS, RunningApp

CREDENTIALS = (
    *("none", "unknown key", "revoked key", "key: read", "key: send", "key: operate", "key: admin"),
    *("viewer", "operator", "administrator", "disabled", "expired", "signed out"),
    *("no token", "other token", "cross-site"),
)
"""The last three are an administrator's session on a request that another page or another site may have forged."""


@dataclass(frozen=True)
class Credential:
    """The headers of one kind of credential; those of `changes` go only with requests that change something."""

    headers: Mapping[str, str]
    changes: Mapping[str, str] = field(default_factory=dict)


async def all_credentials(service: RunningApp) -> dict[str, Credential]:
    """Return a credential of each kind, created as in the service."""
    # First the session that expires: the clock moves on for everything.
    expired = await _session(service, "expired")
    service.later(service.runtime.settings.session_hours * 3600 + 1)
    disabled = await _session(service, "disabled")
    async with service.runtime.database.read() as connection:
        row = await connection.execute(select(PEOPLE.c.id).where(PEOPLE.c.name == "disabled"))
        person_id = row.scalar_one()
    await service.runtime.access.people.disable(person_id, actor="person:ada")
    signed_out = await _session(service, "signed-out")
    await service.runtime.access.sessions.end(signed_out)
    administrator = await _session(service, "administrator")
    other = await _session(service, "other")
    return {
        "none": Credential({}),
        "unknown key": _bearer("bw_" + "x" * 43),
        "revoked key": _bearer(await _key(service, "admin", revoked=True)),
        **{
            f"key: {scope}": _bearer(await _key(service, scope))
            for scope in ("read", "send", "operate", "admin")
        },
        "viewer": _cookie(await _session(service, "viewer", "viewer")),
        "operator": _cookie(await _session(service, "operator", "operator")),
        "administrator": _cookie(administrator),
        "disabled": _cookie(disabled),
        "expired": _cookie(expired),
        "signed out": _cookie(signed_out),
        "no token": Credential(_cookie(administrator).headers, OURS),
        "other token": Credential(_cookie(administrator).headers, _cookie(other).changes),
        "cross-site": Credential(
            _cookie(administrator).headers,
            {
                **_cookie(administrator).changes,
                "Sec-Fetch-Site": "cross-site",
                "Origin": "https://evil.example",
            },
        ),
    }


async def status(service: RunningApp, credential: Credential, method: str, path: str) -> int:
    """Return the status of a request without a body. A stream is ended as soon as it has begun."""
    headers = dict(credential.headers)
    if method not in {"GET", "HEAD", "OPTIONS"}:
        headers |= credential.changes or OURS
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(service.app, raise_app_exceptions=False),
        base_url="http://127.0.0.1:8420",
    ) as client:
        request = asyncio.ensure_future(client.request(method, path, headers=headers))
        while not request.done():
            await settle()
            end_streams(service.app)
        return request.result().status_code


def _bearer(token: str) -> Credential:
    return Credential({"Authorization": f"Bearer {token}"})


def _cookie(session: str) -> Credential:
    return Credential({"Cookie": f"breakwater={session}"}, {**OURS, "X-CSRF-Token": csrf_token(session)})


async def _key(service: RunningApp, scope: str, *, revoked: bool = False) -> str:
    view, token = await service.runtime.access.keys.create("ci", (scope,), actor="person:ada")
    if revoked:
        await service.runtime.access.keys.revoke(view.id, actor="person:ada")
    return token


async def _session(service: RunningApp, name: str, role: str = "admin") -> str:
    browser = await service.browser(role, name)
    return browser.cookies["breakwater"]
