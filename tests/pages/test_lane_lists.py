"""The circuit board and the list of endpoints: paged, found by name, and honest about how many there are."""

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
    answer = await service.api.get(path)
    assert answer.status_code == 200
    return answer.text


def shown(page: str) -> list[str]:
    return re.findall(r"<b>(shop-\d)</b>", page)


@pytest.mark.parametrize("path", PATHS)
async def test_links_lead_through_all_pages_and_back_to_the_first(shops: RunningApp, path: str) -> None:
    found, url = [], path
    while url:
        page = await page_of(shops, url)
        found += shown(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        url = following[1].replace("&amp;", "&") if following else ""
    assert found == NAMES
    assert f'href="{path}"><svg' in page  # back to the first
    assert "1 of 5 endpoints" in page


@pytest.mark.parametrize("path", PATHS)
async def test_a_name_is_searched_for_and_the_search_survives_turning_the_page(
    shops: RunningApp, path: str
) -> None:
    page = await page_of(shops, f"{path}?q=SHOP")
    assert 'name="q" value="SHOP"' in page
    assert re.search(rf'rel="next" href="{path}\?q=SHOP&amp;cursor=', page)
    assert shown(await page_of(shops, f"{path}?q=shop-3")) == ["shop-3"]
    nothing = await page_of(shops, f"{path}?q=<b>ship</b>")
    assert "Looked for “&lt;b&gt;ship&lt;/b&gt;”" in nothing


@pytest.mark.parametrize("path", PATHS)
async def test_what_cannot_be_read_is_said_in_place(shops: RunningApp, path: str) -> None:
    for query in ("cursor=garbage", "q=%00", f"q={'x' * 201}"):
        page = await page_of(shops, f"{path}?{query}")
        assert 'role="alert"' in page
        assert shown(page) == []


async def test_the_board_counts_what_is_on_other_pages_too(shops: RunningApp) -> None:
    ids = [item["id"] for item in (await shops.get("/endpoints"))["items"]]
    for endpoint_id in ids[:3]:
        await shops.post(f"/circuits/{endpoint_id}/hold", {"reason": "moves"})
    board = await page_of(shops, "/circuits")
    assert "<title>(3) Circuits" in board
    assert 'Not closed<span class="count">3</span>' in board
    assert board.count('<article class="circuit"') == 2
    assert "the circuit of 3 is not closed" in await page_of(shops, "/endpoints")


async def test_the_api_pages_circuits_in_the_same_order(shops: RunningApp) -> None:
    first = await shops.get("/circuits", limit=3)
    second = await shops.get("/circuits", limit=3, cursor=first["next_cursor"])
    assert [item["endpoint_name"] for item in first["items"] + second["items"]] == NAMES
    assert second["next_cursor"] is None
    (only,) = (await shops.get("/circuits", q="shop-2.example"))["items"]
    assert only["endpoint_name"] == "shop-2"
    for query in ("cursor=garbage", "limit=0", "q=%00"):
        assert query.partition("=")[0] in problems(await shops.api.get(f"/api/v1/circuits?{query}"), 400)


async def test_now_shows_the_worst_circuits_and_says_how_many_more_there_are(service: RunningApp) -> None:
    for number in range(10):
        endpoint_id = await service.endpoint(f"shop-{number}.example")
        await service.post(f"/circuits/{endpoint_id}/hold", {"reason": "moves"})
    page = await page_of(service, "/")
    assert page.count('class="brief"') == 8
    assert '<a href="/circuits">2 more that are not closed</a>' in page


async def test_the_filter_of_deliveries_names_an_endpoint_that_was_deleted(service: RunningApp) -> None:
    endpoint_id = await service.endpoint("gone.example", name="The one that went")
    await service.send_one()
    await service.runtime.endpoints.delete(endpoint_id, actor="person:ada", reason=None)
    page = await page_of(service, f"/deliveries?endpoint={endpoint_id}")
    assert f'<option value="{endpoint_id}" selected>The one that went</option>' in page
    assert "all deliveries to The one that went" in page
