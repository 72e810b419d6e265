"""A shortage of this machine is not a failure of the receiver. Over both senders."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
from ipaddress import ip_address
from pathlib import Path

import pytest
from pyreqwest.client import Client

from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.shortage import Resource, resource_of
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.target.networks import Address
from breakwater.core.domain.verdict import BreakerSignal, breaker_signal
from breakwater.core.egress.dns_cache import system_resolver
from breakwater.core.egress.failures import LocalShortage, connection_failed
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.reqwest.client_pool import ClientPool, PinnedAddress
from tests.egress.certificates import Authority
from tests.egress.conftest import LINUX, LOOPBACK, FakeResolver, Wire, make_wire
from tests.egress.receivers import OK, Receiver, closed_port, respond
from tests.egress.shortages import descriptors_left

ROOT = Path(__file__).resolve().parents[2]
NAMESPACES = pytest.mark.skipif(
    sys.platform != "linux"
    or shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode != 0,  # noqa: S607 -- from PATH
    reason="needs a network namespace of its own",
)


def short_of(outcome: Outcome, resource: Resource) -> bool:
    assert isinstance(outcome, TransportFailure), outcome
    assert (outcome.failure, outcome.shortage) == (FailureClass.LOCAL_SHORTAGE, resource), outcome
    return "Breakwater has run out of" in outcome.detail


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EMFILE, "file descriptors"),
        (errno.ENFILE, "file descriptors"),
        (errno.ENOMEM, "memory"),
        (errno.ENOBUFS, "memory"),
        (errno.EADDRNOTAVAIL, "local ports"),
        (errno.ENOSPC, "socket watches"),
    ],
)
def test_a_local_shortage_steps_no_circuit_and_names_what_ran_out(number: int, words: str) -> None:
    failure = connection_failed(number, "127.0.0.1:80")
    assert failure.failure is FailureClass.LOCAL_SHORTAGE
    assert f"Breakwater has run out of {words}" in failure.detail
    assert breaker_signal(failure.failure) is BreakerSignal.NOTHING


@pytest.mark.parametrize(
    ("error", "resource"),
    [
        (MemoryError(), Resource.MEMORY),
        (socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"), Resource.MEMORY),
        (RuntimeError("can't start new thread"), Resource.THREADS),
        (
            RuntimeError("Failed to create tokio runtime: Too many open files (os error 24)"),
            Resource.FILE_DESCRIPTORS,
        ),
        (
            RuntimeError(
                "Failed to spawn tokio runtime thread: Resource temporarily unavailable (os error 11)"
            ),
            Resource.THREADS,
        ),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), None),
        (ExceptionGroup("all", [OSError(errno.ENOBUFS, "No buffer space available")]), Resource.MEMORY),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), None),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), None),
        (RuntimeError("cannot schedule new futures after shutdown"), None),
        (TimeoutError(), None),
    ],
)
def test_an_exception_says_whether_something_ran_out(error: Exception, resource: Resource | None) -> None:
    assert resource_of(error) is resource
    wrapper = OSError("wrapped")
    wrapper.__cause__ = error
    assert resource_of(wrapper) is resource


@LINUX
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_without_file_descriptors_an_attempt_is_short_of_them(
    wire: Wire, authority: Authority, certificates: Path, scheme: str
) -> None:
    tls = authority.server_context(certificates, "hooks.example") if scheme == "https" else None
    port = closed_port()
    async with Receiver(respond(OK), tls) as receiver:
        # The first request builds the client, which needs descriptors of its own.
        assert isinstance(await wire.post(f"{scheme}://hooks.example:{receiver.port}/"), Response)
        with descriptors_left(0):
            outcome = await wire.post(f"{scheme}://hooks.example:{port}/")
    assert short_of(outcome, Resource.FILE_DESCRIPTORS)


@LINUX
@pytest.mark.parametrize("left", [0, 1, 2, 3])
async def test_a_client_is_not_built_while_descriptors_are_short(kind: str, left: int) -> None:
    wire = make_wire(kind)
    async with Receiver(respond(OK)) as receiver:
        url = f"http://hooks.example:{receiver.port}/"
        with descriptors_left(left):
            outcome = await wire.post(url)
        if kind == "reqwest":
            assert short_of(outcome, Resource.FILE_DESCRIPTORS)
        assert isinstance(await wire.post(url), Response)
    await wire.sender.close()


@LINUX
async def test_a_name_that_cannot_be_looked_up_for_lack_of_descriptors_is_not_unknown(kind: str) -> None:
    wire = make_wire(kind, guard=Guard(LOOPBACK, system_resolver))
    with descriptors_left(0):
        outcome = await wire.post("http://nobody.example/")
    assert short_of(outcome, Resource.FILE_DESCRIPTORS)
    outcome = await wire.post("http://nobody.example/")
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is FailureClass.DNS, "the shortage was not cached as a property of the name"
    await wire.sender.close()


@pytest.mark.parametrize(
    ("error", "resource"),
    [
        (OSError(errno.EMFILE, "Too many open files"), Resource.FILE_DESCRIPTORS),
        (socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"), Resource.MEMORY),
        (MemoryError(), Resource.MEMORY),
    ],
)
async def test_a_lookup_that_this_machine_cannot_make_is_made_again_by_the_next_attempt(
    kind: str, error: Exception, resource: Resource
) -> None:
    wire = make_wire(kind, resolver=FakeResolver({"hooks.example": error}))
    async with Receiver(respond(OK)) as receiver:
        url = f"http://hooks.example:{receiver.port}/"
        assert short_of(await wire.post(url), resource)
        wire.resolver.results.clear()
        assert isinstance(await wire.post(url), Response)
    await wire.sender.close()


async def test_a_lookup_without_a_thread_is_a_shortage(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("lookup"):
            raise RuntimeError("can't start new thread")
        start(thread)

    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", refuse)
    wire = make_wire(kind)
    assert short_of(await wire.post("http://hooks.example/"), Resource.THREADS)
    await wire.sender.close()


async def test_a_lookup_behind_hanging_zones_is_a_shortage_and_one_behind_its_own_zone_is_not(
    kind: str,
) -> None:
    let_go = threading.Event()

    def resolve(_host: str) -> tuple[Address, ...]:
        let_go.wait(10)
        return ()

    wire = make_wire(kind, guard=Guard(LOOPBACK, resolve, max_lookups=2, lookups_per_zone=1))
    try:
        first = await wire.post("http://one.hangs.example/", timeout=0.1)
        same_zone = await wire.post("http://two.hangs.example/", timeout=0.1)
        await wire.post("http://other.test.example.org/", timeout=0.1)
        assert short_of(await wire.post("http://hooks.example.net/", timeout=0.1), Resource.LOOKUPS)
    finally:
        let_go.set()
    for outcome in (first, same_zone):
        assert isinstance(outcome, TransportFailure)
        assert outcome.failure is FailureClass.DNS
    await wire.sender.close()


@LINUX
def test_without_descriptors_the_guard_lets_no_address_of_this_machine_pass() -> None:
    address = address_of_this_machine()
    guard = Guard(LOOPBACK, FakeResolver(), own_addresses=[("0.0.0.0", 8420)])
    with descriptors_left(0), pytest.raises(LocalShortage):
        guard.check_address(address, 8420)


def address_of_this_machine() -> Address:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address besides loopback")
        return ip_address(probe.getsockname()[0])


async def test_memory_that_runs_out_in_the_client_is_a_shortage(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = make_wire(kind)

    def no_memory(*_: object, **__: object) -> object:
        raise MemoryError

    async with Receiver(respond(OK)) as receiver:
        url = f"http://hooks.example:{receiver.port}/"
        assert isinstance(await wire.post(url), Response)
        if kind == "reqwest":
            monkeypatch.setattr("breakwater.core.egress.reqwest.sender._streamed", no_memory)
        else:
            monkeypatch.setattr("httpcore.AsyncConnectionPool.handle_async_request", no_memory)
        assert short_of(await wire.post(url), Resource.MEMORY)
    await wire.sender.close()


async def test_an_attempt_whose_client_is_not_ready_in_time_is_postponed_and_the_next_one_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_go = threading.Event()
    build = ClientPool._build

    def slow_build(clients: ClientPool, pinned: PinnedAddress) -> Client:
        let_go.wait(10)
        return build(clients, pinned)

    monkeypatch.setattr(ClientPool, "_build", slow_build)
    wire = make_wire("reqwest")
    async with Receiver(respond(OK)) as receiver:
        url = f"http://hooks.example:{receiver.port}/"
        assert short_of(await wire.post(url, timeout=0.4), Resource.PROCESSOR)
        assert receiver.connections == 0
        let_go.set()
        assert isinstance(await wire.post(url), Response)
    await wire.sender.close()


def run_in_namespace(script: str) -> str:
    """Run a script in a network namespace of its own, and return what it prints."""
    command = f"ip link set lo up && exec {sys.executable} -c '{textwrap.dedent(script)}'"
    return run("unshare", "-rn", "sh", "-c", command)


def run(*command: str) -> str:
    completed = subprocess.run(  # noqa: S603 -- our own script
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


SEND = """
import asyncio, os, socket, sys
from pathlib import Path
from tests.egress.conftest import SENDERS, make_wire

