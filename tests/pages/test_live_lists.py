"""The live part of a list is asked for every second by every open tab: it reads what it shows, and no more."""

import pytest

from breakwater.core.accounts.saved_views import SavedViews
from breakwater.core.domain.outcome import Response
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.deliveries.queries import DeliveryQueries
from breakwater.core.queries.endpoints.queries import EndpointQueries
from tests.web.running_app import RunningApp

LIVE = {"HX-Request": "true"}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is read to fill the fields around a list, in their order."""
    seen: list[str] = []

    def noting(kind: type, name: str) -> None:
        real = getattr(kind, name)

        async def noted(self: object, *given: object) -> object:
            seen.append(name)
            return await real(self, *given)

        monkeypatch.setattr(kind, name, noted)

    noting(EndpointQueries, "options")
    noting(DeliveryQueries, "event_types")
    noting(SavedViews, "list")
    return seen


async def failed(service: RunningApp) -> tuple[str, str]:
    """An endpoint and its delivery, which failed for good."""
    endpoint = await service.endpoint()
    service.sender.script("billing.example", Response(400, (), b""))
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = accepted["deliveries"][0]["id"]
    await service.reaches(delivery, DeliveryState.FAILED)
    return endpoint, delivery


async def test_a_whole_list_reads_what_its_fields_offer(service: RunningApp, reads: list[str]) -> None:
    await service.api.get("/deliveries")
    assert reads == ["options", "event_types", "list"]


@pytest.mark.parametrize("path", ["/deliveries", "/deliveries/causes"])
async def test_its_live_part_reads_none_of_that(service: RunningApp, reads: list[str], path: str) -> None:
    _, delivery = await failed(service)
    answer = await service.api.get(path, params={"drawn": delivery, "up_to": delivery}, headers=LIVE)
    assert answer.status_code == 200
    assert reads == []


async def test_it_names_the_endpoint_that_is_asked_for_by_its_rows(
    service: RunningApp, reads: list[str]
) -> None:
    endpoint, delivery = await failed(service)
    name = (await service.get(f"/endpoints/{endpoint}"))["name"]
    asked = {"endpoint": endpoint, "drawn": delivery}
    answer = await service.api.get("/deliveries", params=asked, headers=LIVE)
    assert f"all deliveries to {name}" in answer.text
    assert reads == []


async def test_without_a_row_it_asks_for_that_name_alone(service: RunningApp, reads: list[str]) -> None:
    endpoint = await service.endpoint()
    name = (await service.get(f"/endpoints/{endpoint}"))["name"]
    answer = await service.api.get("/deliveries", params={"endpoint": endpoint}, headers=LIVE)
    assert f"Looked for all deliveries to {name}." in answer.text
    assert reads == ["options"]
