"""Response heads for fuzzing: each number stands for one head, so that a failure can be repeated."""

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from random import Random

from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.retry import SERVICE_SCHEDULE
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.verdict import decide
from breakwater.core.egress.reqwest.origins import ExpiringOrigins
from breakwater.core.egress.reqwest.sender import ReqwestSender
from tests.egress.conftest import Wire, make_wire

_VERSIONS = b"HTTP/1.1|HTTP/1.1|HTTP/1.0|HTTP/0.9|HTTP/1.2|HTTP/2|http/1.1|ICY|".split(b"|")
_CODES = b"200 200 200 200 200 200 204 301 304 404 410 429 500 503 599 600 999".split()
_ODD_CODES = b"100|101|103|199|000|099|20|2000|-200|+200|2e2|abc|".split(b"|")
_REASONS = (b" OK", b"", b" ", b" \xff\xfe", b" O\x00K", b" O\tK", b" " + b"x" * 9000, b" \xc3\xa9t\xc3\xa9")
_LINE_ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\n", b"")
_SEPARATORS = (b":", b" : ", b":\t", b"", b": \r\n ", b";", b"::")
_LENGTHS = (
    *b"2, 2|2,2,2|2, 3|02|02, 2|2,|,2|+2|-2|-0|0x2|2.0|1e9|| 2 |2 2|2;|1_0|\xd9\xa2|\xff|two".split(b"|"),
    *b"0|00|1|3|99|10000000000|9223372036854775807|9223372036854775808|18446744073709551615".split(b"|"),
    *(b"18446744073709551616", b"9" * 5000),
)
_CODINGS = (
    *b"chunked|Chunked|gzip|gzip, chunked|chunked, gzip|chunked, chunked|identity".split(b"|"),
    *b"chunked;q=1|xchunked||\xff|chunked\x0b|, chunked".split(b"|"),
)
_DATES = (
    *b"120|-1|NaN|inf|1e400|soon|\xff|Fri, 31 Dec 2027 23:59:59 GMT|Fri, 31 Dec 9999 23:59:59 GMT".split(
        b"|"
    ),
    *b"Fri, 31 Dec 99999 23:59:59 GMT|Fri, 31 Dec 2027 23:59:59 -9999|Fri, 31 Dec 0000 23:59:59 GMT".split(
        b"|"
    ),
    *(b"Mon, 00 Foo 0001 99:99:99 +0000", b"1 Jan 1 00:00:00 +2399", b"9" * 400),
)
_VALUES: dict[bytes, Sequence[bytes]] = {
    b"Content-Length": _LENGTHS,
    b"Transfer-Encoding": _CODINGS,
    b"Retry-After": _DATES,
    b"Connection": (b"close", b"keep-alive", b"upgrade", b"close, keep-alive", b"\xff", b"", b",,,"),
    b"Upgrade": (b"h2c", b"websocket", b"\xff", b""),
    b"Content-Encoding": (b"gzip", b"br", b"zstd", b"deflate", b"gzip, gzip", b"\xff", b"unknown"),
    b"Content-Type": b"application/json; charset=utf-7|text/html; charset=\xff|/|;;;|a/b; charset=".split(
        b"|"
    ),
    b"Set-Cookie": (b"a=1", b"\x01", b"a=" + b"b" * 5000, b"a=\xff; Path=/; Expires=never"),
    b"Location": (*b"http://[|/\xff|//|http://a.example/\x01|\\\\evil".split(b"|"), b"http://" + b"a" * 9000),
    b"Trailer": (b"Content-Length", b"\xff"),
    b"Date": _DATES,
    b"Link": (b"</a>; rel=preload", b"<\xff>"),
    b"WWW-Authenticate": (b"Basic realm=\xff", b"\xff"),
    b"Alt-Svc": (b'h3=":443"', b"clear", b"\xff"),
    b"Strict-Transport-Security": (b"max-age=31536000", b"max-age=" + b"9" * 400),
}
_NAMES = (*_VALUES, b"X-A", b"x-a", b"X" * 300)
_ODD_NAMES = (b"X A", b"", b"X\xff", b"X\x00", b"@", b"\xef\xbb\xbfX", b"X" * 9000)
_BODIES = (
    *(b"ok", b"", b"2\r\nok\r\n0\r\n\r\n", b"ok" * 3000, b"ffffffffffffffffff\r\n"),
    b"2\r\nok\r\n0\r\nX: \xff\r\n\r\n",
)
_PREFIXES = (b"\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n")


