"""The cost of a request with each sender, against a receiver in another process.

    python bench/senders.py [reqwest|httpx] [--requests N] [--at-once N] [--profile]

`loop` is the processor time of the event-loop thread, the bottleneck of one process; `process` includes the Rust
threads. The receiver responds immediately with 200 and a small JSON body.
"""

import argparse
import asyncio
import cProfile
import multiprocessing
import pstats
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.target import AllowedNetworks, parse_target
from breakwater.core.egress.guard import Guard
from breakwater.core.egress.httpx.sender import HttpxSender
from breakwater.core.egress.reqwest.sender import ReqwestSender
from breakwater.core.ports import OutboundRequest, Sender

RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: bench\r\nContent-Length: 15\r\n\r\n"
    b'{"status":"ok"}'
)
HEADERS = (
    ("Content-Type", "application/json"),
    ("webhook-id", "msg_01jd3k5v9xabcdefghijklmnop"),
    ("webhook-timestamp", "1763773200"),
    ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
)
LOOPBACK = IPv4Address("127.0.0.1")
BODY = b"x" * 500
SENDERS: dict[str, Callable[[Guard], Sender]] = {"reqwest": ReqwestSender, "httpx": HttpxSender}


class Receiver(asyncio.Protocol):
    """Responds to every complete request, with a minimum of HTTP."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n") + 4) > 3:
            _, _, length = self._data[:end].lower().partition(b"content-length:")
            whole = end + int(length.split(b"\r\n", 1)[0])
            if len(self._data) < whole:
                return
            self._data = self._data[whole:]
            self._transport.write(RESPONSE)  # type: ignore[attr-defined]


def receive(port: "multiprocessing.Queue[int]") -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


async def measure(kind: str, port: int, requests: int, at_once: int) -> None:
    sender = SENDERS[kind](Guard(AllowedNetworks.parse("127.0.0.0/8"), lambda _: (LOOPBACK,)))
    target = parse_target(f"http://hooks.example:{port}/hook")
    request = OutboundRequest(target, HEADERS, BODY, timeout=10.0)

    async def one_after_another(times: int) -> None:
        for _ in range(times):
            outcome = await sender.send(request)
            assert isinstance(outcome, Response), outcome

    await one_after_another(50)
    began, loop, process = time.perf_counter(), time.thread_time(), time.process_time()
    await asyncio.gather(*(one_after_another(requests // at_once) for _ in range(at_once)))
    took, done = time.perf_counter() - began, requests // at_once * at_once
    loop_us, process_us = (
        (time.thread_time() - loop) / done * 1e6,
        (time.process_time() - process) / done * 1e6,
    )
    print(
        f"{kind:8} {done / took:8,.0f} requests/s   loop {loop_us:5.0f} µs   process {process_us:5.0f} µs a request"
    )
    await sender.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("kinds", nargs="*", default=list(SENDERS), help="which senders; default: both")
    options.add_argument("--requests", type=int, default=20_000)
    options.add_argument("--at-once", type=int, default=64)
    options.add_argument("--profile", action="store_true", help="profile the Python code")
    chosen = options.parse_args()
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    receiver = context.Process(target=receive, args=(ports,), daemon=True)
    receiver.start()
    port = ports.get()
    for kind in chosen.kinds:
        requests = chosen.requests if kind == "reqwest" else chosen.requests // 10
        profile = cProfile.Profile()
        if chosen.profile:
            profile.enable()
        uvloop.run(measure(kind, port, requests, chosen.at_once))
        if chosen.profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(20)
    receiver.terminate()


if __name__ == "__main__":
    main()
