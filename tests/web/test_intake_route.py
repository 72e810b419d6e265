"""The fast route of `POST /messages` responds exactly like the handler of the framework."""

import re
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.web.api.fast_intake import PATH
from tests.web.running_app import BOOTSTRAP_KEY, RunningApp, problems

GOOD = b'{"event_type": "invoice.paid", "payload": {"n": 1}}'
KEY = {"Authorization": f"Bearer {BOOTSTRAP_KEY}"}

REQUESTS: dict[str, tuple[Mapping[str, str], bytes]] = {
    "a message": (KEY, GOOD),
    "a lower-case scheme": ({"Authorization": f"bearer  {BOOTSTRAP_KEY} "}, GOOD),
    "an unknown key": ({"Authorization": "Bearer bw_unknown"}, GOOD),
    "another scheme": ({"Authorization": "Basic YTpi"}, GOOD),
    "an empty credential": ({"Authorization": ""}, GOOD),
    "no body": (KEY, b""),
    "no JSON": (KEY, b"{"),
    "no UTF-8": (KEY, b'{"event_type": "invoice.paid", "payload": "\xff"}'),
    "an unknown field": (KEY, b'{"event_type": "a", "payload": 1, "speed": 9}'),
    "many problems": (KEY, b'{"event_type": "no spaces, please", "payload": 1, "endpoint_ids": []}'),
    "an unknown endpoint": (KEY, b'{"event_type": "a", "payload": 1, "endpoint_ids": ["ep_none"]}'),
    "a malformed idempotency key": ({**KEY, "Idempotency-Key": "two words"}, GOOD),
    "a payload past the cap": (KEY, b'{"event_type": "a", "payload": "' + b"x" * 262_144 + b'"}'),
}


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    """A body of unknown length, which the framework's handler reads."""
    yield body


async def both(
    service: RunningApp, headers: Mapping[str, str], body: bytes
) -> tuple[httpx.Response, httpx.Response]:
    client = service.client()
    quick = await client.post(PATH, content=body, headers=headers)
    return quick, await client.post(PATH, content=in_chunks(body), headers=headers)


def without_ids(response: httpx.Response) -> tuple[int, dict[str, str], str]:
    text = re.sub(r"(msg|dlv)_\w+", "ID", response.text)
    headers = dict(response.headers)
    headers.pop("content-length")
    return response.status_code, headers, text


@pytest.mark.parametrize("name", REQUESTS)
async def test_the_fast_intake_and_the_framework_return_the_same_responses(
    service: RunningApp, name: str
) -> None:
    await service.endpoint()
    quick, slow = await both(service, *REQUESTS[name])
    assert without_ids(quick) == without_ids(slow)
    assert int(quick.headers["content-length"]) == len(quick.content)
    assert quick.status_code < 500


async def test_a_key_without_send_is_refused_by_both_routes(service: RunningApp) -> None:
    reader = await service.key("read")
    for content in (GOOD, in_chunks(GOOD)):
        assert problems(await reader.post(PATH, content=content), 403) == {}


async def test_an_idempotency_key_is_shared_by_both_routes(service: RunningApp) -> None:
    quick, slow = await both(service, {**KEY, "Idempotency-Key": "k-1"}, GOOD)
    assert "idempotent-replayed" not in quick.headers
    assert slow.headers["idempotent-replayed"] == "true"
    assert quick.json() == slow.json()
    again = await service.api.post(PATH, content=GOOD, headers={"Idempotency-Key": "k-1"})
    assert again.headers["idempotent-replayed"] == "true"


async def test_an_unavailable_store_is_reported_by_both_routes(
    service: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: object) -> None:
        raise StoreUnavailable("The disk is full.", 7)

    monkeypatch.setattr(service.runtime.intake, "accept", full)
    quick, slow = await both(service, KEY, GOOD)
    assert without_ids(quick) == without_ids(slow)
    assert (quick.status_code, quick.headers["retry-after"]) == (503, "7")


async def test_an_unexpected_error_is_500_without_details(
    service: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(service.runtime.intake, "accept", broken)
    quick, slow = await both(service, KEY, GOOD)
    assert without_ids(quick) == without_ids(slow)
    assert quick.status_code == 500
    assert "secret" not in quick.text


async def test_a_body_above_the_message_limit_is_refused_without_reading_it(service: RunningApp) -> None:
    announced = {**KEY, "Content-Length": str(10**12)}
    response = await service.client().post(PATH, content=in_chunks(GOOD), headers=announced)
    assert response.status_code == 413


async def test_a_request_without_a_key_ends_at_the_guard(service: RunningApp) -> None:
    assert problems(await service.anonymous.post(PATH, content=GOOD), 401) == {}


async def test_requests_of_both_routes_are_counted_as_one_route(service: RunningApp) -> None:
    await both(service, KEY, GOOD)
    metrics = (await service.api.get("/metrics")).text
    assert f'breakwater_http_requests_total{{method="POST",route="{PATH}",status="202"}} 2.0' in metrics


async def test_a_caller_that_disconnects_before_its_body_is_complete_stores_nothing(
    service: RunningApp,
) -> None:
    messages = iter(
        [{"type": "http.request", "body": GOOD[:9], "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> object:
        return next(messages)

    async def send(message: object) -> None:
        raise AssertionError(f"the client has disconnected: {message}")

    headers = [
        (b"host", b"127.0.0.1"),
        (b"authorization", KEY["Authorization"].encode()),
        (b"content-length", str(len(GOOD)).encode()),
    ]
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers}
    await service.app.asgi_handler(scope, receive, send)  # type: ignore[arg-type]  # as a server would, without its types
    assert (await service.get("/deliveries"))["items"] == []
