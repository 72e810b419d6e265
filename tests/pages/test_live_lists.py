"""Every open tab loads the live fragment of a list often, so it reads only what it shows."""

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
    """The names of the reads for the fields around a list, in order."""
    names: list[str] = []

    def record(kind: type, name: str) -> None:
        real = getattr(kind, name)

        async def recorded(self: object, *args: object) -> object:
            names.append(name)
            return await real(self, *args)

        monkeypatch.setattr(kind, name, recorded)

    record(EndpointQueries, "options")
    record(DeliveryQueries, "event_types")
    record(SavedViews, "list")
    return names


async def failed(service: RunningApp) -> tuple[str, str]:
    """An endpoint and its failed delivery."""
    endpoint = await service.endpoint()
    service.sender.script("billing.example", Response(400, (), b""))
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    delivery = accepted["deliveries"][0]["id"]
    await service.reaches(delivery, DeliveryState.FAILED)
    return endpoint, delivery


async def test_the_whole_page_reads_the_options_of_its_fields(service: RunningApp, reads: list[str]) -> None:
    await service.api.get("/deliveries")
    assert reads == ["options", "event_types", "list"]


@pytest.mark.parametrize("path", ["/deliveries", "/deliveries/causes"])
async def test_the_live_fragment_reads_no_options(service: RunningApp, reads: list[str], path: str) -> None:
    _, delivery = await failed(service)
    response = await service.api.get(path, params={"rendered": delivery, "up_to": delivery}, headers=LIVE)
    assert response.status_code == 200
    assert reads == []


async def test_the_fragment_takes_the_name_of_the_endpoint_from_its_rows(
    service: RunningApp, reads: list[str]
) -> None:
    endpoint, delivery = await failed(service)
    name = (await service.get(f"/endpoints/{endpoint}"))["name"]
    params = {"endpoint": endpoint, "rendered": delivery}
    response = await service.api.get("/deliveries", params=params, headers=LIVE)
    assert f"all deliveries to {name}" in response.text
    assert reads == []


async def test_without_a_row_the_fragment_reads_that_name_alone(
    service: RunningApp, reads: list[str]
) -> None:
    endpoint = await service.endpoint()
    name = (await service.get(f"/endpoints/{endpoint}"))["name"]
    response = await service.api.get("/deliveries", params={"endpoint": endpoint}, headers=LIVE)
    assert f"No deliveries to {name}" in response.text
    assert reads == ["options"]
