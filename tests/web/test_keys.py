"""API keys: shown once, cached for seconds, refused immediately after revocation."""

from typing import Any

import httpx
import pytest

from breakwater.core.accounts.keys import CREDENTIAL_CACHE_SECONDS
from tests.web.running_app import BOOTSTRAP_KEY, RunningApp, problems


async def create_key(service: RunningApp, *scopes: str, name: str = "ci") -> Any:
    return await service.post("/keys", {"name": name, "scopes": list(scopes)}, 201)


async def test_a_key_is_shown_once_and_works(service: RunningApp) -> None:
    created = await create_key(service, "send", "read")
    assert created["key"].startswith("bw_")
    assert len(created["key"]) >= 3 + 43
    assert created["preview"].startswith(created["key"][:6])
    (listed,) = (await service.get("/keys"))["items"]
    assert "key" not in listed
    assert created["key"] not in str(listed)
    program = service.client(key=created["key"])
    assert (await program.get("/api/v1/deliveries")).status_code == 200
    problems(await program.get("/api/v1/keys"), 403)


async def test_a_revoked_key_is_refused_immediately(service: RunningApp) -> None:
    created = await create_key(service, "read")
    program = service.client(key=created["key"])
    assert (await program.get("/api/v1/deliveries")).status_code == 200
    assert (await service.api.delete(f"/api/v1/keys/{created['id']}")).status_code == 200
    problems(await program.get("/api/v1/deliveries"), 401)
    (listed,) = (await service.get("/keys"))["items"]
    assert listed["revoked_at"]
    problems(await service.api.delete(f"/api/v1/keys/{created['id']}"), 409)


async def test_a_key_is_looked_up_once_in_a_few_seconds(service: RunningApp) -> None:
    created = await create_key(service, "read")
    keys = service.runtime.access.keys
    looked_up = []

    async def count(digest: str) -> Any:
        looked_up.append(digest)
        return await load(digest)

    load, keys._load = keys._load, count  # type: ignore[method-assign]
    for _ in range(20):
        assert await keys.find(created["key"])
    assert len(looked_up) == 1
    service.later(CREDENTIAL_CACHE_SECONDS)
    assert await keys.find(created["key"])
    assert len(looked_up) == 2


async def test_a_key_revoked_during_its_lookup_is_not_cached(service: RunningApp) -> None:
    created = await create_key(service, "read")
    keys = service.runtime.access.keys

    async def revoke_during_load(digest: str) -> Any:
        key = await load(digest)
        await keys.revoke(created["id"], actor="person:ada")
        return key

    load, keys._load = keys._load, revoke_during_load  # type: ignore[method-assign]
    await keys.find(created["key"])
    keys._load = load  # type: ignore[method-assign]
    assert await keys.find(created["key"]) is None


async def test_the_last_use_of_a_key_is_recorded_to_the_minute(service: RunningApp) -> None:
    created = await create_key(service, "read")
    program = service.client(key=created["key"])
    assert (await program.get("/api/v1/deliveries")).status_code == 200
    await service.quiet()
    (listed,) = (await service.get("/keys"))["items"]
    assert listed["last_used_at"] == "2027-01-15T08:00:00.000Z"
    service.later(61)
    await program.get("/api/v1/deliveries")
    await service.quiet()
    (listed,) = (await service.get("/keys"))["items"]
    assert listed["last_used_at"] == "2027-01-15T08:01:01.000Z"


async def test_an_invalid_key_is_refused_and_nothing_is_created(service: RunningApp) -> None:
    for body, fields in (
        ({}, {"name"}),
        ({"name": "", "scopes": ["read"]}, {"name"}),
        ({"name": "x" * 101, "scopes": ["read"]}, {"name"}),
        ({"name": "a\nb", "scopes": ["read"]}, {"name"}),
        ({"name": "<script>", "scopes": []}, {"name", "scopes"}),
        ({"name": "ci", "scopes": ["root"]}, {"scopes"}),
        ({"name": "ci", "scopes": "read"}, {"scopes"}),
        ({"name": "ci", "scopes": [["read"]]}, {"scopes.0"}),
        ({"name": "ci", "scopes": ["read"], "key": "bw_mine"}, {"key"}),
    ):
        assert set(problems(await service.api.post("/api/v1/keys", json=body), 422)) == fields, body
    assert (await service.get("/keys"))["items"] == []


async def test_an_unknown_key_is_not_found(service: RunningApp) -> None:
    problems(await service.api.delete(f"/api/v1/keys/key_{'0' * 26}"), 404)


async def test_the_bootstrap_key_has_its_own_actor_name_and_is_not_listed(service: RunningApp) -> None:
    created = await create_key(service, "read")
    assert created["created_by"] == "key:bootstrap"
    assert [item["id"] for item in (await service.get("/keys"))["items"]] == [created["id"]]
    assert BOOTSTRAP_KEY not in (await service.api.get("/api/v1/audit")).text


