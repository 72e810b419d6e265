"""Behind https: every cookie is Secure, browsers are told to stay on https, and pages of plain http change nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from breakwater.core.domain.health import TaskHealth
from breakwater.core.runtime import Runtime
from breakwater.web.app import create_app
from tests.delivery.running_engine import settings_for
from tests.fakes import ManualClock, ScriptedSender
from tests.web.running_app import BOOTSTRAP_KEY, OURS, PASSWORD, RunningApp
from tests.web.test_every_route import form_token

BASE = "https://hooks.example.com"


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[RunningApp]:
    """The application behind a proxy that terminates TLS: it sees plain http, and its base URL is https."""
    settings = settings_for(tmp_path, drain_seconds=0, bootstrap_key=BOOTSTRAP_KEY, base_url=BASE)
    clock, sender = ManualClock(), ScriptedSender()
    async with (
        Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime,
        RunningApp(runtime, clock, sender, create_app(settings, runtime=runtime)) as service,
    ):
        yield service


async def signed_in(secure: RunningApp) -> httpx.AsyncClient:
    code = await secure.runtime.access.people.invite("ada", "admin", actor="person:bob")
    browser = secure.client(headers={**OURS, "Host": "hooks.example.com"})
    response = await browser.post("/welcome", data={"code": code, "password": PASSWORD})
    assert response.status_code == 303, response.text
    (cookie,) = response.headers.get_list("set-cookie")
    browser.headers["Cookie"] = cookie.partition(";")[
        0
    ]  # the client keeps Secure cookies from http, as it should
    return browser


async def test_every_cookie_is_secure(secure: RunningApp) -> None:
    browser = await signed_in(secure)
    csrf = {"_csrf": await form_token(browser)}
    endpoint = await secure.endpoint()
    session = browser.headers["Cookie"]
    cookies = []
    for path, fields in (
        ("/settings/theme", {"theme": "dark"}),
        ("/settings/theme", {"theme": ""}),
        ("/settings/zone", {"zone": "Europe/Berlin"}),
        ("/settings/zone", {"zone": "UTC"}),
        (f"/circuits/{endpoint}/reset", {}),
    ):
        response = await browser.post(path, data={**csrf, **fields})
        assert response.status_code == 303
        cookies += response.headers.get_list("set-cookie")
    flash = next(cookie for cookie in cookies if cookie.startswith("flash="))
    shown = await browser.get("/settings", headers={"Cookie": f"{session}; {flash.partition(';')[0]}"})
    cookies += shown.headers.get_list("set-cookie")
    cookies += (await browser.post("/sign-out", data=csrf)).headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "theme",
        "zone",
        "flash",
        "__Host-breakwater",
    }
    for cookie in cookies:
        assert "Secure" in cookie.split("; "), cookie
        assert "Path=/" in cookie.split("; "), cookie


async def test_browsers_are_told_to_stay_on_https(secure: RunningApp, service: RunningApp) -> None:
    host = {"Host": "hooks.example.com"}
    for path in ("/sign-in", "/static/app.css", "/nowhere", "/health/live"):
        response = await secure.anonymous.get(path, headers=host)
        assert response.headers["strict-transport-security"] == "max-age=31536000"
        assert "strict-transport-security" not in (await service.anonymous.get(path)).headers
    message = {"event_type": "a", "payload": 1}
    accepted = await secure.api.post("/api/v1/messages", json=message, headers=host)
    assert accepted.headers["strict-transport-security"] == "max-age=31536000"
    refused = await secure.anonymous.get("/", headers={"Host": "evil.example"})
    assert (refused.status_code, "strict-transport-security" in refused.headers) == (400, True)


@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin"}])
async def test_a_page_of_plain_http_changes_nothing(secure: RunningApp, site: dict[str, str]) -> None:
    browser = await signed_in(secure)
    endpoint = await secure.endpoint()
    session = {"Cookie": browser.headers["Cookie"], "Host": "hooks.example.com", **site}
    form = {"_csrf": await form_token(browser)}
    for origin, status in ((BASE, 303), ("http://hooks.example.com", 403), ("http://127.0.0.1:8420", 403)):
        response = await secure.anonymous.post(
            f"/circuits/{endpoint}/reset", data=form, headers={**session, "Origin": origin}
        )
        assert response.status_code == status, origin
        signing_in = await secure.anonymous.post(
            "/sign-in",
            data={"name": "ada", "password": PASSWORD},
            headers={"Host": "hooks.example.com", **site, "Origin": origin},
        )
        assert signing_in.status_code == status, origin


async def test_the_public_health_names_no_path_and_no_address(service: RunningApp) -> None:
    errors = (
        "The database is unavailable: /var/lib/bw/breakwater.db cannot be reached.",
        "OperationalError: (sqlite3.OperationalError) unable to open file:///var/lib/bw/breakwater.db\n[SQL: SELECT 1]",
        "FileNotFoundError: [Errno 2] No such file or directory: '/var/lib/bw/breakwater.db'",
        "ValueError: postgresql+asyncpg://user:password@10.0.0.5:5432/db is not reachable",
        r"OSError: C:\data\bw\breakwater.db",
        "x" * 10_000,
    )
    service.runtime.health = lambda: tuple(  # type: ignore[method-assign]
        TaskHealth("sweeper", False, 3, error) for error in errors
    )
    response = await service.anonymous.get("/health/ready")
    assert response.status_code == 503
    for secret in ("bw", "10.0.0.5", "password", "SELECT"):
        assert secret not in response.text
    assert "The database is unavailable: … cannot be reached." in response.text
    assert len(response.content) < 2_000
