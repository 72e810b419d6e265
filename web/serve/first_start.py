"""First start: create a sign-in link, an API key and, on an empty database, an example endpoint."""

from dataclasses import dataclass
from typing import Final

from breakwater.core.accounts.model import Scope
from breakwater.core.domain.errors import StartRefused
from breakwater.core.queries.circuits.pages import MAX_PAGE_ENDPOINTS
from breakwater.core.runtime import Runtime
from breakwater.web.receiver import Receiver

EXAMPLE_EVENT: Final = "example.hello"
_KEY_NAME: Final = "first start"
_KEY_SCOPES: Final = (Scope.SEND, Scope.OPERATE)
_BREAKWATER: Final = "breakwater"
_LOOPBACK_URL: Final = "http://127.0.0.1:"


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the start prints. The link and the key are secrets and are shown only once."""

    url: str
    sign_in: str | None
    """A single-use link that expires in ten minutes; None when an administrator can sign in or has an invitation."""
    key: str | None
    """An API key with the scopes send and operate; None after the first start."""
    example: str | None
    """The id of the example endpoint if this start created it."""


async def welcome(runtime: Runtime, receiver: Receiver | None) -> Welcome:
    """Create what is missing. Raises `StartRefused` when a network can reach the service before anyone can sign in."""
    await _require_credential_on_network(runtime)
    example = await _example_endpoint(runtime, receiver) if receiver else None
    url = runtime.settings.public_url
    code = await runtime.access.bootstrap()
    return Welcome(url, f"{url}/welcome#{code}" if code else None, await _first_key(runtime), example)


async def _require_credential_on_network(runtime: Runtime) -> None:
    if not runtime.settings.loopback_only and not await runtime.access.has_credential():
        raise StartRefused(
            f"No administrator can sign in yet, and other machines can reach {runtime.settings.host}. Start once "
            "on 127.0.0.1 and open the printed link, or set BREAKWATER_BOOTSTRAP_KEY."
        )


async def _example_endpoint(runtime: Runtime, receiver: Receiver) -> str | None:
    """Create the example endpoint at the first start only, so that a deleted one stays deleted.

    A later start can have its receiver on another port; then the endpoint's URL is updated.
    """
    endpoints = (await runtime.queries.endpoints.list(limit=MAX_PAGE_ENDPOINTS)).items
    url = f"{receiver.url}/steady"
    for summary in endpoints:
        endpoint = summary.endpoint
        is_example = endpoint.event_types == (EXAMPLE_EVENT,) and endpoint.url.startswith(_LOOPBACK_URL)
        if is_example and endpoint.url != url:
            await runtime.endpoints.update(endpoint.id, {"url": url}, actor=_BREAKWATER)
    if endpoints or (await runtime.queries.audit.list(limit=1)).items:
        return None
    fields = {
        "name": "Example receiver",
        "description": f"Runs inside Breakwater, responds 200 and receives messages of type {EXAMPLE_EVENT}.",
        "url": url,
        "event_types": [EXAMPLE_EVENT],
    }
    created, _secret = await runtime.endpoints.create(fields, actor=_BREAKWATER)
    return created.id


async def _first_key(runtime: Runtime) -> str | None:
    if await runtime.access.keys.any():
        return None
    _key, token = await runtime.access.keys.create(_KEY_NAME, _KEY_SCOPES, actor=_BREAKWATER)
    return token
