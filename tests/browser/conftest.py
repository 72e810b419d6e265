"""A real Chromium on the real service. Tests here are plain functions: Playwright's own loop runs in this thread.

Whatever a page writes to its console as an error, whatever it throws, and whatever its Content-Security-Policy
refuses, fails the test that looked at it.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    sync_playwright,
)

from tests.browser.all_pages import PASSWORD
from tests.conftest import IN_CI
from tests.processes import ReceiverProcess, Service, running_receiver, running_service

ROOT = Path(__file__).resolve().parents[2]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
_REPORT_CSP = """
document.addEventListener('securitypolicyviolation', (event) =>
  console.error(`CSP refused ${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile || ''}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything below this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright, for one module: while it runs, no test of another kind can start an event loop."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium: the system's, or the one that Playwright installed."""
    executable = next((path for name in _NAMES if (path := shutil.which(name))), None)
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    try:
        browser = playwright.chromium.launch(executable_path=executable, args=[*_QUIET, *as_root])
    except Error as missing:
        if IN_CI:
            raise
        pytest.skip(f"no Chromium: {missing.message.splitlines()[0]} (`make test` installs one)")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as a process, with a bootstrap key and an administrator called admin; shared by one module."""
    with running_service(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    """The scriptable receiver as a process; shared by one module."""
    with running_receiver(tmp_path_factory.mktemp("receiver")) as receiver:
        yield receiver


class Watch:
    """What went wrong on the pages of a context. `expected` are patterns that a test provokes on purpose."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.expected: list[str] = []

    def follow(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))

    def expect(self, pattern: str) -> None:
        """Allow problems that match, such as the failed request of a server that the test has stopped."""
        self.expected.append(pattern)

    def check(self) -> None:
        surprising = [
            problem
            for problem in self.problems
            if not any(re.search(pattern, problem) for pattern in self.expected)
        ]
        assert surprising == []

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text} ({message.location.get('url')})")


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test at its end for everything unexpected on the console."""
    watch = Watch()
    yield watch
    watch.check()


NewContext = Callable[..., BrowserContext]


@pytest.fixture
def new_context(browser: Browser, service: Service, watch: Watch) -> Iterator[NewContext]:
    """Make further browsers, signed out, with their own cookies: `new_context(color_scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        settings: dict[str, object] = {
            "base_url": service.url,
            "viewport": {"width": 1280, "height": 900},
            **options,
        }
        context = browser.new_context(**settings)  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        if settings.get("java_script_enabled", True):
            context.add_init_script(_REPORT_CSP)
        context.on("page", watch.follow)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(params=["light"])
def theme(request: pytest.FixtureRequest) -> str:
    """The colour scheme: `@pytest.mark.parametrize("theme", ["light", "dark"], indirect=True)` for both."""
    return str(request.param)


@pytest.fixture
def visitor(new_context: NewContext, theme: str) -> Page:
    """A page that nobody has signed in on."""
    return new_context(color_scheme=theme).new_page()


@pytest.fixture(scope="module")
def administrator(service: Service) -> str:
    """The name of the administrator, whose password is `PASSWORD`."""
    code = service.sign_in_link.partition("#")[2]
    response = httpx.post(
        f"{service.url}/welcome", data={"code": code, "password": PASSWORD}, headers={"origin": service.url}
    )
    assert response.status_code < 400, response.text
    return "admin"


@pytest.fixture
def page(new_context: NewContext, theme: str, administrator: str) -> Page:
    """A page on which the administrator is signed in."""
    return signed_in(new_context(color_scheme=theme), administrator)


def signed_in(context: BrowserContext, name: str, password: str = PASSWORD) -> Page:
    """Sign `name` in on a context and return a new page of it."""
    origin = context.request.get("/health/live").url.removesuffix("/health/live")
    response = context.request.post(
        "/sign-in", form={"name": name, "password": password}, headers={"origin": origin}, max_redirects=0
    )
    assert response.status < 400, response.text()
    return context.new_page()


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[Page, str], Path]:
    """Take a picture into `.breakwater/screenshots/`, to be looked at by people: `screenshot(page, "now")`."""
    folder = ROOT / ".breakwater" / "screenshots"

    def take(page: Page, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return take
