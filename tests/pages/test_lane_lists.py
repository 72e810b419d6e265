"""The lists of circuits and endpoints: paging, search, and counts over all pages."""

import re

import pytest

from breakwater.web.pages import lane_list
from tests.web.running_app import RunningApp, problems

PATHS = ("/endpoints", "/circuits")
NAMES = [f"shop-{number}" for number in range(5)]


@pytest.fixture
async def shops(service: RunningApp, monkeypatch: pytest.MonkeyPatch) -> RunningApp:
    """Five endpoints, two to a page."""
    monkeypatch.setattr(lane_list, "PAGE_SIZE", 2)
    for name in NAMES:
        await service.endpoint(f"{name}.example", name=name)
    return service


async def page_of(service: RunningApp, path: str) -> str:
    response = await service.api.get(path)
    assert response.status_code == 200
    return response.text


def names_on(page: str) -> list[str]:
    return re.findall(r"<b>(shop-\d)</b>", page)


@pytest.mark.parametrize("path", PATHS)
async def test_links_lead_through_all_pages_and_back_to_the_first(shops: RunningApp, path: str) -> None:
    names, url = [], path
    while url:
        page = await page_of(shops, url)
        names += names_on(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        url = following[1].replace("&amp;", "&") if following else ""
    assert names == NAMES
    assert f'href="{path}"><svg' in page  # back to the first
    assert "1 of 5 endpoints" in page


@pytest.mark.parametrize("path", PATHS)
async def test_a_search_by_name_is_kept_on_the_next_page(shops: RunningApp, path: str) -> None:
    page = await page_of(shops, f"{path}?q=SHOP")
    assert 'name="q" value="SHOP"' in page
    assert re.search(rf'rel="next" href="{path}\?q=SHOP&amp;cursor=', page)
    assert names_on(await page_of(shops, f"{path}?q=shop-3")) == ["shop-3"]
    empty = await page_of(shops, f"{path}?q=<b>ship</b>")
    assert "No endpoint has “&lt;b&gt;ship&lt;/b&gt;” in its name or URL" in empty


@pytest.mark.parametrize("path", PATHS)
async def test_an_invalid_query_is_reported_in_place(shops: RunningApp, path: str) -> None:
    for query in ("cursor=garbage", "q=%00", f"q={'x' * 201}"):
        page = await page_of(shops, f"{path}?{query}")
        assert 'role="alert"' in page
        assert names_on(page) == []


async def test_the_counts_include_other_pages(shops: RunningApp) -> None:
    ids = [item["id"] for item in (await shops.get("/endpoints"))["items"]]
    for endpoint_id in ids[:3]:
        await shops.post(f"/circuits/{endpoint_id}/hold", {"reason": "moves"})
    board = await page_of(shops, "/circuits")
    assert "<title>(3) Circuits" in board
    assert 'Needs attention<span class="count">3</span>' in board
    assert board.count('<article class="circuit"') == 2
    assert "5 endpoints, 3 with an open circuit" in await page_of(shops, "/endpoints")


async def test_the_api_pages_circuits_in_the_same_order(shops: RunningApp) -> None:
    first = await shops.get("/circuits", limit=3)
    second = await shops.get("/circuits", limit=3, cursor=first["next_cursor"])
    assert [item["endpoint_name"] for item in first["items"] + second["items"]] == NAMES
    assert second["next_cursor"] is None
    (only,) = (await shops.get("/circuits", q="shop-2.example"))["items"]
    assert only["endpoint_name"] == "shop-2"
    for query in ("cursor=garbage", "limit=0", "q=%00"):
        assert query.partition("=")[0] in problems(await shops.api.get(f"/api/v1/circuits?{query}"), 400)


async def test_now_shows_eight_open_circuits_and_the_number_of_the_others(service: RunningApp) -> None:
    for number in range(10):
        endpoint_id = await service.endpoint(f"shop-{number}.example")
        await service.post(f"/circuits/{endpoint_id}/hold", {"reason": "moves"})
    page = await page_of(service, "/")
    assert page.count('class="brief"') == 8
    assert '<a href="/circuits">2 more open circuits</a>' in page


async def test_the_filter_of_deliveries_names_an_endpoint_that_was_deleted(service: RunningApp) -> None:
    endpoint_id = await service.endpoint("gone.example", name="The one that went")
    await service.send_one()
    await service.runtime.endpoints.delete(endpoint_id, actor="person:ada", reason=None)
    page = await page_of(service, f"/deliveries?endpoint={endpoint_id}")
    assert f'<option value="{endpoint_id}" selected>The one that went</option>' in page
    assert "all deliveries to The one that went" in page
