"""TLS: nothing is sent to a server that the certificate does not name. Over both senders."""

import asyncio
import ssl
import time
from pathlib import Path

import pytest

from breakwater.core.domain.errors import StartRefused
from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.states import FailureClass
from tests.egress.certificates import Authority
from tests.egress.conftest import DEADLINE, Wire, make_wire
from tests.egress.receivers import OK, Connection, Receiver, once, respond, silence


def tls_failed(outcome: Outcome, detail: str) -> bool:
    assert isinstance(outcome, TransportFailure), outcome
    assert (outcome.failure, detail in outcome.detail) == (FailureClass.TLS, True), outcome
    return True


async def over_tls(wire: Wire, context: ssl.SSLContext) -> tuple[Outcome, Receiver]:
    async with Receiver(respond(OK), context) as receiver:
        return await wire.post(f"https://hooks.example:{receiver.port}/"), receiver


async def test_a_good_certificate_is_accepted(wire: Wire, authority: Authority, certificates: Path) -> None:
    outcome, receiver = await over_tls(wire, authority.server_context(certificates, "hooks.example"))
    assert isinstance(outcome, Response)
    assert receiver.requests[0].header("Host") == f"hooks.example:{receiver.port}"


async def test_the_server_name_indication_has_the_name_and_not_the_address(
    wire: Wire, authority: Authority, certificates: Path
) -> None:
    server_names: list[str | None] = []
    context = authority.server_context(certificates, "hooks.example")
    context.sni_callback = lambda _socket, name, _context: server_names.append(name)
    outcome, _ = await over_tls(wire, context)
    assert isinstance(outcome, Response)
    assert server_names == ["hooks.example"]


async def test_a_certificate_for_the_address_serves_a_literal_target(
    wire: Wire, authority: Authority, certificates: Path
) -> None:
    async with Receiver(respond(OK), authority.server_context(certificates, "127.0.0.1")) as receiver:
        outcome = await wire.post(f"https://127.0.0.1:{receiver.port}/")
    assert isinstance(outcome, Response)


async def test_a_certificate_for_the_address_does_not_serve_the_name(
    wire: Wire, authority: Authority, certificates: Path
) -> None:
    outcome, receiver = await over_tls(wire, authority.server_context(certificates, "127.0.0.1"))
    assert tls_failed(outcome, "the certificate is not valid for hooks.example")
    assert receiver.requests == []


async def test_an_expired_certificate_is_refused(
    wire: Wire, authority: Authority, certificates: Path
) -> None:
    context = authority.server_context(certificates, "hooks.example", expired=True)
    outcome, receiver = await over_tls(wire, context)
    assert tls_failed(outcome, "the certificate of hooks.example has expired")
    assert receiver.requests == []


async def test_a_certificate_for_another_name_is_refused(
    wire: Wire, authority: Authority, certificates: Path
) -> None:
    outcome, receiver = await over_tls(wire, authority.server_context(certificates, "other.example"))
    assert tls_failed(outcome, "the certificate is not valid for hooks.example")
    assert receiver.requests == []


async def test_a_certificate_of_an_unknown_authority_is_refused(wire: Wire, certificates: Path) -> None:
    outcome, receiver = await over_tls(wire, Authority.make().server_context(certificates, "hooks.example"))
    assert tls_failed(outcome, "the certificate of hooks.example is not signed by a trusted authority")
    assert receiver.requests == []


async def test_a_receiver_that_requires_a_client_certificate_is_a_tls_failure(
    wire: Wire, authority: Authority, certificates: Path
) -> None:
    context = authority.server_context(certificates, "hooks.example")
    context.maximum_version = (
        ssl.TLSVersion.TLSv1_2
    )  # later ones say it after the handshake, if they get to it
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.pem.decode())
    outcome, receiver = await over_tls(wire, context)
    assert tls_failed(outcome, "TLS")
    assert receiver.requests == []


async def test_a_handshake_that_stalls_ends_at_the_connect_limit(wire: Wire) -> None:
    async with Receiver(silence) as receiver:
        started = time.perf_counter()
        outcome = await wire.post(f"https://hooks.example:{receiver.port}/", timeout=DEADLINE)
        assert time.perf_counter() - started < DEADLINE + 1
    assert tls_failed(outcome, f"TLS handshake with 127.0.0.1:{receiver.port} not complete within 0.4 s")


async def test_a_handshake_that_drips_ends_inside_the_deadline(wire: Wire) -> None:
    async def script(connection: Connection) -> None:
        for byte in b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(100):
            await connection.send(bytes((byte,)))
            await asyncio.sleep(0.05)

    async with Receiver(script) as receiver:
        started = time.perf_counter()
        outcome = await wire.post(f"https://hooks.example:{receiver.port}/", timeout=DEADLINE)
        assert time.perf_counter() - started < DEADLINE + 1
    assert tls_failed(outcome, "not complete within 0.4 s")


async def test_a_disconnect_during_the_handshake_is_a_tls_failure(wire: Wire) -> None:
    async def hangs_up(connection: Connection) -> None:
        await connection.reader.read(10)

    async def resets(connection: Connection) -> None:
        await connection.reader.read(10)
        connection.reset()

    for script in (hangs_up, resets):
        async with Receiver(script) as receiver:
            outcome = await wire.post(f"https://hooks.example:{receiver.port}/")
        assert tls_failed(outcome, "closed the connection during the TLS handshake")


async def test_plain_http_where_tls_is_expected_is_a_tls_failure(wire: Wire) -> None:
    async def script(connection: Connection) -> None:
        await connection.reader.read(10)
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await connection.closed_by_peer()

    async with Receiver(script) as receiver:
        outcome = await wire.post(f"https://hooks.example:{receiver.port}/")
    assert tls_failed(outcome, "TLS failed")


async def test_a_response_without_close_notify_is_accepted(
    wire: Wire, authority: Authority, certificates: Path
) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok")
        await asyncio.sleep(0.05)
        connection.reset()

    async with Receiver(script, authority.server_context(certificates, "hooks.example")) as receiver:
        outcome = await wire.post(f"https://hooks.example:{receiver.port}/")
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body) == (200, b"ok")


async def test_tls_to_a_receiver_that_closes_after_each_response_works_repeatedly(
    wire: Wire, authority: Authority, certificates: Path
) -> None:
    context = authority.server_context(certificates, "hooks.example")
    async with Receiver(once(OK), context) as receiver:
        for _ in range(3):
            outcome = await wire.post(f"https://hooks.example:{receiver.port}/")
            assert isinstance(outcome, Response)


async def test_every_authority_of_a_bundle_is_trusted(kind: str, certificates: Path) -> None:
    authorities = [Authority.make(), Authority.make()]
    wire = make_wire(kind, added_roots=b"".join(authority.pem for authority in authorities))
    for authority in authorities:
        outcome, _ = await over_tls(wire, authority.server_context(certificates, "hooks.example"))
        assert isinstance(outcome, Response)
    await wire.sender.close()


def test_authorities_that_cannot_be_read_are_refused_at_the_start(kind: str) -> None:
    for junk in (b"this is no certificate", b"\xff\xfe"):
        with pytest.raises(StartRefused, match="cannot be read as PEM"):
            make_wire(kind, added_roots=junk)
