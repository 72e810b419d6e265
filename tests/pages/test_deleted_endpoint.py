"""The page of a deleted endpoint, to which its deliveries and audit entries link."""

import pytest

from breakwater.core.domain.errors import NotFound
from breakwater.core.domain.outcome import Response
from tests.web.running_app import RunningApp


async def deleted(service: RunningApp) -> tuple[str, str]:
    """An endpoint with an open circuit that ada deleted, and its delivery."""
    endpoint = await service.endpoint(circuit={"failure_threshold": 1}, description="the old one")
    service.sender.script("billing.example", Response(503, (), b""))
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = accepted["deliveries"][0]["id"]
    await service.attempted(delivery, 1)
    await service.runtime.endpoints.delete(endpoint, actor="person:ada", reason="<b>moved</b>")
    return endpoint, delivery


async def test_the_page_of_a_deleted_endpoint_shows_time_actor_and_reason(service: RunningApp) -> None:
    endpoint, delivery = await deleted(service)
    for browser in (service.api, await service.browser("viewer")):
        page = await browser.get(f"/endpoints/{endpoint}")
        assert page.status_code == 200
        words = page.text.split("Deleted ")[1].split("</p>")[0]
        assert "<time datetime=" in words
        assert "by ada: “&lt;b&gt;moved&lt;/b&gt;”" in words
        assert f'href="/deliveries/{delivery}"' in page.text
        assert "1 consecutive failure" in page.text
        assert "the old one" in page.text
        assert page.text.count('<svg class="chart') == 3


async def test_the_page_offers_no_action(service: RunningApp) -> None:
    endpoint, _ = await deleted(service)
    main = (await service.api.get(f"/endpoints/{endpoint}")).text.split("<main")[1].split("</main>")[0]
    assert "<form" not in main
    assert "<button" not in main
    assert "/edit" not in main


async def test_an_endpoint_that_never_existed_is_not_found(service: RunningApp) -> None:
    assert (await service.api.get("/endpoints/ep_00000000000000000000000000")).status_code == 404
    existing = await service.endpoint()
    with pytest.raises(NotFound):
        await service.runtime.queries.endpoints.get_deleted(existing)


async def test_the_api_returns_not_found(service: RunningApp) -> None:
    endpoint, _ = await deleted(service)
    assert (await service.api.get(f"/api/v1/endpoints/{endpoint}")).status_code == 404
