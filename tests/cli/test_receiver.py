"""The receiver responds by path, lists its requests, and can be reconfigured while it runs."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from breakwater.web.receiver import Receiver
from breakwater.web.receiver.script import InvalidScript, script_for


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver(keep=5, body_cap=8)
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def client(receiver: Receiver) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=receiver.url, trust_env=False) as client:
        yield client


async def statuses(
    client: httpx.AsyncClient, path: str, *, times: int, webhook_id: str = "msg_1"
) -> list[int]:
    return [(await client.post(path, headers={"webhook-id": webhook_id})).status_code for _ in range(times)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/steady", [200, 200]),
        ("/any/other", [200, 200]),
        ("/flaky?fail=1", [500, 200, 200]),
        ("/flaky?fail=1&status=502", [502, 200]),
        ("/failing", [503, 503]),
        ("/failing?status=400", [400, 400]),
        ("/status/418", [418, 418]),
        ("/retry-after", [429, 200]),
        ("/any?status=500,500,200", [500, 500, 200, 200]),
        ("/recovering?after=3600", [503, 503]),
        ("/recovering?after=0", [200, 200]),
    ],
)
async def test_a_path_responds_as_its_name_says(
    client: httpx.AsyncClient, path: str, expected: list[int]
) -> None:
    assert await statuses(client, path, times=len(expected)) == expected


async def test_each_webhook_has_its_own_sequence_of_statuses(client: httpx.AsyncClient) -> None:
    assert await statuses(client, "/flaky?fail=1", times=2, webhook_id="a") == [500, 200]
    assert await statuses(client, "/flaky?fail=1", times=2, webhook_id="b") == [500, 200]


async def test_a_recovering_path_fails_again_after_its_period() -> None:
    script = script_for("/recovering", "after=10&every=30")
    assert [script.status_at(earlier_requests=0, age=age) for age in (0, 9, 10, 29, 30, 39, 40)] == [
        *(503, 503, 200, 200, 503, 503, 200)
    ]


async def test_a_throttling_path_sends_retry_after(client: httpx.AsyncClient) -> None:
    response = await client.post("/retry-after?seconds=7", headers={"webhook-id": "a"})
    assert response.headers["retry-after"] == "7"


async def test_a_slow_path_responds_after_its_delay(client: httpx.AsyncClient) -> None:
    response = await client.post("/slow?ms=80")
    assert response.elapsed.total_seconds() >= 0.08


async def test_a_hanging_path_never_responds(client: httpx.AsyncClient, receiver: Receiver) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/hanging", timeout=0.1)
    assert receiver.log.paths["/hanging"].peak_in_flight == 1


async def test_a_dropping_path_closes_the_connection(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post("/dropping")


async def test_received_requests_are_listed_and_bounded(client: httpx.AsyncClient) -> None:
    for number in range(7):
        await client.post(
            f"/steady?n={number}", content=b"0123456789", headers={"webhook-id": f"msg_{number}"}
        )
    received = (await client.get("/received?limit=2")).json()
    assert received["count"] == 5
    assert [item["webhook_id"] for item in received["items"]] == ["msg_5", "msg_6"]
    assert received["items"][0]["body"] == "01234567"
    assert received["items"][0]["size"] == 10
    assert received["items"][0]["query"] == "n=5"
    assert (await client.get("/received?path=/other")).json()["count"] == 0


async def test_counts_are_reported_per_path(client: httpx.AsyncClient) -> None:
    await asyncio.gather(*(client.post("/slow?ms=50") for _ in range(3)))
    await client.post("/failing")
    assert (await client.get("/stats")).json() == {
        "/slow": {"requests": 3, "in_flight": 0, "peak_in_flight": 3, "statuses": {"200": 3}},
        "/failing": {"requests": 1, "in_flight": 0, "peak_in_flight": 1, "statuses": {"503": 1}},
    }


async def test_a_path_can_be_overridden_and_restored(client: httpx.AsyncClient) -> None:
    assert await statuses(client, "/failing", times=1) == [503]
    await client.put("/control/failing?status=200")
    assert await statuses(client, "/failing?status=500", times=1) == [200]
    await client.delete("/control/failing")
    assert await statuses(client, "/failing", times=1) == [503]


async def test_a_path_can_use_the_script_of_another(client: httpx.AsyncClient) -> None:
    await client.put("/control/steady?as=/flaky&fail=1")
    assert await statuses(client, "/steady", times=2) == [500, 200]
    await client.delete("/control")
    assert await statuses(client, "/steady", times=1, webhook_id="other") == [200]


async def test_the_log_can_be_cleared(client: httpx.AsyncClient) -> None:
    await client.post("/flaky?fail=1", headers={"webhook-id": "a"})
    await client.delete("/received")
    assert (await client.get("/received")).json() == {"count": 0, "items": []}
    assert await statuses(client, "/flaky?fail=1", times=1, webhook_id="a") == [500]


async def test_another_site_cannot_read_received_requests(client: httpx.AsyncClient) -> None:
    response = await client.get("/received", headers={"host": "evil.example"})
    assert response.status_code == 403


@pytest.mark.parametrize(
    "query", ["status=abc", "status=42", "status=" + "5," * 200, "ms=-1", "ms=nan", "ms=soon"]
)
def test_an_invalid_script_is_refused(query: str) -> None:
    with pytest.raises(InvalidScript):
        script_for("/steady", query)


async def test_a_request_that_is_not_http_gets_400_and_a_close(receiver: Receiver) -> None:
    reader, writer = await asyncio.open_connection(receiver.host, receiver.port)
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()
    await writer.wait_closed()


async def test_pipelined_requests_get_responses_in_order(receiver: Receiver) -> None:
    reader, writer = await asyncio.open_connection(receiver.host, receiver.port)
    ask = "POST {} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n{}\r\n"
    writer.write(
        (ask.format("/slow?ms=30", "") + ask.format("/status/418", "connection: close\r\n")).encode()
    )
    responses = await reader.read()
    assert responses.index(b"HTTP/1.1 200") < responses.index(b"HTTP/1.1 418")
    writer.close()
    await writer.wait_closed()