def end():
    # The threads of the HTTP client outlive the interpreter.
    sys.stdout.flush()
    os._exit(0)

async def send(url):
    for kind in sorted(SENDERS):
        wire = make_wire(kind)
        outcome = await wire.post(url, timeout=2)
        print(kind, outcome.failure, outcome.shortage, outcome.detail)
        await wire.sender.close()
"""


@LINUX
def test_without_memory_for_a_thread_an_attempt_is_short_of_threads() -> None:
    printed = run(
        sys.executable,
        "-c",
        SEND
        + """
import resource
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 4_000_000, resource.RLIM_INFINITY))
asyncio.run(send("http://hooks.example/"))
end()
""",
    )
    assert [line.split()[:3] for line in printed.splitlines()] == [
        ["httpx", "local_shortage", "threads"],
        ["reqwest", "local_shortage", "threads"],
    ]


@LINUX
def test_without_memory_for_the_threads_of_the_client_an_attempt_is_short_of_threads() -> None:
    printed = run(
        sys.executable,
        "-c",
        SEND
        + """
import resource

async def send_without_threads():
    wire = make_wire("reqwest")
    await asyncio.get_running_loop().run_in_executor(wire.sender._clients._builder, print)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 500_000, resource.RLIM_INFINITY))
    outcome = await wire.post("http://127.0.0.1:8080/", timeout=2)
    print(outcome.failure, outcome.shortage)

asyncio.run(send_without_threads())
end()
""",
    )
    assert printed.split() == ["local_shortage", "threads"]


@NAMESPACES
def test_without_local_ports_an_attempt_is_short_of_them() -> None:
    printed = run_in_namespace(
        SEND
        + """
Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40007")
listener = socket.create_server(("127.0.0.1", 8080), backlog=64)
connections = []
try:
    while True:
        connections.append(socket.create_connection(("127.0.0.1", 8080)))
except OSError:
    pass
asyncio.run(send("http://127.0.0.1:8080/"))
end()
"""
    )
    assert [line.split()[:3] for line in printed.splitlines()] == [
        ["httpx", "local_shortage", "ports"],
        ["reqwest", "local_shortage", "ports"],
    ]


@NAMESPACES
def test_an_address_without_a_route_from_here_is_not_a_shortage_of_ports() -> None:
    printed = run_in_namespace(
        SEND
        + """
Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6").write_text("1")
asyncio.run(send("http://[::1]:8080/"))
end()
"""
    )
    assert [line.split()[:3] for line in printed.splitlines()] == [
        ["httpx", "connect", "None"],
        ["reqwest", "connect", "None"],
    ]
    assert printed.count("no route to [::1]:8080") == 2
