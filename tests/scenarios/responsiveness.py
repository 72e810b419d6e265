"""How long a service process takes to respond, without the time for which the machine ran other processes instead.

A wall clock alone blames the service for a busy machine. So two figures of the kernel are read around each request:
the processor time of the service, and how long its threads and this process were ready and had no processor. A
response took the processor time that the service used in that time, or the wall time without those waits, whichever is
longer, and never more than the wall time.
"""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_NANOSECONDS: Final = 1e9
_PROBE: Final = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_TIMEOUT: Final = 10.0


class Responsiveness:
    """Measures the responses of one service process."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self._port = port
        self._cpu_clock = (~pid << 3) | 2  # the processor clock of another process, clock_getcpuclockid(3)

    def measure(self) -> float:
        """Return how many milliseconds `/health/live` takes on a connection of its own."""
        used, waited, began = self._processor_time(), self._waited(), time.monotonic()
        self._probe()
        wall = time.monotonic() - began
        used, waited = self._processor_time() - used, self._waited() - waited
        return 1000 * max(min(wall, used), wall - waited)

    def _probe(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), _TIMEOUT) as connection:
            connection.sendall(_PROBE)
            response = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert response.startswith(b"HTTP/1.1 200"), response[:200]

    def _processor_time(self) -> float:
        return time.clock_gettime(self._cpu_clock)

    def _waited(self) -> float:
        return sum(map(_run_delay, (self._pid, os.getpid())))


def _run_delay(pid: int) -> float:
    """Return for how many seconds the threads of a process were ready to run and had no processor."""
    return sum(_schedstats(Path(f"/proc/{pid}/task"))) / _NANOSECONDS


def _schedstats(tasks: Path) -> Iterator[int]:
    for task in tasks.iterdir():
        try:
            yield int((task / "schedstat").read_text().split()[1])
        except OSError:  # the thread has ended
            continue
