"""Doubtful request bodies: byte order marks, compressed bodies and doubled keys are refused by name."""

import gzip
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.outcome import Response
from breakwater.web.api.schema.bodies import decode_batch, decode_message
from breakwater.web.api.schema.doubled_keys import find_doubled_key
from breakwater.web.problems import BadRequest
from tests.web.running_app import RunningApp, problems

MESSAGES, BATCH = "/api/v1/messages", "/api/v1/messages/batch"
JSON = {"Content-Type": "application/json"}
MESSAGE = b'{"event_type":"invoice.paid","payload":{"n":1}}'
DOUBLED = "occurs more than once in its object: send it once"


async def slowly(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body without a length, which the framework reads instead of the fast way in."""
    yield body


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\xef\xbb\xbf" + MESSAGE, "a byte order mark (bytes EF BB BF) in line 1, column 1. Remove it"),
        (
            b'{"event_type":"a.b",\n "payload":\xef\xbb\xbf{}}',
            "a byte order mark (bytes EF BB BF) in line 2, column 12. Remove it",
        ),
        (
            MESSAGE.decode().encode("utf-16"),
            "it begins with the byte order mark of UTF-16. Encode it as UTF-8",
        ),
        (b"\xfe\xff" + MESSAGE.decode().encode("utf-16-be"), "byte order mark of UTF-16"),
    ],
)
async def test_a_byte_order_mark_is_named_with_its_place(
    service: RunningApp, body: bytes, message: str, fast: bool
) -> None:
    content = body if fast else slowly(body)
    response = await service.api.post(MESSAGES, content=content, headers=JSON)
    assert message in problems(response, 400)["body"]


async def test_a_byte_order_mark_inside_of_a_string_is_sent_as_it_is(service: RunningApp) -> None:
    await service.endpoint()
    payload = '{"t":"\ufeffa"}'.encode()
    body = b'{"event_type":"invoice.paid","payload":' + payload + b"}"
    assert (await service.api.post(MESSAGES, content=body, headers=JSON)).status_code == 202
    await service.quiet()
    assert [request.body for request in service.sender.requests] == [payload]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP", "x-anything"])
@pytest.mark.parametrize("path", [MESSAGES, BATCH, "/api/v1/endpoints", "/api/v1/keys", "/api/v1/replays"])
async def test_a_compressed_body_is_refused_with_415(service: RunningApp, path: str, encoding: str) -> None:
    headers = {**JSON, "Content-Encoding": encoding}
    response = await service.api.post(path, content=gzip.compress(MESSAGE), headers=headers)
    expected = {"Content-Encoding": "is not supported: send the body without compression"}
    assert problems(response, 415) == expected
    assert response.json()["type"] == "urn:breakwater:problem:unsupported-encoding"
    assert response.headers["accept-encoding"] == "identity"


async def test_the_coding_identity_is_no_compression(service: RunningApp) -> None:
    headers = {**JSON, "Content-Encoding": "identity"}
    assert (await service.api.post(MESSAGES, content=MESSAGE, headers=headers)).status_code == 202


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"event_type":"a.b","payload":{"n":1},"payload":{"n":2}}', "payload"),
        (b'{"event_type":"a.b","event_type":"c.d","payload":1}', "event_type"),
        (b'{"event_type":"a.b","payload":1,"payl\\u006fad":2}', "payload"),
        (b'{"event_type":"a.b","payload":1,"url":"https://a.example","url":null}', "url"),
        (b'{"payload":1,"retry":{"delays":[1],"delays":[2]},"event_type":"a.b"}', "delays"),
        (b'{"event_type":"a.b","payload":{"a":1,"a":2},"payload":1}', "payload"),
        (b'{"event_type":"a.b","payload":"payload","payload":"payload"}', "payload"),
    ],
)
async def test_a_doubled_key_around_the_payload_is_refused_by_name(
    service: RunningApp, body: bytes, key: str, fast: bool
) -> None:
    content = body if fast else slowly(body)
    response = await service.api.post(MESSAGES, content=content, headers=JSON)
    assert problems(response, 400) == {key: DOUBLED}


@pytest.mark.parametrize(
    "body",
    [
        b'{"event_type":"a.b","payload":{"a":1,"a":2}}',
        b'{"event_type":"a.b","payload":{"payload":1,"event_type":2,"url":3,"retry":{"delays":[]}}}',
        b'{"event_type":"payload","payload":"event_type"}',
        b'{"event_type":"a.b","payload":"a\\\\b\\u0041","url":"https:\\/\\/a.example\\/"}',
        b'{"payload":1,"event_type":"a.b"}',
    ],
)
async def test_keys_in_the_payload_and_unusual_spellings_are_accepted(
    service: RunningApp, body: bytes
) -> None:
    service.sender.default = Response(200)
    assert (await service.api.post(MESSAGES, content=body, headers=JSON)).status_code == 202


async def test_a_doubled_key_in_a_batch_is_refused_by_name(service: RunningApp) -> None:
    two = b'{"messages":[' + MESSAGE + b'],"messages":[' + MESSAGE + b"]}"
    assert problems(await service.api.post(BATCH, content=two, headers=JSON), 400) == {"messages": DOUBLED}
    item = b'{"messages":[' + MESSAGE + b',{"event_type":"a.b","payload":1,"payload":2}]}'
    response = await service.api.post(BATCH, content=item, headers=JSON)
    assert response.status_code == 202
    first, second = response.json()["items"]
    assert "deliveries" in first
    assert DOUBLED in json.dumps(second)


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/api/v1/endpoints", b'{"url":"https://a.example","url":"https://b.example"}', "url"),
        ("/api/v1/endpoints", b'{"url":"https://a.example","headers":{"X-A":"1","X-A":"2"}}', "X-A"),
        ("/api/v1/keys", b'{"name":"a","scopes":["read"],"scopes":["admin"]}', "scopes"),
        ("/api/v1/deliveries/dlv_1/cancel", b'{"reason":"a","reason":"b"}', "reason"),
    ],
)
async def test_a_doubled_key_of_any_other_body_is_refused_by_name(
    service: RunningApp, path: str, body: bytes, key: str
) -> None:
    assert problems(await service.api.post(path, content=body, headers=JSON), 400) == {key: DOUBLED}


KEYS = ("event_type", "payload", "url", "retry", "delays", "messages", "n")
VALUES = st.recursive(
    st.sampled_from([None, 1, "payload", "\\", '"payload"', "event_type", "é\\u0000"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("values", [b"[" + b"[]," * 20_000 + b"[]]", b"[" + b"1," * 20_000 + b"1]"])
async def test_a_body_with_more_values_than_any_request_has_is_refused_before_it_is_read(
    service: RunningApp, values: bytes
) -> None:
    body = b'{"url":"https://hooks.example/","event_types":' + values + b"}"
    response = await service.api.post("/api/v1/endpoints", content=body)
    assert response.status_code == 400
    assert "too many values" in response.text


@given(payload=VALUES, other=VALUES, doubled=st.booleans(), seed=st.integers(0, 999))
def test_the_fast_check_agrees_with_a_full_parse(payload: Any, other: Any, doubled: bool, seed: int) -> None:
    fields = [("event_type", "a.b"), ("payload", payload), ("url", "https://a.example/payload")]
    if doubled:
        fields.append(("payload", other))
    random.Random(seed).shuffle(fields)
    indent = random.Random(seed).choice([None, 1])
    text = (
        "{"
        + ", ".join(f"{json.dumps(key)}: {json.dumps(value, indent=indent)}" for key, value in fields)
        + "}"
    )
    body = text.encode()
    assert (find_doubled_key(body) is not None) is doubled
    assert _is_refused(body) is doubled
    batch = b'{"messages": [' + body + b" ,\n" + body + b"]}"
    assert len(decode_batch(batch).messages) == 2
    with pytest.raises(BadRequest, match="messages"):
        decode_batch(batch[:-1] + b', "messages": [' + body + b"]}")


def _is_refused(body: bytes) -> bool:
    try:
        decode_message(body)
    except BadRequest:
        return True
    return False


async def test_a_delivery_in_flight_says_that_it_can_be_cancelled_after_the_attempt(
    service: RunningApp,
) -> None:
    await service.endpoint()
    service.sender.hold()
    delivery_id = await service.send_one()
    response = await service.api.post(f"/api/v1/deliveries/{delivery_id}/cancel")
    assert response.status_code == 409
    assert response.json()["detail"] == (
        "An attempt is in flight, and its result will be recorded. Cancel the delivery after the attempt."
    )
    browser = await service.browser("operator")
    page = (await browser.get(f"/deliveries/{delivery_id}")).text
    assert "An attempt is in flight. Resend or cancel the delivery after it." in page
    assert f"/deliveries/{delivery_id}/cancel" not in page
    viewer = await service.browser("viewer")
    assert "Resend or cancel" not in (await viewer.get(f"/deliveries/{delivery_id}")).text
    service.sender.default = Response(500)
    service.sender.release()
    await service.attempted(delivery_id, 1)
    assert f"/deliveries/{delivery_id}/cancel" in (await browser.get(f"/deliveries/{delivery_id}")).text
    await service.post(f"/deliveries/{delivery_id}/cancel")
