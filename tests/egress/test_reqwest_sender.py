"""What only the server's wire does: kept connections, pinned clients, their bound."""

import asyncio
import time
from pathlib import Path

import pytest
from pyreqwest.exceptions import BuilderError

from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.target import Target, parse_target
from breakwater.core.egress.failures import RequestBlocked
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.reqwest.client_pool import ClientPool, wire_url
from tests.egress.certificates import Authority
from tests.egress.conftest import LINUX, LOOPBACK, FakeResolver, make_wire
from tests.egress.receivers import OK, Connection, Receiver, closed_port, endless, once, respond

EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


@pytest.mark.parametrize("response", [OK, EMPTY], ids=["sized", "empty"])
async def test_a_connection_serves_one_request_after_another(response: bytes) -> None:
    assert await connections_of_twenty_requests(response) == 1


async def test_a_connection_is_kept_after_a_chunked_response() -> None:
    # The client's own thread returns the connection only after it has told Python of the last chunk. On a busy
    # machine the next request sometimes comes first, and opens a connection.
    assert await connections_of_twenty_requests(CHUNKED) <= 3


async def connections_of_twenty_requests(response: bytes) -> int:
    wire = make_wire("reqwest")
    async with Receiver(respond(response)) as receiver:
        for _ in range(20):
            assert isinstance(await wire.post(f"http://hooks.example:{receiver.port}/"), Response)
        connections = receiver.connections
    await wire.sender.close()
    return connections


async def test_concurrent_requests_use_separate_connections() -> None:
    async def script(connection: Connection) -> None:
        while await connection.request() is not None:
            await asyncio.sleep(0.05)
            await connection.send(OK)

    wire = make_wire("reqwest")
    async with Receiver(script) as receiver:
        url = f"http://hooks.example:{receiver.port}/"
        outcomes = await asyncio.gather(*(wire.post(url) for _ in range(30)))
        assert all(isinstance(outcome, Response) for outcome in outcomes)
        assert receiver.connections == 30
    await wire.sender.close()


async def test_a_connection_with_an_unread_body_is_not_reused() -> None:
    async def script(connection: Connection) -> None:
        if connection.number == 1:
            await endless(b"HTTP/1.1 500 Oops\r\n\r\n")(connection)
        await respond(OK)(connection)

    wire = make_wire("reqwest")
    async with Receiver(script) as receiver:
        url = f"http://hooks.example:{receiver.port}/"
        first, second = await wire.post(url), await wire.post(url)
        assert isinstance(first, Response)
        assert isinstance(second, Response)
        assert (first.status, second.status, second.body) == (500, 200, b"ok")
        assert receiver.connections == 2
    await wire.sender.close()


async def test_a_receiver_that_closes_idle_connections_fails_no_request() -> None:
    wire = make_wire("reqwest")
    async with Receiver(once(OK)) as receiver:
        for _ in range(10):
            assert isinstance(await wire.post(f"http://hooks.example:{receiver.port}/"), Response)
            await asyncio.sleep(0.01)
        assert receiver.connections == 10
    await wire.sender.close()


async def test_connection_reuse_can_be_turned_off() -> None:
    wire = make_wire("reqwest", idle_per_host=0)
    async with Receiver(respond(OK)) as receiver:
        for _ in range(3):
            assert isinstance(await wire.post(f"http://hooks.example:{receiver.port}/"), Response)
        assert receiver.connections == 3
    await wire.sender.close()


async def test_two_names_at_one_address_share_no_connection() -> None:
    wire = make_wire("reqwest")
    async with Receiver(respond(OK)) as receiver:
        for host in ("a.example", "b.example"):
            for _ in range(2):
                assert isinstance(await wire.post(f"http://{host}:{receiver.port}/"), Response)
        assert receiver.connections == 2
    await wire.sender.close()


@LINUX
async def test_targets_that_name_an_address_share_one_client() -> None:
    wire = make_wire("reqwest")
    async with Receiver(respond(OK)) as first_receiver, Receiver(respond(OK), address="127.0.0.2") as other:
        for receiver in (first_receiver, other):
            assert isinstance(await wire.post(f"http://{receiver.address}:{receiver.port}/"), Response)
    assert len(wire.sender._clients) == 1  # type: ignore[attr-defined]
    await wire.sender.close()


async def test_a_client_evicted_from_the_pool_finishes_its_requests() -> None:
    async def slow(connection: Connection) -> None:
        while await connection.request() is not None:
            await asyncio.sleep(0.2)
            await connection.send(OK)

    wire = make_wire("reqwest", max_clients=2)
    async with Receiver(slow) as receiver:
        outcomes = await asyncio.gather(
            *(wire.post(f"http://h{number}.example:{receiver.port}/") for number in range(6))
        )
        assert all(isinstance(outcome, Response) for outcome in outcomes)
    assert len(wire.sender._clients) == 2  # type: ignore[attr-defined]
    await wire.sender.close()