def make_response(number: int) -> bytes:
    """Return the head of this number with some body: mostly well formed, often odd, sometimes noise."""
    random = Random(number)
    end = random.choice(_LINE_ENDS) if random.random() < 0.03 else b"\r\n"
    code = random.choice(_ODD_CODES if random.random() < 0.15 else _CODES)
    version = random.choice(_VERSIONS) if random.random() < 0.3 else b"HTTP/1.1"
    lines = [version + b" " + code + random.choice(_REASONS if random.random() < 0.3 else (b" OK",))]
    lines += [_header(random) for _ in range(_header_count(random))]
    if random.random() < 0.5:
        lines.append(b"Content-Length: 2")
    response = end.join((*lines, b"", b"")) + random.choice(_BODIES)
    response = _noise(random, response) if random.random() < 0.1 else response
    return random.choice(_PREFIXES) + response if random.random() < 0.04 else response


def _header_count(random: Random) -> int:
    return random.choice((90, 101, 150, 300)) if random.random() < 0.03 else random.randrange(5)


def _header(random: Random) -> bytes:
    name = random.choice(_ODD_NAMES if random.random() < 0.08 else _NAMES)
    values = _VALUES.get(name, ())
    value = random.choice(values) if values and random.random() < 0.8 else _value(random)
    separator = random.choice(_SEPARATORS) if random.random() < 0.05 else b": "
    return name + separator + value


def _value(random: Random) -> bytes:
    kind = random.randrange(4)
    if kind == 0:
        return random.randbytes(random.randrange(40)).replace(b"\n", b"").replace(b"\r", b"")
    return (b"a", b"a" * 4000, b'"\\"')[kind - 1]


def _noise(random: Random, response: bytes) -> bytes:
    changed = bytearray(response)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(max(1, min(len(changed), 200)))
        kind = random.randrange(3)
        if kind == 0:
            changed[at : at + 1] = random.randbytes(1)
        elif kind == 1:
            del changed[at : at + random.randrange(1, 9)]
        else:
            changed[at:at] = random.randbytes(random.randrange(1, 5))
    return bytes(changed)


def number_of(request_line: bytes) -> int:
    """Return the number that the path of a request names."""
    return int(request_line.split(b" ")[1].rpartition(b"/")[2])


@contextlib.asynccontextmanager
async def fuzzing_receiver() -> AsyncIterator[int]:
    """Serve the response of number `n` at `/n` and yield the port. Every fourth connection ends with RST."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            number = number_of(head)
            writer.write(make_response(number))
            await writer.drain()
            if number % 4 == 0:
                raw = writer.get_extra_info("socket")
                raw.setsockopt(1, 13, struct.pack("ii", 0, 0))
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=512)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def check_head(wire: Wire, port: int, number: int) -> Outcome:
    """Send one request and assert that its outcome is a verdict: a response, or a failure with its words."""
    outcome = await wire.post(f"http://hooks.example:{port}/{number}", body=b"{}", headers=())
    match outcome:
        case Response():
            assert 100 <= outcome.status <= 999, (number, outcome)
            assert "\x00" not in "".join(value for pair in outcome.headers for value in pair), number
            str(outcome.headers).encode()
        case TransportFailure():
            # A head that is cut, or that only announces another one, ends when its connection does.
            assert outcome.failure in {FailureClass.PROTOCOL, FailureClass.CONNECT}, (number, outcome)
            assert outcome.failure is FailureClass.PROTOCOL or "without a response" in outcome.detail, (
                number,
                outcome,
            )
            assert 0 < len(outcome.detail) <= 300, (number, outcome)
    decide(outcome, policy=SERVICE_SCHEDULE, spent=1, now=1.0, wall=1.8e9, draw=0.5)
    return outcome


def fuzzing_wire(kind: str) -> Wire:
    """Return a sender of this kind that never remembers which origins send large heads: all heads have one origin."""
    wire = make_wire(kind)
    if isinstance(wire.sender, ReqwestSender):
        wire.sender._large_heads = ExpiringOrigins(0.0)
    return wire


async def fuzz_heads(kind: str, numbers: Iterable[int], *, concurrency: int = 16) -> Counter[str]:
    """Send a request for each number and return how many outcomes there are of each kind."""
    wire = fuzzing_wire(kind)
    remaining = iter(numbers)
    counts: Counter[str] = Counter()

    async def send_all(port: int) -> None:
        for number in remaining:
            outcome = await check_head(wire, port, number)
            counts[outcome.failure.value if isinstance(outcome, TransportFailure) else "response"] += 1

    async with fuzzing_receiver() as port, asyncio.TaskGroup() as tasks:
        for _ in range(concurrency):
            tasks.create_task(send_all(port))
    await wire.sender.close()
    return counts