MESSAGE = {"event_type": "invoice.paid", "payload": {"n": 1}}
SAME_REQUEST = {"Idempotency-Key": "invoice-17"}


async def send(program: httpx.AsyncClient, path: str = "/messages") -> tuple[Any, bool]:
    body = MESSAGE if path == "/messages" else {"messages": [MESSAGE]}
    response = await program.post(f"/api/v1{path}", json=body, headers=SAME_REQUEST)
    assert response.status_code == 202, response.text
    accepted = response.json()
    id_ = accepted["id"] if path == "/messages" else accepted["items"][0]["id"]
    return id_, "idempotent-replayed" in response.headers


@pytest.mark.parametrize("path", ["/messages", "/messages/batch"])
async def test_keys_of_one_sender_share_its_idempotency_keys(service: RunningApp, path: str) -> None:
    fields = {"scopes": ["send"], "sender": "billing"}
    tokens = [
        (await service.post("/keys", {"name": name, **fields}, 201))["key"] for name in ("blue", "green")
    ]
    first, second = [(await send(service.client(key=token), path))[0] for token in tokens]
    assert first == second


async def test_a_rotated_key_keeps_its_sender_and_the_first_one_works_until_it_is_revoked(
    service: RunningApp,
) -> None:
    old = await create_key(service, "send", "read")
    assert old["sender"] == old["id"]
    first, _ = await send(service.client(key=old["key"]))
    new = await service.post(f"/keys/{old['id']}/rotate", status=201)
    assert (new["name"], new["scopes"], new["sender"]) == (old["name"], old["scopes"], old["sender"])
    assert new["key"] != old["key"]
    assert await send(service.client(key=new["key"])) == (first, True)
    assert await send(service.client(key=old["key"])) == (first, True)
    assert (await service.api.delete(f"/api/v1/keys/{old['id']}")).status_code == 200
    again = await service.post(f"/keys/{new['id']}/rotate", status=201)
    assert await send(service.client(key=again["key"])) == (first, True)
    problems(await service.api.post(f"/api/v1/keys/{old['id']}/rotate"), 409)
    problems(await service.api.post(f"/api/v1/keys/key_{'0' * 26}/rotate"), 404)


async def test_keys_of_two_senders_do_not_share_idempotency_keys(service: RunningApp) -> None:
    fields = {"name": "ci", "scopes": ["send"]}
    keys = [
        await service.post("/keys", {**fields, **sender}, 201)
        for sender in ({}, {"sender": None}, {"sender": "billing"}, {"sender": "shop"})
    ]
    ids = [(await send(service.client(key=key["key"])))[0] for key in keys]
    assert len(set(ids)) == len(keys)


async def test_a_batch_and_a_single_message_never_share_an_idempotency_key(service: RunningApp) -> None:
    body = {"name": "ci", "scopes": ["send"], "sender": "billing/batch"}
    assert set(problems(await service.api.post("/api/v1/keys", json=body), 422)) == {"sender"}


async def test_a_key_is_rotated_on_the_page_and_shown_once(service: RunningApp) -> None:
    created = await service.post("/keys", {"name": "ci", "scopes": ["send"], "sender": "billing"}, 201)
    browser = await service.browser("admin", "ada")
    page = (await browser.get("/settings")).text
    assert "sender billing" in page
    token = page.split('name="_csrf" value="', 1)[1].split('"', 1)[0]
    rotated = await browser.post(f"/settings/keys/{created['id']}/rotate", data={"_csrf": token})
    response = await browser.get(rotated.headers["location"])
    assert response.status_code == 200
    assert "The old key stays valid until you revoke it." in response.text
    assert [key["sender"] for key in (await service.get("/keys"))["items"]] == ["billing", "billing"]


async def test_an_unknown_key_is_looked_up_once_in_a_few_seconds_and_evicts_no_valid_key(
    service: RunningApp,
) -> None:
    created = await create_key(service, "read")
    keys = service.runtime.access.keys
    assert await keys.find(created["key"])
    lookups = []

    async def count(digest: str) -> Any:
        lookups.append(digest)
        return await load(digest)

    load, keys._load = keys._load, count  # type: ignore[method-assign]
    for _ in range(20):
        assert await keys.find("bw_" + "x" * 43) is None
    assert len(lookups) == 1
    for number in range(1_100):
        assert await keys.find(f"bw_{number}") is None
    assert await keys.find(created["key"])
    assert len(lookups) == 1_101
    service.later(CREDENTIAL_CACHE_SECONDS)
    assert await keys.find("bw_" + "x" * 43) is None
    assert len(lookups) == 1_102
