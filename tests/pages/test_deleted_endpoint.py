"""What is left of an endpoint that was deleted: deliveries and audit entries lead to it."""

import pytest

from breakwater.core.domain.errors import NotFound
from breakwater.core.domain.outcome import Response
from tests.web.running_app import RunningApp


async def deleted(service: RunningApp) -> tuple[str, str]:
    """An endpoint whose circuit opened, and that ada then deleted; with its delivery."""
    endpoint = await service.endpoint(circuit={"failure_threshold": 1}, description="the old one")
    service.sender.script("billing.example", Response(503, (), b""))
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = accepted["deliveries"][0]["id"]
    await service.attempted(delivery, 1)
    await service.runtime.endpoints.delete(endpoint, actor="person:ada", reason="<b>moved</b>")
    return endpoint, delivery


async def test_its_page_says_when_by_whom_and_why_it_was_deleted(service: RunningApp) -> None:
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


async def test_nothing_can_be_done_on_it(service: RunningApp) -> None:
    endpoint, _ = await deleted(service)
    main = (await service.api.get(f"/endpoints/{endpoint}")).text.split("<main")[1].split("</main>")[0]
    assert "<form" not in main
    assert "<button" not in main
    assert "/edit" not in main


async def test_an_endpoint_that_never_was_is_still_not_found(service: RunningApp) -> None:
    assert (await service.api.get("/endpoints/ep_00000000000000000000000000")).status_code == 404
    kept = await service.endpoint()
    with pytest.raises(NotFound):
        await service.runtime.queries.endpoints.get_deleted(kept)


async def test_the_api_goes_on_to_say_that_it_is_not_there(service: RunningApp) -> None:
    endpoint, _ = await deleted(service)
    assert (await service.api.get(f"/api/v1/endpoints/{endpoint}")).status_code == 404
