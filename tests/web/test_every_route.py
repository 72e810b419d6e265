"""Every route, walked: what needs no credential is on a short list, and each right reaches as far as it should."""

from collections.abc import Iterator

import httpx
from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.web.running_app import OURS, RunningApp

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

READERS_MAY_POST = {
    "/settings/theme",
    "/settings/zone",
    "/sign-out",
    "/deliveries/views",
    "/deliveries/views/{view_id}/delete",
}
"""Routes that change only what the reader sees."""

SENDERS_MAY = {("POST", "/api/v1/messages"), ("POST", "/api/v1/messages/batch")}
ADMINISTRATORS_SEE = {
    "/api/v1/keys",
    "/created/{created_id}",
    "/endpoints/new",
    "/endpoints/{endpoint_id}/edit",
}


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


async def ask(client: httpx.AsyncClient, method: str, path: str, **more: object) -> httpx.Response:
    return await client.request(method, filled(path), **more)  # type: ignore[arg-type]


async def test_every_route_but_sign_in_health_and_static_needs_a_credential(service: RunningApp) -> None:
    walked = set(routes(service.app))
    assert walked >= PUBLIC
    for method, path in walked - PUBLIC:
        response = await ask(service.anonymous, method, path, headers=OURS)
        to_sign_in = response.status_code == 303 and response.headers["location"].startswith("/sign-in?next=")
        assert response.status_code == 401 or to_sign_in, (method, path)


async def test_an_invalid_key_is_refused_on_every_route(service: RunningApp) -> None:
    forger = service.client(key="bw_" + "x" * 43, headers=OURS)
    for method, path in routes(service.app):
        if (method, path) not in PUBLIC:
            assert (await ask(forger, method, path)).status_code in {401, 303}, (method, path)


async def test_the_openapi_document_has_every_route_of_the_api(service: RunningApp) -> None:
    document = (await service.api.get("/schema")).json()
    output = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    served = {(method, path) for method, path in routes(service.app) if path.startswith("/api/")}
    assert served <= output


async def test_a_read_key_may_not_change_anything(service: RunningApp) -> None:
    reader = await service.key("read")
    for method, path in routes(service.app):
        if (method, path) in PUBLIC or path in ENDLESS or path in READERS_MAY_POST:
            continue
        response = await ask(reader, method, path)
        if method in {"GET", "HEAD"} and path not in ADMINISTRATORS_SEE:
            assert response.status_code in {200, 404}, (method, path, response.text)
        else:
            assert response.status_code == 403, (method, path, response.text)


async def test_a_send_key_may_only_send(service: RunningApp) -> None:
    sender = await service.key("send")
    for method, path in routes(service.app):
        if (method, path) in PUBLIC or path in READERS_MAY_POST:
            continue
        response = await ask(sender, method, path)
        expected = 400 if (method, path) in SENDERS_MAY else 403
        assert response.status_code == expected, (method, path, response.text)


async def test_no_route_accepts_a_foreign_host_header(service: RunningApp) -> None:
    for method, path in routes(service.app):
        response = await ask(service.api, method, path, headers={"Host": "evil.example"})
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
        forged = await ask(browser, method, path, headers=elsewhere)
        assert forged.status_code == 403, (method, path)
        if (method, path) in PUBLIC:  # a public form has no session and no token
            continue
        for missing in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": other}):
            response = await ask(browser, method, path, headers=missing)
            assert response.status_code == 403, (method, path, missing)
    assert (await browser.get("/")).status_code == 200  # nothing of that has signed anybody out


async def test_the_session_of_a_viewer_may_not_change_anything(service: RunningApp) -> None:
    viewer = await service.browser("viewer")
    token = {"X-CSRF-Token": await form_token(viewer)}
    for method, path in routes(service.app):
        if (method, path) in PUBLIC or path in ENDLESS or path in READERS_MAY_POST:
            continue
        response = await ask(viewer, method, path, headers=token)
        allowed = method in {"GET", "HEAD"} and path not in ADMINISTRATORS_SEE
        assert response.status_code in ({200, 404} if allowed else {403}), (
            method,
            path,
            response.text[-300:],
        )


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
