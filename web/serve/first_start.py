"""What a start owes to people: a way in, a key, and on an empty database an endpoint to try things on."""

from dataclasses import dataclass
from typing import Final

from breakwater.core.accounts.model import Scope
from breakwater.core.domain.errors import StartRefused
from breakwater.core.queries.circuits.pages import MOST_LANES
from breakwater.core.runtime import Runtime
from breakwater.web.receiver import Receiver

EXAMPLE_EVENT: Final = "example.hello"
_KEY_NAME: Final = "first start"
_KEY_SCOPES: Final = (Scope.SEND, Scope.OPERATE)
_BREAKWATER: Final = "breakwater"


@dataclass(frozen=True, slots=True)
class Welcome:
    """What is told at start. The link and the key are secrets, shown this once."""

    url: str
    sign_in: str | None
    """A link that works once, for ten minutes; None when an administrator can sign in."""
    key: str | None
    """An API key that sends and operates; None after the first start."""
    example: str | None
    """The id of the example endpoint, when this start made it."""


async def welcome(runtime: Runtime, receiver: Receiver | None) -> Welcome:
    """Make what is missing. Raises `StartRefused` when a service that lets nobody in is open to a network."""
    await _refuse_an_open_door(runtime)
    example = await _example_endpoint(runtime, receiver) if receiver else None
    url = runtime.settings.public_url
    code = await runtime.access.bootstrap()
    return Welcome(url, f"{url}/welcome#{code}" if code else None, await _first_key(runtime), example)


async def _refuse_an_open_door(runtime: Runtime) -> None:
    if not runtime.settings.loopback_only and not await runtime.access.has_credential():
        raise StartRefused(
            f"Nobody can sign in yet, and {runtime.settings.host} is open to others: start once on 127.0.0.1 "
            "and open the link that is printed, or set BREAKWATER_BOOTSTRAP_KEY."
        )


async def _example_endpoint(runtime: Runtime, receiver: Receiver) -> str | None:
    """Make the endpoint at the very first start only: who deleted it does not want it back."""
    endpoints = (await runtime.queries.endpoints.list(limit=MOST_LANES)).items
    url = f"{receiver.url}/steady"
    for known in (
        summary.endpoint for summary in endpoints if summary.endpoint.event_types == (EXAMPLE_EVENT,)
    ):
        if known.url != url and known.url.startswith(
            "http://127.0.0.1:"
        ):  # the service has moved to another port
            await runtime.endpoints.update(known.id, {"url": url}, actor=_BREAKWATER)
    if endpoints or (await runtime.queries.audit.list(limit=1)).items:
        return None
    fields = {
        "name": "Example receiver",
        "description": f"Runs inside Breakwater and answers 200. Gets messages of type {EXAMPLE_EVENT}.",
        "url": url,
        "event_types": [EXAMPLE_EVENT],
    }
    endpoint, _secret = await runtime.endpoints.create(fields, actor=_BREAKWATER)
    return endpoint.id


async def _first_key(runtime: Runtime) -> str | None:
    if await runtime.access.keys.any():
        return None
    _key, token = await runtime.access.keys.create(_KEY_NAME, _KEY_SCOPES, actor=_BREAKWATER)
    return token
