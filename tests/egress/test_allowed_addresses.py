"""Connections go only to checked addresses. Over both senders."""

import asyncio
import socket
import threading
import time

import pytest

from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.target import NONE, parse_target
from breakwater.core.egress.guard import Guard
from breakwater.core.ports import OutboundRequest
from tests.egress.conftest import (
    DEADLINE,
    LINUX,
    LOOPBACK,
    FakeResolver,
    Wire,
    make_wire,
    no_such_name,
    servers_failed,
)
from tests.egress.receivers import OK, Receiver, closed_port, hang_up, respond


async def test_a_name_that_does_not_resolve_is_a_dns_failure(wire: Wire) -> None:
    wire.resolver.results["gone.example"] = no_such_name()
    outcome = await wire.post("http://gone.example/")
    assert isinstance(outcome, TransportFailure)
    assert (outcome.failure, outcome.detail) == (FailureClass.DNS, "the host gone.example does not resolve")


async def test_failing_name_servers_are_a_dns_failure(wire: Wire) -> None:
    wire.resolver.results["sick.example"] = servers_failed()
    outcome = await wire.post("http://sick.example/")
    assert isinstance(outcome, TransportFailure)
    assert (outcome.failure, outcome.detail) == (
        FailureClass.DNS,
        "the DNS servers did not respond for sick.example",
    )


async def test_name_servers_that_hang_end_inside_the_deadline(wire: Wire) -> None:
    released = threading.Event()
    wire.resolver.results["slow.example"] = lambda: ["127.0.0.1"] if released.wait(5) else []
    started = time.perf_counter()
    outcome = await wire.post("http://slow.example/", timeout=DEADLINE)
    assert time.perf_counter() - started < DEADLINE + 1
    released.set()
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is FailureClass.DNS
    assert "DNS lookup of slow.example took longer than" in outcome.detail


async def test_one_forbidden_address_among_others_forbids_the_name(wire: Wire) -> None:
    async with Receiver(respond(OK)) as receiver:
        wire.resolver.results["hooks.example"] = ["127.0.0.1", "10.0.0.7"]
        outcome = await wire.post(f"http://hooks.example:{receiver.port}/")
        assert receiver.connections == 0
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is FailureClass.BLOCKED
    assert "hooks.example resolves to a blocked address: 10.0.0.7 is not a public address" in outcome.detail


async def test_a_forbidden_address_gets_no_packet(kind: str) -> None:
    resolver = FakeResolver()
    wire = make_wire(kind, resolver=resolver, guard=Guard(NONE, resolver))
    async with Receiver(respond(OK)) as receiver:
        for host in ("hooks.example", "127.0.0.1"):
            # Parsed as if loopback were allowed: it was, when the endpoint was saved, and no longer is.
            target = parse_target(f"http://{host}:{receiver.port}/", LOOPBACK)
            outcome = await wire.sender.send(OutboundRequest(target, (), b"", DEADLINE))
            assert isinstance(outcome, TransportFailure)
            assert outcome.failure is FailureClass.BLOCKED
        assert receiver.connections == 0
    await wire.sender.close()


async def test_the_own_address_of_the_service_is_never_requested(kind: str) -> None:
    async with Receiver(respond(OK)) as own, Receiver(respond(OK)) as other:
        resolver = FakeResolver()
        guard = Guard(LOOPBACK, resolver, own_addresses=[("127.0.0.1", own.port)])
        wire = make_wire(kind, resolver=resolver, guard=guard)
        for host in ("hooks.example", "127.0.0.1"):
            outcome = await wire.post(f"http://{host}:{own.port}/")
            assert isinstance(outcome, TransportFailure)
            assert outcome.failure is FailureClass.BLOCKED
            assert f"127.0.0.1:{own.port} is the address that this service listens on" in outcome.detail
            assert isinstance(await wire.post(f"http://{host}:{other.port}/"), Response)
        assert own.connections == 0
        await wire.sender.close()


async def test_only_the_checked_address_is_connected_to(wire: Wire) -> None:
    resolved = iter([["127.0.0.1"], ["169.254.169.254"], ["169.254.169.254"]])
    wire.resolver.results["rebind.example"] = lambda: next(resolved)
    async with Receiver(respond(OK)) as receiver:
        for _ in range(3):
            assert isinstance(await wire.post(f"http://rebind.example:{receiver.port}/"), Response)
    assert wire.resolver.lookups == ["rebind.example"]


