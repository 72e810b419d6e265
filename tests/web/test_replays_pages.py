"""The pages of bulk resends, in a browser without scripts."""

import re

import httpx
import pytest
from sqlalchemy import update

from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.replays.outcome_counts import UNCACHED_COUNT_LIMIT
from breakwater.core.store.schema import REPLAYS
from breakwater.core.text.format import format_time_utc
from breakwater.web.pages.confirmation import Confirmation, confirmation_for, is_number
from tests.web.running_app import RunningApp
from tests.web.test_every_route import form_token
from tests.web.test_replays import failed, seconds


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, Confirmation.NONE),
        (2, Confirmation.DIALOG),
        (50, Confirmation.DIALOG),
        (51, Confirmation.NUMBER),
        (100_000, Confirmation.NUMBER),
    ],
)
def test_more_affected_deliveries_require_a_stronger_confirmation(count: int, expected: Confirmation) -> None:
    assert confirmation_for(count) is expected


@pytest.mark.parametrize("typed", ["4812", "4,812", "4 812", "4.812", "4\u00a0812", "4'812"])
def test_a_typed_number_may_have_thousands_separators(typed: str) -> None:
    assert is_number(typed, 4812)
    assert not is_number(typed, 4813)


def fields_of(text: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the first form with this action."""
    form = text.split(f'action="{action}"', 1)[1].split("</form>", 1)[0]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))


async def dry_run(browser: httpx.AsyncClient, query: str = "status=failed") -> dict[str, str]:
    page = await browser.get(f"/replays/new?{query}")
    assert page.status_code == 200
    return fields_of(page.text, "/replays")


async def replays(service: RunningApp) -> list[dict[str, object]]:
    items: list[dict[str, object]] = (await service.get("/replays"))["items"]
    return items


async def test_one_delivery_needs_no_confirmation(service: RunningApp) -> None:
    await service.endpoint()
    await failed(service, 1)
    operator = await service.browser("operator")
    fields = await dry_run(operator)
    started = await operator.post("/replays", data={**fields, "pace": "5", "reason": "fixed"})
    assert started.status_code == 303
    (replay,) = await replays(service)
    assert started.headers["location"] == f"/replays/{replay['id']}"
    assert (replay["pace"], replay["reason"], replay["created_by"]) == (5.0, "fixed", "person:operator")


async def test_a_few_deliveries_are_confirmed_on_a_separate_page(service: RunningApp) -> None:
    await service.endpoint()
    await failed(service, 3)
    operator = await service.browser("operator")
    shown_page = await operator.post("/replays", data={**await dry_run(operator), "pace": "50"})
    assert shown_page.status_code == 200
    assert "Resend 3 deliveries?" in shown_page.text
    assert await replays(service) == []
    confirmed = fields_of(shown_page.text, "/replays") | {"confirmed": "yes"}
    assert (await operator.post("/replays", data=confirmed)).status_code == 303
    assert len(await replays(service)) == 1


async def test_many_deliveries_are_confirmed_by_typing_their_number_and_only_the_snapshot_is_resent(
    service: RunningApp,
) -> None:
    await service.endpoint()
    await failed(service, 52)
    operator = await service.browser("operator")
    fields = await dry_run(operator) | {"pace": "1000"}
    service.later(1.0)
    later_id = await failed(service, 1)
    for typed in ("", "yes", "53"):
        refused = await operator.post("/replays", data={**fields, "typed": typed, "confirmed": "yes"})
        assert refused.status_code == 422
        assert "Type 52 to confirm." in refused.text
    assert await replays(service) == []
    assert (await operator.post("/replays", data={**fields, "typed": "52"})).status_code == 303
    await seconds(service, 3)
    (replay,) = await replays(service)
    assert (replay["state"], replay["resent"]) == ("finished", 52)
    assert await service.state(later_id[0]) is DeliveryState.FAILED


async def test_problems_are_shown_in_the_form_and_the_input_is_preserved(service: RunningApp) -> None:
    await service.endpoint()
    await failed(service, 1)
    operator = await service.browser("operator")
    fields = await dry_run(operator)
    refused = await operator.post("/replays", data={**fields, "pace": "fast", "reason": "receiver fixed"})
    assert refused.status_code == 422
    assert "deliveries per second" in refused.text
    assert 'value="receiver fixed"' in refused.text
    for query in ("status=broken", "up_to=dlv_1&frozen_at=nan", f"endpoint=ep_{'0' * 26}"):
        assert (await operator.get(f"/replays/new?{query}")).status_code in {404, 422}
    assert await replays(service) == []


async def test_a_second_replay_of_the_same_filter_is_refused_on_the_page(service: RunningApp) -> None:
    await service.endpoint()
    await failed(service, 1)
    operator = await service.browser("operator")
    fields = await dry_run(operator) | {"pace": "0.001"}
    assert (await operator.post("/replays", data=fields)).status_code == 303
    again = await dry_run(operator) | {"pace": "0.001"}
    refused = await operator.post("/replays", data=again)
    assert refused.status_code == 409
    assert "already resends these deliveries" in refused.text


async def test_a_viewer_sees_the_dry_run_but_cannot_start_it(service: RunningApp) -> None:
    await service.endpoint()
    ids = await failed(service, 2)
    viewer = await service.browser("viewer")
    page = await viewer.get("/replays/new?status=failed")
    assert "<b>2</b> deliveries would be resent" in page.text
    assert 'name="typed"' not in page.text
    assert 'form="selection"' not in (await viewer.get("/deliveries")).text
    token = {"_csrf": await form_token(viewer)}
    assert (await viewer.post("/replays", data=token)).status_code == 403
    assert (await viewer.post("/deliveries/resend", data={**token, "ids": ids})).status_code == 403


async def test_a_replay_is_paused_resumed_and_cancelled_by_forms(service: RunningApp) -> None:
    await service.endpoint()
    await failed(service, 1)
    operator = await service.browser("operator")
    started = await operator.post("/replays", data={**await dry_run(operator), "pace": "0.001"})
    path = started.headers["location"]
    token = {"_csrf": await form_token(operator)}
    for operation, state in (("pause", "Paused"), ("resume", "Running"), ("cancel", "Cancelled")):
        assert (await operator.post(f"{path}/{operation}", data=token)).status_code == 303
        assert f"{state}</span>: failed deliveries" in (await operator.get(path)).text


async def test_selected_deliveries_are_resent_after_a_confirmation_without_scripts(
    service: RunningApp,
) -> None:
    await service.endpoint()
    ids = await failed(service, 3)
    operator = await service.browser("operator")
    token = {"_csrf": await form_token(operator)}
    referer = {"Referer": "http://127.0.0.1:8420/deliveries?status=failed"}
    shown_page = await operator.post("/deliveries/resend", data={**token, "ids": ids[:2]}, headers=referer)
    assert shown_page.status_code == 200
    assert "Resend 2 deliveries?" in shown_page.text
    assert await service.state(ids[0]) is DeliveryState.FAILED
    confirmed = fields_of(shown_page.text, "/deliveries/resend") | {"ids": ids[:2], "confirmed": "yes"}
    response = await operator.post("/deliveries/resend", data=confirmed)
    assert (response.status_code, response.headers["location"]) == (303, "/deliveries?status=failed")
    for delivery_id in ids[:2]:
        await service.reaches(delivery_id, DeliveryState.DELIVERED)
    assert await service.state(ids[2]) is DeliveryState.FAILED


async def test_one_selected_delivery_needs_no_confirmation_and_an_empty_selection_is_refused(
    service: RunningApp,
) -> None:
    await service.endpoint()
    ids = await failed(service, 1)
    operator = await service.browser("operator")
    token = {"_csrf": await form_token(operator)}
    assert (await operator.post("/deliveries/resend", data=token)).status_code == 303
    assert "Nothing selected" in (await operator.get("/deliveries")).text
    assert (await operator.post("/deliveries/resend", data={**token, "ids": ids})).status_code == 303
    await service.reaches(ids[0], DeliveryState.DELIVERED)


async def test_failures_are_grouped_by_cause_with_links_to_filter_and_replay(
    service: RunningApp,
) -> None:
    await service.endpoint("one.example", event_types=["one"])
    await service.endpoint("two.example", event_types=["two"])
    await failed(service, 2, "one")
    await failed(service, 1, "two")
    service.sender.default = Response(404)
    other = await service.send_one(event_type="one")
    await service.reaches(other, DeliveryState.FAILED)
    operator = await service.browser("operator")
    for path in ("/deliveries?status=failed", "/deliveries/causes?status=failed"):
        page = (await operator.get(path)).text
        panel = page.split('aria-label="Failures by cause"', 1)[1].split("</table>", 1)[0]
        assert panel.count("<tr data-row") == 2
        assert "one.example" in panel
        assert "two.example" in panel
        queries = re.findall(r'href="/replays/new\?([^"]+)"', panel)
        counts = [(await operator.get(f"/replays/new?{q.replace('&amp;', '&')}")).text for q in queries]
        assert ["<b>3</b> deliveries" in counts[0], "<b>1</b> delivery" in counts[1]] == [True, True]
    assert "Failures by cause" not in (await operator.get("/deliveries?status=delivered")).text


async def test_a_view_is_saved_shown_and_deleted(service: RunningApp) -> None:
    ada, bob = await service.browser("viewer", "ada"), await service.browser("viewer", "bob")
    token = {"_csrf": await form_token(ada)}
    response = await ada.post(
        "/deliveries/views", data={**token, "name": "Last <night>", "filter": "status=failed&since=1d"}
    )
    assert response.status_code == 303
    page = (await ada.get("/deliveries?status=failed&since=24h")).text
    assert (
        '<a href="/deliveries?status=failed&amp;since=1d" aria-current="true">Last &lt;night&gt;</a>' in page
    )
    assert "Last &lt;night&gt;" not in (await bob.get("/deliveries")).text
    (action,) = set(re.findall(r"/deliveries/views/viw_\w+/delete", page))
    assert (await bob.post(action, data={"_csrf": await form_token(bob)})).status_code == 303
    assert "Last &lt;night&gt;" in (await ada.get("/deliveries")).text
    assert (await ada.post(action, data=token)).status_code == 303
    await ada.get("/deliveries")  # says it once
    assert "Last &lt;night&gt;" not in (await ada.get("/deliveries")).text


async def test_the_page_of_a_large_replay_says_when_its_outcomes_were_counted(service: RunningApp) -> None:
    await service.endpoint()
    await failed(service, 1)
    operator = await service.browser("operator")
    await operator.post("/replays", data={**await dry_run(operator), "pace": "5", "reason": "fixed"})
    (replay,) = await replays(service)
    note = "they are counted every few seconds"
    assert note not in (await operator.get(f"/replays/{replay['id']}")).text
    many = update(REPLAYS).where(REPLAYS.c.id == replay["id"]).values(resent=UNCACHED_COUNT_LIMIT + 1)
    await service.runtime.database.writer.run(lambda connection: connection.execute(many))
    page = (await operator.get(f"/replays/{replay['id']}")).text
    assert f"Delivered, failed and waiting as of {format_time_utc(service.clock.now())}" in page
    assert note in page
