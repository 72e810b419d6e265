"""The real service and the real receiver as processes on free ports, for scenario and browser tests."""

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
_STARTED = re.compile(r'Breakwater is running\.|^(?=\{.*"service\.started")', re.MULTILINE)
"""What a start prints in the formats console and JSON."""
_URL = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]):\d+")

T = TypeVar("T")


def eventually(read: Callable[[], T], *, within: float = 10.0, every: float = 0.05) -> T:
    """Call `read` until its result is true and return it; fail with the last result after `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := read()):
        assert time.monotonic() < deadline, f"still {value!r} after {within} s"
        time.sleep(every)
    return value


def clean_environment(**variables: str) -> dict[str, str]:
    """Return this environment, with `variables` as the only settings of Breakwater."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BREAKWATER_")}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables}


@dataclass
class Process:
    """A running command of Breakwater and its output."""

    popen: subprocess.Popen[bytes]
    output: Path

    @property
    def printed(self) -> str:
        """Return its output so far, stdout and stderr together."""
        return self.output.read_text(errors="replace")

    def wait(self, seconds: float = 30.0) -> int:
        """Wait until it has ended and return the exit code."""
        return self.popen.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        """Kill it without a chance to clean up."""
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


def url_printed_by(process: Process, after: str | re.Pattern[str]) -> str:
    """Wait until it prints the URL on which it listens, and return the URL."""

    def read() -> str | None:
        assert process.popen.poll() is None, f"it ended:\n{process.printed}"
        start = re.search(after, process.printed)
        ready = process.printed[start.end() :] if start else ""
        match = _URL.search(ready)
        return match[0] if match and "\n" in ready else None

    return eventually(read, within=_START_SECONDS) or ""


@dataclass
class Service(Process):
    """A running service and a client of its API."""

    url: str = ""
    key: str = KEY
    api: httpx.Client = field(default_factory=httpx.Client)
    """A client with the scope admin."""
    first_start_file: Path = Path("breakwater-first-start.txt")

    def endpoint(self, url: str, **fields: Any) -> str:
        """Create an endpoint and return its id."""
        response = self.api.post("/endpoints", json={"url": url, **fields})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def send(self, payload: Any = None, *, event_type: str = "test.sent", **fields: Any) -> dict[str, Any]:
        """Send a message and return the response."""
        response = self.api.post(
            "/messages", json={"event_type": event_type, "payload": payload or {}, **fields}
        )
        assert response.status_code == 202, response.text
        accepted: dict[str, Any] = response.json()
        return accepted

    def delivery(self, delivery_id: str) -> dict[str, Any]:
        """Return a delivery with its attempts."""
        response = self.api.get(f"/deliveries/{delivery_id}")
        assert response.status_code == 200, response.text
        delivery: dict[str, Any] = response.json()
        return delivery

    def delivery_once(self, delivery_id: str, status: str, *, within: float = 15.0) -> dict[str, Any]:
        """Wait until a delivery has `status` and return it."""

        def read() -> dict[str, Any] | None:
            delivery = self.delivery(delivery_id)
            return delivery if delivery["status"] == status else None

        return eventually(read, within=within) or {}

    @property
    def sign_in_link(self) -> str:
        """Return the single-use link that the start printed or wrote to its file."""
        text = self.printed + (self.first_start_file.read_text() if self.first_start_file.exists() else "")
        match = re.search(r"http://\S+/welcome#\S+", text)
        assert match, text
        return match[0]


@dataclass
class ReceiverProcess(Process):
    """A running receiver."""

    url: str = ""
    control: httpx.Client = field(default_factory=httpx.Client)
    """A client of its control API."""

    def received(self, path: str) -> list[dict[str, Any]]:
        """Return the requests to `path`, oldest first."""
        items: list[dict[str, Any]] = self.control.get(
            "/received", params={"path": path, "limit": 100_000}
        ).json()["items"]
        return items

    def override(self, path: str, query: str) -> None:
        """Change how `path` responds, such as `override("/failing", "status=200")`."""
        response = self.control.put(f"/control{path}?{query}")
        assert response.status_code == 200, response.text


def service_variables(folder: Path, **settings: object) -> dict[str, str]:
    """Return the environment of a service on a free port, its database in `folder`; loopback endpoints are allowed.

    `settings` are the names of core/settings/model.py.
    """
    values = {
        "port": 0,
        "database_url": f"sqlite+aiosqlite:///{folder / 'breakwater.db'}",
        "bootstrap_key": KEY,
        "allowed_networks": "127.0.0.1/32",
        "example_endpoint": False,
        "log_format": "json",
        **settings,
    }
    return {f"BREAKWATER_{name.upper()}": str(value) for name, value in values.items() if value is not None}


@contextmanager
def running_service(
    folder: Path,
    flags: tuple[str, ...] = (),
    *,
    environment: Mapping[str, str] | None = None,
    **settings: object,
) -> Iterator[Service]:
    """Run the service with `service_variables` and the variables of `environment`.

    It is stopped by SIGTERM, unless the test has stopped it.
    """
    variables = {**service_variables(folder, **settings), **(environment or {})}
    process = start(["serve", *flags], folder, variables)
    try:
        url = url_printed_by(process, _STARTED)
        headers = {"authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30, trust_env=False) as api:
            yield Service(
                process.popen,
                process.output,
                url=url,
                api=api,
                first_start_file=folder / "breakwater-first-start.txt",
            )
    finally:
        end(process)


@contextmanager
def running_receiver(folder: Path, *, keep: int = 10_000) -> Iterator[ReceiverProcess]:
    """Run the scriptable receiver on a free port of loopback."""
    process = start(["receiver", "--port", "0", "--keep", str(keep)], folder)
    try:
        url = url_printed_by(process, "listening on")
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as control:
            yield ReceiverProcess(process.popen, process.output, url=url, control=control)
    finally:
        end(process)


def end(process: Process) -> None:
    """Stop it by SIGTERM, unless it has ended."""
    if process.popen.poll() is None:
        process.signal(signal.SIGTERM)
        try:
            process.wait()
        except subprocess.TimeoutExpired:
            process.kill()
