"""The real service and the real receiver, as processes on free ports, for scenario and browser tests."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).resolve().parent.parent
KEY = "bw_tests-only-0123456789abcdef0123456789abcdef"
_START_SECONDS = 30.0
_URL = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]):\d+")

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within: float = 10.0, every: float = 0.05) -> T:
    """Return what `look` returns once that is true; fail with its last value after `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := look()):
        assert time.monotonic() < deadline, f"still {value!r} after {within} s"
        time.sleep(every)
    return value


def clean_environment(**variables: str) -> dict[str, str]:
    """Return this environment without any setting of Breakwater's but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BREAKWATER_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables}


@dataclass
class Process:
    """A command of Breakwater's that runs, and what it has printed."""

    popen: subprocess.Popen[bytes]
    output: Path

    @property
    def printed(self) -> str:
        """Return everything it has written so far, to stdout and stderr."""
        return self.output.read_text(errors="replace")

    def wait(self, seconds: float = 30.0) -> int:
        """Return the exit code once it has ended."""
        return self.popen.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.popen.kill()
        self.popen.wait(10)


def start(arguments: list[str], folder: Path, variables: Mapping[str, str] | None = None) -> Process:
    """Start `breakwater ARGUMENTS` in `folder`."""
    output = folder / f"{arguments[0]}-{time.time_ns()}.log"
    with output.open("wb") as stream:
        popen = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "breakwater", *arguments],
            cwd=folder,
            env=clean_environment(**(variables or {})),
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    return Process(popen, output)


def url_printed_by(process: Process, after: str) -> str:
    """Return the address that it prints once it listens."""

    def look() -> str | None:
        assert process.popen.poll() is None, f"it ended:\n{process.printed}"
        ready = process.printed.partition(after)[2]
        found = _URL.search(ready)
        return found[0] if found and "\n" in ready else None

    return eventually(look, within=_START_SECONDS) or ""


@dataclass
class Service(Process):
    """A running service."""

    url: str = ""
    key: str = KEY
    api: httpx.Client = field(default_factory=httpx.Client)
    """Its API, as an administrator."""

    def endpoint(self, url: str, **fields: Any) -> str:
        """Make an endpoint and return its id."""
        made = self.api.post("/endpoints", json={"url": url, **fields})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def send(self, payload: Any = None, *, event_type: str = "test.sent", **fields: Any) -> dict[str, Any]:
        """Hand in a message and return the answer."""
        answer = self.api.post(
            "/messages", json={"event_type": event_type, "payload": payload or {}, **fields}
        )
        assert answer.status_code == 202, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    def delivery(self, delivery_id: str) -> dict[str, Any]:
        """Return a delivery with its attempts."""
        found = self.api.get(f"/deliveries/{delivery_id}")
        assert found.status_code == 200, found.text
        delivery: dict[str, Any] = found.json()
        return delivery

    def delivery_once(self, delivery_id: str, status: str, *, within: float = 15.0) -> dict[str, Any]:
        """Return a delivery once it has `status`."""

        def look() -> dict[str, Any] | None:
            found = self.delivery(delivery_id)
            return found if found["status"] == status else None

        return eventually(look, within=within) or {}

    @property
    def sign_in_link(self) -> str:
        """Return the single-use link that the start printed."""
        found = re.search(r"http://\S+/welcome#\S+", self.printed)
        assert found, self.printed
        return found[0]


@dataclass
class ReceiverProcess(Process):
    """A running receiver."""

    url: str = ""
    desk: httpx.Client = field(default_factory=httpx.Client)
    """Where what it received is asked, and orders are given."""

    def received(self, path: str) -> list[dict[str, Any]]:
        """Return what came to `path`, oldest first."""
        items: list[dict[str, Any]] = self.desk.get(
            "/received", params={"path": path, "limit": 100_000}
        ).json()["items"]
        return items

    def order(self, path: str, query: str) -> None:
        """Change how `path` behaves: `order("/failing", "status=200")`."""
        answer = self.desk.put(f"/control{path}?{query}")
        assert answer.status_code == 200, answer.text


def service_variables(folder: Path, **settings: object) -> dict[str, str]:
    """Return the environment of a service on a free port, its database in `folder`; loopback endpoints are allowed.

    `settings` are the names of core/settings/model.py.
    """
    chosen = {
        "port": 0,
        "database_url": f"sqlite+aiosqlite:///{folder / 'breakwater.db'}",
        "bootstrap_key": KEY,
        "allowed_networks": "127.0.0.1/32",
        "example_endpoint": False,
        "log_format": "json",
        **settings,
    }
    return {f"BREAKWATER_{name.upper()}": str(value) for name, value in chosen.items() if value is not None}


@contextmanager
def running_service(
    folder: Path,
    flags: tuple[str, ...] = (),
    *,
    environment: Mapping[str, str] | None = None,
    **settings: object,
) -> Iterator[Service]:
    """Run the service with `service_variables`, and with what `environment` has beside them.

    It is ended by SIGTERM, or not at all where the test did that.
    """
    variables = {**service_variables(folder, **settings), **(environment or {})}
    process = start(["serve", *flags], folder, variables)
    try:
        url = url_printed_by(process, "Breakwater is running.")
        headers = {"authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30, trust_env=False) as api:
            yield Service(process.popen, process.output, url=url, api=api)
    finally:
        end(process)


@contextmanager
def running_receiver(folder: Path, *, keep: int = 10_000) -> Iterator[ReceiverProcess]:
    """Run the scriptable receiver on a free port of loopback."""
    process = start(["receiver", "--port", "0", "--keep", str(keep)], folder)
    try:
        url = url_printed_by(process, "listening on")
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as desk:
            yield ReceiverProcess(process.popen, process.output, url=url, desk=desk)
    finally:
        end(process)


def end(process: Process) -> None:
    """End it by SIGTERM, unless the test has ended it."""
    if process.popen.poll() is None:
        process.signal(signal.SIGTERM)
        try:
            process.wait()
        except subprocess.TimeoutExpired:
            process.kill()