@LINUX
async def test_the_address_of_the_last_connection_is_tried_first() -> None:
    wire = make_wire("reqwest")
    async with Receiver(respond(OK), address="127.0.0.3") as receiver:
        wire.resolver.results["two.example"] = ["127.0.0.2", "127.0.0.3"]
        for _ in range(3):
            assert isinstance(await wire.post(f"http://two.example:{receiver.port}/"), Response)
        assert receiver.connections == 1
        async with Receiver(respond(OK), address="127.0.0.2", port=receiver.port) as first:
            assert isinstance(await wire.post(f"http://two.example:{receiver.port}/"), Response)
            assert first.connections == 0
    await wire.sender.close()


async def test_a_hanging_receiver_does_not_delay_others() -> None:
    async def hangs(connection: Connection) -> None:
        await connection.closed_by_peer()

    wire = make_wire("reqwest")
    async with Receiver(hangs) as bad, Receiver(respond(OK)) as good:
        hanging = [
            asyncio.create_task(wire.post(f"http://bad.example:{bad.port}/", timeout=1)) for _ in range(100)
        ]
        await wire.post(f"http://good.example:{good.port}/")
        started = time.perf_counter()
        for _ in range(50):
            assert isinstance(await wire.post(f"http://good.example:{good.port}/"), Response)
        assert time.perf_counter() - started < 0.5
        assert all(isinstance(outcome, TransportFailure) for outcome in await asyncio.gather(*hanging))
    await wire.sender.close()


async def test_building_clients_leaves_the_event_loop_free() -> None:
    wire = make_wire("reqwest")
    port = closed_port()
    posting = asyncio.gather(*(wire.post(f"http://h{number}.example:{port}/") for number in range(40)))
    beats = 0
    while not posting.done():
        await asyncio.sleep(0.001)
        beats += 1
    assert beats > 40  # each of them takes milliseconds to build: the loop went on between them
    await posting
    await wire.sender.close()


async def test_a_url_that_the_client_reads_differently_is_refused() -> None:
    wire = make_wire("reqwest")
    async with Receiver(respond(OK)) as receiver:
        odd = Target(f"http://other.example:{receiver.port}/", "http", "hooks.example", receiver.port, "/")
        with pytest.raises(RequestBlocked, match=r"would connect to other\.example"):
            wire_url(odd)
        assert receiver.connections == 0
    for url in (
        "http://hooks.example/",
        "https://hooks.example:8443/a?b=%20",
        "http://[2606:2800:21f::1]/",
        "http://1.1.1.1/",
    ):
        assert str(wire_url(parse_target(url))) == url
    await wire.sender.close()


@LINUX
async def test_a_name_is_never_resolved_by_the_client_itself() -> None:
    # "localhost.localdomain" may well resolve by the system's files; the guard says otherwise, and it alone is asked.
    resolver = FakeResolver({"localhost.localdomain": ["127.0.0.2"]})
    wire = make_wire("reqwest", resolver=resolver, guard=Guard(LOOPBACK, resolver))
    async with Receiver(respond(OK), address="127.0.0.2") as pinned:
        assert isinstance(await wire.post(f"http://localhost.localdomain:{pinned.port}/"), Response)
    await wire.sender.close()


async def test_tls_connections_are_kept_too(authority: Authority, certificates: Path) -> None:
    wire = make_wire("reqwest", added_roots=authority.pem)
    async with Receiver(respond(OK), authority.server_context(certificates, "hooks.example")) as receiver:
        for _ in range(5):
            assert isinstance(await wire.post(f"https://hooks.example:{receiver.port}/"), Response)
        assert receiver.connections == 1
    await wire.sender.close()


async def test_a_client_that_cannot_be_built_is_a_transport_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(_clients: ClientPool, _pin: object) -> None:
        raise BuilderError("builder error", {"causes": None})

    monkeypatch.setattr(ClientPool, "_build", build)
    wire = make_wire("reqwest")
    outcome = await wire.post("http://hooks.example:9999/")
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is FailureClass.TLS
    await wire.sender.close()


async def test_without_system_certificate_authorities_the_bundled_ones_are_used(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, certificates: Path
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, "/nonexistent")
    wire = make_wire("reqwest")
    async with Receiver(respond(OK), authority.server_context(certificates, "hooks.example")) as receiver:
        outcome = await wire.post(f"https://hooks.example:{receiver.port}/")
    assert isinstance(outcome, TransportFailure)
    assert outcome.detail == "the certificate of hooks.example is not signed by a trusted authority"
    await wire.sender.close()
