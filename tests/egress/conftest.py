"""Both senders behind one fixture, names that resolve to loopback, and certificates."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from breakwater.core.domain.outcome import Headers, Outcome
from breakwater.core.domain.target import AllowedNetworks, parse_target
from breakwater.core.domain.target.networks import Address
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.httpx.sender import HttpxSender
from breakwater.core.egress.reqwest.sender import ReqwestSender
from breakwater.core.ports import OutboundRequest, Sender
from tests.egress.certificates import Authority

LOOPBACK = AllowedNetworks.parse("127.0.0.0/8, ::1/128")
SENDERS = {"reqwest": ReqwestSender, "httpx": HttpxSender}
DEADLINE = 0.5
"""Seconds for an attempt that is expected to time out."""
PATIENT = 5.0
"""Seconds for an attempt that is not expected to time out, even on a busy machine."""

LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="needs what only Linux has: all of 127.0.0.0/8, or /proc"
)

Resolution = Sequence[str] | Exception | Callable[[], Sequence[str]]


@dataclass
class FakeResolver:
    """A resolver with configured results; other names resolve to 127.0.0.1."""

    results: dict[str, Resolution] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)

    def __call__(self, host: str) -> tuple[Address, ...]:
        self.lookups.append(host)
        result = self.results.get(host, ["127.0.0.1"])
        if isinstance(result, Exception):
            raise result
        return tuple(map(ip_address, result() if callable(result) else result))


def no_such_name() -> socket.gaierror:
    return socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def servers_failed() -> socket.gaierror:
    return socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@dataclass
class Wire:
    """One sender with its guard and resolver."""

    kind: str
    sender: Sender
    resolver: FakeResolver
    guard: Guard

    async def post(
        self,
        url: str,
        body: bytes = b'{"n": 1}',
        headers: Headers = (("Content-Type", "application/json"),),
        timeout: float = PATIENT,  # noqa: ASYNC109 -- it is the request's own
    ) -> Outcome:
        target = parse_target(url, LOOPBACK)
        return await self.sender.send(OutboundRequest(target, headers, body, timeout))


def make_wire(
    kind: str, *, resolver: FakeResolver | None = None, guard: Guard | None = None, **options: Any
) -> Wire:
    resolver = resolver or FakeResolver()
    guard = guard or Guard(LOOPBACK, resolver)
    options = {"body_grace": 0.3} | options
    return Wire(kind, SENDERS[kind](guard, **options), resolver, guard)


async def eventually(holds: Callable[[], bool]) -> None:
    """Return once `holds()` is true, for results of other threads."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the condition did not become true within five seconds")


@pytest.fixture(params=sorted(SENDERS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def wire(kind: str, authority: Authority) -> AsyncIterator[Wire]:
    """A sender of each kind that may request loopback and trusts the tests' authority."""
    new_wire = make_wire(kind, added_roots=authority.pem)
    yield new_wire
    await new_wire.sender.close()


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")
