"""The guard: which addresses it allows, and how it shares and bounds its lookups."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from breakwater.core.domain.target import NONE, AllowedNetworks, parse_target
from breakwater.core.egress.dns import zone_of
from breakwater.core.egress.dns_cache import system_resolver
from breakwater.core.egress.guard import DnsFailed, Guard, RequestBlocked
from tests.egress.conftest import LOOPBACK, FakeResolver, eventually, no_such_name

PUBLIC = "93.184.215.14"
HOOKS = parse_target("https://hooks.example/")


class Now:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


async def test_public_addresses_are_returned_in_the_order_of_the_resolver() -> None:
    guard = Guard(NONE, FakeResolver({"hooks.example": [PUBLIC, "2606:2800:21f::1", "1.1.1.1"]}))
    assert [str(address) for address in await guard.resolve_target(HOOKS, 1)] == [
        PUBLIC,
        "2606:2800:21f::1",
        "1.1.1.1",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
        "64:ff9b::7f00:1",
    ],
)
async def test_one_forbidden_address_forbids_the_name(address: str) -> None:
    for addresses in ([address], [PUBLIC, address], [address, PUBLIC]):
        with pytest.raises(RequestBlocked, match="resolves to a blocked address"):
            await Guard(NONE, FakeResolver({"hooks.example": addresses})).resolve_target(HOOKS, 1)


async def test_an_allowed_network_is_allowed_for_its_port_only() -> None:
    guard = Guard(AllowedNetworks.parse("10.0.0.0/8:8443"), FakeResolver({"hooks.example": ["10.1.2.3"]}))
    assert await guard.resolve_target(parse_target("https://hooks.example:8443/"), 1)
    with pytest.raises(RequestBlocked):
        await guard.resolve_target(HOOKS, 1)


@pytest.mark.parametrize("listen", ["0.0.0.0", "::", "localhost", "127.0.0.1"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
async def test_the_own_address_is_refused_in_every_spelling(listen: str, address: str) -> None:
    guard = Guard(LOOPBACK, FakeResolver({"hooks.example": [address]}), own_addresses=[(listen, 8420)])
    with pytest.raises(RequestBlocked, match="the address that this service listens on"):
        await guard.resolve_target(parse_target("http://hooks.example:8420/"), 1)
    assert await guard.resolve_target(parse_target("http://hooks.example:8421/"), 1)


def test_listening_on_all_addresses_refuses_only_the_addresses_of_this_machine() -> None:
    guard = Guard(NONE, own_addresses=[("0.0.0.0", 8420)])
    guard.check_address(ip_address(PUBLIC), 8420)


def test_listening_on_one_address_leaves_the_others_allowed() -> None:
    Guard(LOOPBACK, own_addresses=[("127.0.0.1", 8420)]).check_address(ip_address("127.0.0.2"), 8420)


async def test_a_literal_address_is_checked_without_a_lookup() -> None:
    resolver = FakeResolver()
    guard = Guard(NONE, resolver)
    assert [str(address) for address in await guard.resolve_target(parse_target(f"http://{PUBLIC}/"), 1)] == [
        PUBLIC
    ]
    with pytest.raises(RequestBlocked):
        await guard.resolve_target(parse_target("http://127.0.0.1/", LOOPBACK), 1)
    assert resolver.lookups == []


async def test_addresses_are_cached_for_ten_seconds() -> None:
    resolver, now = FakeResolver({"hooks.example": [PUBLIC]}), Now()
    guard = Guard(NONE, resolver, now=now)
    for at in (0, 3, 6.9):
        now.at = at
        await guard.resolve_target(HOOKS, 1)
    assert resolver.lookups == ["hooks.example"]
    now.at = 10.1
    await guard.resolve_target(HOOKS, 1)
    assert resolver.lookups == ["hooks.example"] * 2


async def test_a_busy_name_is_refreshed_before_its_entry_expires() -> None:
    resolver, now = FakeResolver({"hooks.example": [PUBLIC]}), Now()
    guard = Guard(NONE, resolver, now=now)
    await guard.resolve_target(HOOKS, 1)
    now.at = 8
    resolver.results["hooks.example"] = ["1.1.1.1"]
    assert [str(address) for address in await guard.resolve_target(HOOKS, 1)] == [PUBLIC]

    def looked_up_again() -> bool:
        entry = guard._dns._entries.get("hooks.example")
        return entry is not None and entry.expires_at == 18

    await eventually(looked_up_again)
    now.at = 14
    assert [str(address) for address in await guard.resolve_target(HOOKS, 1)] == ["1.1.1.1"]
    assert resolver.lookups == ["hooks.example"] * 2


async def test_a_failed_refresh_keeps_addresses_until_they_expire() -> None:
    resolver, now = FakeResolver({"hooks.example": [PUBLIC]}), Now()
    guard = Guard(NONE, resolver, now=now)
    await guard.resolve_target(HOOKS, 1)
    now.at, resolver.results["hooks.example"] = 8, no_such_name()
    assert await guard.resolve_target(HOOKS, 1)
    await eventually(lambda: len(resolver.lookups) == 2 and not guard._dns._resolver._running)
    assert await guard.resolve_target(HOOKS, 1)
    now.at = 10.5
    with pytest.raises(DnsFailed):
        await guard.resolve_target(HOOKS, 1)


async def test_a_failed_lookup_is_cached_for_two_seconds() -> None:
    resolver, now = FakeResolver({"hooks.example": no_such_name()}), Now()
    guard = Guard(NONE, resolver, now=now)
    for at in (0, 1.9):
        now.at = at
        with pytest.raises(DnsFailed, match="does not resolve"):
            await guard.resolve_target(HOOKS, 1)
    assert resolver.lookups == ["hooks.example"]
    now.at, resolver.results["hooks.example"] = 2.1, [PUBLIC]
    assert await guard.resolve_target(HOOKS, 1)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "try again"), "the DNS servers did not respond for hooks.example"),
        (socket.gaierror(socket.EAI_FAIL, "broken"), "DNS lookup of hooks.example failed"),
        (OSError("no resolver"), "DNS lookup of hooks.example failed: no resolver"),
        (UnicodeError("label too long"), "DNS lookup of hooks.example failed: label too long"),
        ([], "the host hooks.example has no address"),
    ],
)
async def test_each_resolver_error_has_its_description(problem: Exception | list[str], words: str) -> None:
    with pytest.raises(DnsFailed, match=words):
        await Guard(NONE, FakeResolver({"hooks.example": problem})).resolve_target(HOOKS, 1)


class Gate:
    """A resolver whose lookups wait until they are released, and that counts concurrent ones."""

    def __init__(self, *, blocks: str = "") -> None:
        self.open = threading.Event()
        self.lock = threading.Lock()
        self.inside = 0
        self.most = 0
        self.lookups: list[str] = []
        self._blocks = blocks

    def __call__(self, host: str) -> tuple[object, ...]:
        with self.lock:
            self.lookups.append(host)
            self.inside += 1
            self.most = max(self.most, self.inside)
        if host.endswith(self._blocks):
            self.open.wait(10)
        with self.lock:
            self.inside -= 1
        return (ip_address(PUBLIC),)


@pytest.fixture
def gate() -> Iterator[Gate]:
    blocking_gate = Gate(blocks="dead.example")
    yield blocking_gate
    blocking_gate.open.set()


async def test_concurrent_lookups_of_one_name_are_shared(gate: Gate) -> None:
    guard = Guard(NONE, gate)  # type: ignore[arg-type]
    target = parse_target("https://a.dead.example/")
    asking = [asyncio.create_task(guard.resolve_target(target, 5)) for _ in range(50)]
    await asyncio.sleep(0.02)
    asking[0].cancel()
    gate.open.set()
    assert all([await lookup for lookup in asking[1:]])
    assert gate.lookups == ["a.dead.example"]


async def test_a_hanging_lookup_ends_at_the_callers_deadline_and_serves_the_next_one(gate: Gate) -> None:
    guard = Guard(NONE, gate)  # type: ignore[arg-type]
    target = parse_target("https://a.dead.example/")
    started = time.perf_counter()
    with pytest.raises(DnsFailed, match="took longer than"):
        await guard.resolve_target(target, 0.05)
    assert time.perf_counter() - started < 0.3
    gate.open.set()
    assert await guard.resolve_target(target, 5)
    assert gate.lookups == ["a.dead.example"]


async def test_a_zone_gets_no_more_than_its_share_of_lookups(gate: Gate) -> None:
    guard = Guard(NONE, gate, max_lookups=6, lookups_per_zone=2)  # type: ignore[arg-type]
    asking = [
        asyncio.create_task(guard.resolve_target(parse_target(f"https://h{number}.dead.example/"), 5))
        for number in range(10)
    ]
    await eventually(lambda: gate.inside == 2)
    for number in range(20):
        assert await guard.resolve_target(parse_target(f"https://h{number}.alive.test/"), 1)
    gate.open.set()
    assert all([await lookup for lookup in asking])
    assert len(gate.lookups) == 30
    assert gate.most <= 3


async def test_all_lookups_together_are_bounded(gate: Gate) -> None:
    gate._blocks = ""
    guard = Guard(NONE, gate, max_lookups=5)  # type: ignore[arg-type]
    asking = [
        asyncio.create_task(guard.resolve_target(parse_target(f"https://hooks.zone{number}.example/"), 5))
        for number in range(40)
    ]
    await eventually(lambda: gate.inside == 5)
    gate.open.set()
    assert all([await lookup for lookup in asking])
    assert gate.most == 5


async def test_a_lookup_never_blocks_the_event_loop(gate: Gate) -> None:
    guard = Guard(NONE, gate)  # type: ignore[arg-type]
    asking = asyncio.create_task(guard.resolve_target(parse_target("https://a.dead.example/"), 5))
    beats = 0
    for _ in range(20):
        await asyncio.sleep(0.001)
        beats += 1
    assert beats == 20
    assert not asking.done()
    gate.open.set()
    await asking


@pytest.mark.parametrize(
    ("host", "zone"),
    [
        ("hooks.example.com", "example.com"),
        ("a.b.c.example.com", "example.com"),
        ("example.com", "example.com"),
        ("hooks.shop.co.uk", "shop.co.uk"),
        ("shop.co.uk", "shop.co.uk"),
        ("co.uk", "co.uk"),
        ("hooks.firma.de", "firma.de"),
    ],
)
def test_names_are_bounded_by_the_zone_that_they_share(host: str, zone: str) -> None:
    assert zone_of(host) == zone


def test_the_systems_resolver_gives_each_address_once() -> None:
    addresses = system_resolver("localhost")
    assert ip_address("127.0.0.1") in addresses
    assert len(set(addresses)) == len(addresses)
