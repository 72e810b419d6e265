"""How long every page takes with a million attempts stored: p50, p95 and the service's processor time, in milliseconds.

The service is a process with default settings. A signed-in client requests each page as a whole and then its live part,
over one connection. The script compares its list with the routes of the application, so that no page is missing. On a
busy machine, processor time is the more stable figure.

::

    python bench/pages.py                   # 1,000,000 attempts in a SQLite file that is removed again
    python bench/pages.py --keep pages.db   # fill it once, reuse it the next time
    python bench/pages.py --keep pages.db --only /replays --whole
"""

import argparse
import asyncio
import html
import http.client
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._load import cpu_seconds, quantiles
from bench._page_requests import PageRequest, every_page, filters, uncovered
from bench._pages_history import Stored, stored_in
from breakwater.core.settings import Settings
from breakwater.web.app import create_app
from tests.processes import Service, running_service

LIMIT_MS = 100.0
"""Maximum p95 of a page."""
FRESH_SECONDS = 3_000.0
"""A reused history of this age still has deliveries in its last hour."""
PASSWORD = "a password of the benchmark's"
_LIVE = re.compile(r'<div id="live" hx-get="([^"]+)"')
_FORM_TOKEN = re.compile(r'name="_csrf" value="([^"]+)"')


class Browser:
    """A signed-in client with one connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._headers = {"Sec-Fetch-Site": "same-origin"}

    def sign_in(self, service: Service) -> None:
        """Set the password of the first administrator, or sign in with it."""
        path, form = "/sign-in", {"name": "admin", "password": PASSWORD}
        if "/welcome#" in service.printed:
            code = service.sign_in_link.partition("#")[2]
            path, form = "/welcome", {"code": code, "password": PASSWORD}
        response, _body = self._post(path, form)
        cookie = (response.getheader("set-cookie") or "").partition(";")[0]
        if response.status != 303 or not cookie:
            raise RuntimeError(f"sign-in failed: {path} responded {response.status}")
        self._headers["Cookie"] = cookie

    def save_views(self, stored: Stored) -> None:
        """Save a view of every filter, once."""
        token = _FORM_TOKEN.search(self.get("/deliveries").text)
        assert token, "the page has no form"
        for query in filters(stored):
            name = " ".join(query.values())[:60] or "everything"
            self._post("/deliveries/views", {"name": name, "filter": urlencode(query), "_csrf": token[1]})

    def get(self, path: str, *, live: bool = False) -> "PageResponse":
        """Request a page, or its live part."""
        headers = self._headers | ({"HX-Request": "true"} if live else {})
        began = time.perf_counter()
        self._connection.request("GET", path, headers=headers)
        response = self._connection.getresponse()
        first = time.perf_counter()
        body = response.read()
        ended = time.perf_counter()
        if response.status != 200:
            raise RuntimeError(f"{path} responded {response.status}: {body[:300]!r}")
        return PageResponse(body.decode(), (first - began) * 1000, (ended - began) * 1000)

    def _post(self, path: str, form: dict[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
        headers = self._headers | {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", path, urlencode(form), headers)
        response = self._connection.getresponse()
        return response, response.read()


@dataclass(frozen=True)
class PageResponse:
    """A response with a page."""

    text: str
    first_byte_ms: float
    whole_ms: float

    @property
    def live_path(self) -> str | None:
        """Return the URL of the live part; None when there is none."""
        match = _LIVE.search(self.text)
        return html.unescape(match[1]) if match and "sse-connect" in self.text else None


@dataclass
class Figures:
    """The figures of one page."""

    name: str
    took: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    kilobytes: float = 0.0

    @property
    def p95(self) -> float:
        return quantiles(self.took, 0.95)[0]

    def __str__(self) -> str:
        mark = "   over the limit" if self.p95 > LIMIT_MS else ""
        median = statistics.median(self.took)
        return f"{median:8.1f} {self.p95:8.1f} {self.cpu_ms:8.1f} {self.kilobytes:8.0f}  {self.name}{mark}"


def measure(service: Service, browser: Browser, request: PageRequest, rounds: int, *, live: bool) -> Figures:
    """Request a page `rounds` times; the first request, which compiles templates and statements, does not count."""
    name = f"{'live ' if live else ''}{unquote(request.path)[:90]}"
    kilobytes = len(browser.get(request.path, live=live).text) / 1000
    worked = cpu_seconds(service.popen.pid)
    responses = [browser.get(request.path, live=live) for _ in range(rounds)]
    worked = cpu_seconds(service.popen.pid) - worked
    took = [response.first_byte_ms if request.to_first_byte else response.whole_ms for response in responses]
    return Figures(name, took, worked / rounds * 1000, kilobytes)


def measure_all(service: Service, stored: Stored, chosen: argparse.Namespace) -> Iterator[Figures]:
    """Yield the figures of every page and of every live part, as they are measured."""
    browser = Browser(service.url)
    browser.sign_in(service)
    browser.save_views(stored)
    for request in every_page(stored):
        if chosen.only not in unquote(request.path):
            continue
        yield measure(service, browser, request, chosen.rounds, live=False)
        live_path = None if chosen.whole else browser.get(request.path).live_path
        if live_path is not None:
            part = PageRequest(request.route, live_path)
            yield measure(service, browser, part, chosen.rounds, live=True)


def run(path: Path, chosen: argparse.Namespace) -> int:
    """Fill, measure and print; return how many pages were too slow."""
    began = time.perf_counter()
    stored = asyncio.run(stored_in(path, chosen.attempts))
    forgotten = uncovered(
        create_app(Settings(database_url="sqlite+aiosqlite:///:memory:")), every_page(stored)
    )
    if forgotten:
        raise SystemExit(f"Pages that nothing here asks for: {', '.join(sorted(forgotten))}")
    print(f"{stored.attempts:,} attempts; ready after {time.perf_counter() - began:.0f} s", flush=True)
    age = time.time() - stored.ended_at
    if age > FRESH_SECONDS:
        print(f"The reused history ended {age / 3600:.1f} h ago: pages of the last hour have few rows.")
    measured = []
    with running_service(
        path.parent, database_url=f"sqlite+aiosqlite:///{path}", key_file=path.with_suffix(".key")
    ) as service:
        for figures in measure_all(service, stored, chosen):
            measured.append(figures)
            if sys.stderr.isatty():
                print(f"\r{len(measured)} measured", end="", file=sys.stderr, flush=True)
    busy = os.getloadavg()[0]
    print(f"\nLoad average {busy:.1f} on {os.cpu_count()} processors, this benchmark included.")
    print("     p50      p95      cpu       kB  (ms; worst first)")
    for figures in sorted(measured, key=lambda figures_of_page: -figures_of_page.p95):
        print(figures)
    return sum(figures.p95 > LIMIT_MS for figures in measured)


def main() -> int:
    """Read the command line; the exit code says whether a page was over the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--keep", type=Path, help="a SQLite file to create, or to reuse when it exists")
    parser.add_argument("--only", default="", help="only pages whose path contains this")
    parser.add_argument("--whole", action="store_true", help="whole pages only, not their live parts")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakwater-pages-") as folder:
        path = (chosen.keep or Path(folder) / "pages.db").resolve()
        return 1 if run(path, chosen) else 0


if __name__ == "__main__":
    raise SystemExit(main())
