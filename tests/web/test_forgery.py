"""Requests that other sites, host names and sessions start in a browser are refused."""

import httpx
import pytest

from breakwater.core.settings import Settings
from breakwater.web.security.hosts import AllowedHosts
from tests.web.running_app import BOOTSTRAP_KEY, ORIGIN, PASSWORD, PROBLEM, RunningApp
from tests.web.test_every_route import form_token


async def acts(service: RunningApp, browser: httpx.AsyncClient, **headers: str) -> httpx.Response:
    """Ask for a change by the session's cookie, with these headers alone."""
    endpoint = await service.endpoint(f"e{service.clock.now()}.example".replace(".0", ""))
    carried = {"Cookie": f"breakwater={browser.cookies['breakwater']}", **headers}
    return await service.anonymous.post(f"/api/v1/circuits/{endpoint}/reset", headers=carried)


async def test_a_change_under_a_session_requires_same_origin_and_a_csrf_token(service: RunningApp) -> None:
    browser = await service.browser("operator")
    token = await form_token(browser)
    ours = {"X-CSRF-Token": token, "Sec-Fetch-Site": "same-origin"}
    assert (await acts(service, browser, **ours)).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_a_change_from_another_site_is_refused(service: RunningApp, site: str) -> None:
    browser = await service.browser("operator")
    token = await form_token(browser)
    forged = {"X-CSRF-Token": token, "Sec-Fetch-Site": site, "Origin": ORIGIN}
    assert (await acts(service, browser, **forged)).status_code == 403


async def test_without_sec_fetch_site_the_origin_decides(service: RunningApp) -> None:
    browser = await service.browser("operator")
    token = {"X-CSRF-Token": await form_token(browser)}
    assert (await acts(service, browser, **token, Origin=ORIGIN)).status_code == 200
    for origin in (
        "https://evil.example",
        "null",
        ORIGIN.replace("http:", "https:"),
        f"{ORIGIN}.evil.example",
    ):
        assert (await acts(service, browser, **token, Origin=origin)).status_code == 403
    assert (await acts(service, browser, **token)).status_code == 403


async def test_a_change_with_the_token_of_another_session_is_refused(service: RunningApp) -> None:
    browser, other = await service.browser("operator", "ada"), await service.browser("operator", "bob")
    for token in ("", "x", await form_token(other)):
        forged = {"X-CSRF-Token": token, "Sec-Fetch-Site": "same-origin"}
        assert (await acts(service, browser, **forged)).status_code == 403


async def test_a_form_carries_the_token_in_its_field(service: RunningApp) -> None:
    browser = await service.browser("operator")
    endpoint = await service.endpoint()
    without = await browser.post(f"/circuits/{endpoint}/reset", data={})
    assert without.status_code == 403
    response = await browser.post(f"/circuits/{endpoint}/reset", data={"_csrf": await form_token(browser)})
    assert response.status_code == 303


async def test_another_site_cannot_submit_the_sign_in_form(service: RunningApp) -> None:
    await service.browser("viewer", "ada")
    form = {"name": "ada", "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        assert (await service.anonymous.post("/sign-in", data=form, headers=headers)).status_code == 403


async def test_a_key_needs_no_token_and_no_origin(service: RunningApp) -> None:
    await service.post("/messages", {"event_type": "a", "payload": 1}, 202)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "", "localhost.", "[::1", "a b"]
)
async def test_a_foreign_host_header_is_refused_everywhere(service: RunningApp, host: str) -> None:
    for path in ("/", "/sign-in", "/api/v1/deliveries", "/health/live", "/static/app.css"):
        response = await service.api.get(path, headers={"Host": host})
        assert response.status_code == 400
        assert response.headers["content-type"] == PROBLEM
        assert "BREAKWATER_ALLOWED_HOSTS" in response.json()["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8420", "LOCALHOST", "[::1]:8420"])
async def test_loopback_names_are_accepted_hosts(service: RunningApp, host: str) -> None:
    assert (await service.api.get("/health/live", headers={"Host": host})).status_code == 200


def test_a_request_without_exactly_one_host_header_is_refused() -> None:
    hosts = AllowedHosts(Settings())
    assert hosts.problem([(b"host", b"localhost")]) is None
    assert hosts.problem([]) is not None
    assert hosts.problem([(b"host", b"localhost"), (b"host", b"evil.example")]) is not None


def test_the_base_url_and_the_allowed_hosts_are_accepted_hosts() -> None:
    hosts = AllowedHosts(Settings(base_url="https://hooks.example.com", allowed_hosts=("Alias.example",)))
    assert hosts.problem([(b"host", b"hooks.example.com")]) is None
    assert hosts.problem([(b"host", b"alias.example:8420")]) is None
    assert hosts.problem([(b"host", b"192.0.2.7")]) is not None


def test_a_service_on_all_addresses_accepts_ip_addresses_and_no_foreign_name() -> None:
    hosts = AllowedHosts(Settings(host="0.0.0.0"))
    assert hosts.problem([(b"host", b"192.0.2.7:8420")]) is None
    assert hosts.problem([(b"host", b"evil.example")]) is not None


async def test_forwarded_headers_of_untrusted_clients_are_ignored(service: RunningApp) -> None:
    forged = {"X-Forwarded-Host": "localhost", "Host": "evil.example", "Forwarded": "host=localhost"}
    assert (await service.api.get("/", headers=forged)).status_code == 400
    browser = await service.browser("viewer", "ada")
    assert "breakwater" in browser.cookies
    form = {"name": "ada", "password": PASSWORD}
    headers = {"Origin": ORIGIN, "X-Forwarded-Proto": "https"}
    response = await service.anonymous.post("/sign-in", data=form, headers=headers)
    assert "__Host-" not in response.headers["set-cookie"]


async def test_every_response_has_the_security_headers(service: RunningApp) -> None:
    for client, path in (
        (service.api, "/"),
        (service.anonymous, "/sign-in"),
        (service.api, "/nowhere"),
        (service.api, "/api/v1/deliveries"),
        (service.anonymous, "/api/v1/deliveries"),
        (service.api, "/static/app.css"),
    ):
        headers = (await client.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        assert headers["cache-control"] == ("no-store" if "static" not in path else headers["cache-control"])
    assert "immutable" in (await service.anonymous.get("/static/app.css")).headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/static/../core/settings/model.py", "/static/%2e%2e/pyproject.toml", "/static//etc/passwd"]
)
async def test_only_files_of_the_static_folder_are_served(service: RunningApp, path: str) -> None:
    assert (await service.anonymous.get(path)).status_code == 404


async def test_a_bearer_key_is_not_accepted_in_another_form(service: RunningApp) -> None:
    for header in (BOOTSTRAP_KEY, f"Basic {BOOTSTRAP_KEY}", f"Bearer {BOOTSTRAP_KEY}x", "Bearer ", "Bearer"):
        response = await service.anonymous.get("/api/v1/deliveries", headers={"Authorization": header})
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert BOOTSTRAP_KEY not in response.text
