"""The example receiver: a target for a first webhook, run by the service itself.

It listens on loopback, which endpoints must not target otherwise. Only its address and port are allowed, and only
while it holds them, so that no other program of the machine can be reached through them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from breakwater.core.settings import Settings
from breakwater.web.receiver import Receiver

log = structlog.get_logger("breakwater.example")

_HOST: Final = "127.0.0.1"
_LOGGED_REQUESTS: Final = 100
"""Requests that the receiver keeps for inspection."""


@asynccontextmanager
async def example_receiver(settings: Settings) -> AsyncIterator[Receiver | None]:
    """Run the receiver for the duration of the context; yield None if it is turned off or its port is in use."""
    receiver = (
        Receiver(_HOST, settings.example_port, keep=_LOGGED_REQUESTS) if settings.example_endpoint else None
    )
    if receiver is not None and not await _try_to_listen(receiver):
        receiver = None
    try:
        yield receiver
    finally:
        if receiver is not None:
            await receiver.stop()


def allow_receiver(settings: Settings, receiver: Receiver | None) -> Settings:
    """Return the settings with the receiver's address and port added to the allowed networks."""
    if receiver is None:
        return settings
    rule = f"{_HOST}/32:{receiver.port}"
    return settings.model_copy(update={"allowed_networks": (*settings.allowed_networks, rule)})


async def _try_to_listen(receiver: Receiver) -> bool:
    try:
        await receiver.start()
    except OSError as error:
        log.warning(
            "example.no_receiver",
            port=receiver.port,
            error=error.strerror,
            remedy="set BREAKWATER_EXAMPLE_RECEIVER_PORT",
        )
        return False
    return True
