"""Every route, walked: forged requests and other hosts are refused; who may do what is in the matrix."""

from collections.abc import Iterator

import httpx
from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.web.running_app import RunningApp

PUBLIC = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/welcome"),
    ("POST", "/welcome"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/static/{file_path}"),
    ("HEAD", "/static/{file_path}"),
}
PREFIXES = {
    "created_id": "ep",
    "delivery_id": "dlv",
    "message_id": "msg",
    "endpoint_id": "ep",
    "key_id": "key",
    "person_id": "prs",
    "replay_id": "rpl",
    "view_id": "viw",
}
ENDLESS = {"/events"}
"""A stream ends when its client disconnects."""


def routes(app: Litestar) -> Iterator[tuple[str, str]]:
    """Return method and path of every route, an unknown id for every parameter."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute), f"{route.path} is not an HTTP route, so its guard is unknown"
        for method in sorted(set(route.methods) - {"OPTIONS"}):
            yield method, route.path_format


def filled(path: str) -> str:
    for name, prefix in PREFIXES.items():
        path = path.replace(f"{{{name}}}", f"{prefix}_{'0' * 26}")
    return path.replace("{", "").replace("}", "")


async def request(client: httpx.AsyncClient, method: str, path: str, **more: object) -> httpx.Response:
    return await client.request(method, filled(path), **more)  # type: ignore[arg-type]


async def test_the_openapi_document_has_every_route_of_the_api(service: RunningApp) -> None:
    document = (await service.api.get("/schema")).json()
    output = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    served = {(method, path) for method, path in routes(service.app) if path.startswith("/api/")}
    assert served <= output


async def test_no_route_accepts_a_foreign_host_header(service: RunningApp) -> None:
    for method, path in routes(service.app):
        response = await request(service.api, method, path, headers={"Host": "evil.example"})
        assert response.status_code == 400, (method, path)


async def test_no_change_is_accepted_from_another_origin_or_without_a_csrf_token(
    service: RunningApp,
) -> None:
    browser = await service.browser("admin")
    token = await form_token(browser)
    other = await form_token(await service.browser("admin", "bob"))
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example", "X-CSRF-Token": token}
    changes = [(method, path) for method, path in routes(service.app) if method not in {"GET", "HEAD"}]
    assert len(changes) > 50
    for method, path in changes:
        forged = await request(browser, method, path, headers=elsewhere)
        assert forged.status_code == 403, (method, path)
        if (method, path) in PUBLIC:  # a public form has no session and no token
            continue
        for missing in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": other}):
            response = await request(browser, method, path, headers=missing)
            assert response.status_code == 403, (method, path, missing)
    assert (await browser.get("/")).status_code == 200  # nothing of that has signed anybody out


async def test_a_viewer_may_not_operate_and_an_operator_may_not_administer(service: RunningApp) -> None:
    viewer, operator = await service.browser("viewer"), await service.browser("operator")
    endpoint = await service.endpoint()
    reset, change = f"/api/v1/circuits/{endpoint}/reset", f"/api/v1/endpoints/{endpoint}"
    token = {"X-CSRF-Token": await form_token(operator)}
    assert (await viewer.post(reset, headers={"X-CSRF-Token": await form_token(viewer)})).status_code == 403
    assert (await operator.post(reset, headers=token)).status_code == 200
    assert (await operator.patch(change, json={"name": "x"}, headers=token)).status_code == 403
    assert (await operator.get("/api/v1/keys")).status_code == 403


async def form_token(browser: httpx.AsyncClient) -> str:
    """Return the token that the forms of this browser's pages carry."""
    page = (await browser.get("/")).text
    return page.split('name="_csrf" value="', 1)[1].split('"', 1)[0]
