"""The test receiver that the service runs itself, so that a newcomer's first webhook has somewhere to go.

It listens on loopback, which endpoints may otherwise not point at. Exactly its address and port are allowed,
and only while it holds them: nothing else on this machine can be behind that port.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from breakwater.core.settings import Settings
from breakwater.web.receiver import Receiver

log = structlog.get_logger("breakwater.example")

_HOST: Final = "127.0.0.1"
_KEEP: Final = 100
"""Requests that it remembers: enough to look at, too few to matter."""


@asynccontextmanager
async def example_receiver(settings: Settings) -> AsyncIterator[Receiver | None]:
    """Run the receiver while the context lasts; None when the settings turn it off or its port is taken."""
    receiver = Receiver(_HOST, settings.example_port, keep=_KEEP) if settings.example_endpoint else None
    if receiver is not None and not await _listens(receiver):
        receiver = None
    try:
        yield receiver
    finally:
        if receiver is not None:
            await receiver.stop()


def allowing(settings: Settings, receiver: Receiver | None) -> Settings:
    """Return the settings with the receiver's address and port among the allowed ones."""
    if receiver is None:
        return settings
    rule = f"{_HOST}/32:{receiver.port}"
    return settings.model_copy(update={"allowed_networks": (*settings.allowed_networks, rule)})


async def _listens(receiver: Receiver) -> bool:
    try:
        await receiver.start()
    except OSError as taken:
        log.warning(
            "example.no_receiver",
            port=receiver.port,
            error=taken.strerror,
            remedy="set BREAKWATER_EXAMPLE_RECEIVER_PORT, or BREAKWATER_EXAMPLE_ENDPOINT=false",
        )
        return False
    return True