async def test_a_rebound_name_is_checked_again_after_its_next_lookup(kind: str) -> None:
    now = 1000.0
    resolved = iter([["127.0.0.1"], ["169.254.169.254"]])
    resolver = FakeResolver({"rebind.example": lambda: next(resolved)})
    wire = make_wire(kind, guard=Guard(LOOPBACK, resolver, now=lambda: now))
    async with Receiver(respond(OK)) as receiver:
        url = f"http://rebind.example:{receiver.port}/"
        assert isinstance(await wire.post(url), Response)
        now += 11
        outcome = await wire.post(url)
        assert isinstance(outcome, TransportFailure)
        assert outcome.failure is FailureClass.BLOCKED
        assert receiver.connections == 1
    await wire.sender.close()


@LINUX
async def test_the_next_address_is_tried_when_one_does_not_accept_a_connection(wire: Wire) -> None:
    async with Receiver(respond(OK), address="127.0.0.3") as receiver:
        wire.resolver.results["two.example"] = ["127.0.0.2", "127.0.0.3"]
        outcome = await wire.post(f"http://two.example:{receiver.port}/")
        assert isinstance(outcome, Response)
        assert receiver.connections == 1


@LINUX
async def test_the_next_address_is_not_tried_once_something_may_have_been_sent(wire: Wire) -> None:
    port = closed_port()
    async with (
        Receiver(hang_up, address="127.0.0.2", port=port) as first,
        Receiver(respond(OK), address="127.0.0.3", port=port) as second,
    ):
        wire.resolver.results["two.example"] = ["127.0.0.2", "127.0.0.3"]
        outcome = await wire.post(f"http://two.example:{port}/")
        assert isinstance(outcome, TransportFailure)
        assert (first.connections, second.connections) == (1, 0)


@LINUX
async def test_the_last_address_determines_the_failure_when_none_accepts_a_connection(wire: Wire) -> None:
    port = closed_port()
    wire.resolver.results["two.example"] = ["127.0.0.2", "127.0.0.3"]
    outcome = await wire.post(f"http://two.example:{port}/")
    assert isinstance(outcome, TransportFailure)
    assert outcome.detail == f"connection refused by 127.0.0.3:{port}"


async def test_an_ipv6_address_is_connected_to(wire: Wire) -> None:
    try:
        receiver = await Receiver(respond(OK), address="::1").__aenter__()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    try:
        outcome = await wire.post(f"http://[::1]:{receiver.port}/")
        assert isinstance(outcome, Response)
        assert receiver.requests[0].header("Host") == f"[::1]:{receiver.port}"
        refused = await wire.post(f"http://[::1]:{closed_port()}/")
        assert isinstance(refused, TransportFailure)
        assert "connection refused by [::1]:" in refused.detail
    finally:
        await receiver.__aexit__()


async def test_a_dead_zone_does_not_delay_other_names(wire: Wire) -> None:
    released = threading.Event()

    def resolve(host: str) -> tuple[object, ...]:
        if host.endswith("dead.example"):
            released.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return FakeResolver()(host)

    wire.guard._dns._resolver._resolve = resolve  # type: ignore[assignment]
    async with Receiver(respond(OK)) as receiver:
        dead = [
            asyncio.create_task(wire.post(f"http://h{number}.dead.example:{receiver.port}/", timeout=2))
            for number in range(200)
        ]
        await asyncio.sleep(0.05)
        started = time.perf_counter()
        alive = await asyncio.gather(
            *(wire.post(f"http://h{number}.alive.test:{receiver.port}/", timeout=2) for number in range(20))
        )
        assert time.perf_counter() - started < 1.5
        released.set()
        assert all(isinstance(outcome, Response) for outcome in alive)
        assert all(isinstance(outcome, TransportFailure) for outcome in await asyncio.gather(*dead))


async def test_an_allowed_single_label_is_still_checked_by_its_address(wire: Wire) -> None:
    allowed = LOOPBACK.with_host_names(["billing"])
    async with Receiver(respond(OK)) as receiver:
        target = parse_target(f"http://billing:{receiver.port}/hook", allowed)
        request = OutboundRequest(target, (), b"{}", 5.0)
        assert isinstance(await wire.sender.send(request), Response)
        wire.resolver.results["payroll"] = ["10.0.0.7"]
        target = parse_target(f"http://payroll:{receiver.port}/hook", LOOPBACK.with_host_names(["payroll"]))
        blocked = await wire.sender.send(OutboundRequest(target, (), b"{}", 5.0))
    assert isinstance(blocked, TransportFailure)
    assert blocked.failure is FailureClass.BLOCKED
