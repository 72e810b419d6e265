"""Header values that an older version stored in attempts are masked in the database, once."""

from typing import Any

from sqlalchemy import select

from breakwater.core.maintenance import stored_headers
from breakwater.core.maintenance.stored_headers import mask_stored_headers
from breakwater.core.store.schema import ATTEMPTS, ENDPOINTS
from breakwater.core.text.credentials import MASK
from tests.contract.stored import Stored

VALUE = "hunter2-of-the-receiver"
SENT = [["content-type", "text/plain"], ["webhook-id", "msg_1"], ["X-Auth-Key", VALUE], ["X-Env", "live"]]
MASKED = [*SENT[:2], ["X-Auth-Key", MASK], SENT[3]]


async def headers_in(stored: Stored) -> dict[str, Any]:
    async with stored.database.read() as connection:
        rows = (await connection.execute(select(ATTEMPTS.c.id, ATTEMPTS.c.request_headers))).all()
    return {row.id: row.request_headers for row in rows}


async def marks_in(stored: Stored) -> set[str | None]:
    async with stored.database.read() as connection:
        return set((await connection.execute(select(ENDPOINTS.c.mask_attempts_after))).scalars())


async def test_attempts_of_marked_endpoints_are_masked_in_steps(stored: Stored, monkeypatch: Any) -> None:
    monkeypatch.setattr(stored_headers, "STEP_ROWS", 2)
    for name in ("billing", "removed"):
        headers = {"X-Env": "live", "X-Auth-Key": None} if name == "billing" else {}
        deleted_at = None if name == "billing" else stored.now
        endpoint = await stored.endpoint(name, headers=headers, mask_attempts_after="", deleted_at=deleted_at)
        delivery = await stored.delivery(endpoint, "delivered")
        for number in range(5):
            await stored.attempt(delivery, endpoint, number, request_headers=SENT)
        if name == "billing":
            first = set(await headers_in(stored))
    assert await mask_stored_headers(stored.database) == 10
    for attempt_id, headers in (await headers_in(stored)).items():
        assert headers == (MASKED if attempt_id in first else [*MASKED[:3], ["X-Env", MASK]])
    assert await marks_in(stored) == {None}
    assert await mask_stored_headers(stored.database) == 0


async def test_it_goes_on_where_it_stopped(stored: Stored) -> None:
    endpoint = await stored.endpoint(headers={"X-Env": "live"})
    delivery = await stored.delivery(endpoint, "delivered")
    first, second = [
        await stored.attempt(delivery, endpoint, number, request_headers=SENT) for number in range(2)
    ]
    await stored.change(ENDPOINTS, endpoint, mask_attempts_after=first)
    await mask_stored_headers(stored.database)
    assert await headers_in(stored) == {first: SENT, second: MASKED}


async def test_endpoints_without_a_mark_are_left_alone(stored: Stored) -> None:
    endpoint = await stored.endpoint()
    delivery = await stored.delivery(endpoint, "delivered")
    await stored.attempt(delivery, endpoint, request_headers=SENT)
    assert await mask_stored_headers(stored.database) == 0
    assert list((await headers_in(stored)).values()) == [SENT]
