"""What is typed into the form of an endpoint stays, whatever happened to the endpoint or to the database meanwhile."""

import html
import re

import pytest

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.endpoints.service import Endpoints
from breakwater.core.text.credentials import MASK
from tests.web.running_app import RunningApp

FIELD = re.compile(r'<input id="([^"]+)" name="\1" value="([^"]*)"')
AREA = re.compile(r'<textarea id="([^"]+)"[^>]*>\n([^<]*)</textarea>')


def typed_on(page: str) -> dict[str, str]:
    """Return what the form of an endpoint shows, by field."""
    return {name: html.unescape(value) for name, value in (*FIELD.findall(page), *AREA.findall(page))}


async def opened(service: RunningApp, **fields: object) -> tuple[str, dict[str, str]]:
    """An endpoint, and what its form shows."""
    endpoint = await service.endpoint(name="Billing", **fields)
    page = (await service.api.get(f"/endpoints/{endpoint}/edit")).text
    return endpoint, {"signature": "standard", **typed_on(page)}


async def test_an_endpoint_deleted_meanwhile_is_told_and_everything_typed_is_kept(
    service: RunningApp,
) -> None:
    endpoint, form = await opened(service)
    await service.runtime.endpoints.delete(endpoint, actor="person:ada", reason="<b>moved</b>")
    form |= {"name": "Billing, new", "retry.delays": "1s 5m", "event_types": "invoice.paid\ninvoice.void"}
    told = await service.api.post(f"/endpoints/{endpoint}/edit", data=form)
    assert told.status_code == 409
    alert = told.text.split('role="alert"')[1].split("</div>")[0]
    assert "Nothing was saved" in alert
    assert "by ada, “&lt;b&gt;moved&lt;/b&gt;”" in alert
    assert f'href="/endpoints/{endpoint}"' in alert
    kept = typed_on(told.text)
    assert {name: kept[name] for name in form if name != "signature"} == {
        name: value for name, value in form.items() if name != "signature"
    }
    assert '<form method="post" action="/endpoints" ' in told.text


async def test_what_was_typed_makes_a_new_endpoint_when_its_reader_wants_that(service: RunningApp) -> None:
    endpoint, form = await opened(service)
    await service.runtime.endpoints.delete(endpoint, actor="person:ada")
    form |= {"name": "Billing, new", "retry.delays": "1s 5m"}
    told = await service.api.post(f"/endpoints/{endpoint}/edit", data=form)
    made = await service.api.post("/endpoints", data={"signature": "standard", **typed_on(told.text)})
    assert 'id="secret"' in made.text
    (found,) = (await service.get("/endpoints"))["items"]
    assert (found["name"], found["retry"]["delays"]) == ("Billing, new", [1.0, 300.0])
    assert found["id"] != endpoint


async def test_what_is_not_shown_again_is_asked_for_at_its_field(service: RunningApp) -> None:
    endpoint, form = await opened(service, headers={"Authorization": "Bearer abc", "X-Env": "live"})
    assert MASK in form["headers"]
    await service.runtime.endpoints.delete(endpoint, actor="person:ada")
    secret = "whsec_" + "c2VjcmV0" * 4
    told = (await service.api.post(f"/endpoints/{endpoint}/edit", data=form | {"secret": secret})).text
    assert secret not in told
    assert "Bearer abc" not in told
    assert "type it again" in told.split('id="headers-about"')[1].split("</div>")[0]
    assert "type it again" in told.split('id="secret-about"')[1].split("</div>")[0]


async def test_an_endpoint_deleted_while_it_is_saved_is_told_in_the_same_way(
    service: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, form = await opened(service)
    save = Endpoints.update

    async def too_late(self: Endpoints, *given: object, **named: object) -> object:
        await service.runtime.endpoints.delete(endpoint, actor="person:ada")
        return await save(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Endpoints, "update", too_late)
    told = await service.api.post(f"/endpoints/{endpoint}/edit", data=form | {"name": "typed"})
    assert told.status_code == 409
    assert typed_on(told.text)["name"] == "typed"


async def test_an_endpoint_that_never_was_is_not_found(service: RunningApp) -> None:
    assert (await service.api.post(f"/endpoints/ep_{'0' * 26}/edit", data={"name": "x"})).status_code == 404


@pytest.mark.parametrize("operation", ["create", "update"])
async def test_a_database_that_is_away_is_told_and_everything_typed_is_kept(
    service: RunningApp, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    endpoint, form = await opened(service)

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("The database is unavailable: the disk is full", retry_after=7)

    monkeypatch.setattr(Endpoints, operation, away)
    path = "/endpoints" if operation == "create" else f"/endpoints/{endpoint}/edit"
    told = await service.api.post(path, data=form | {"name": "typed"})
    assert told.status_code == 503
    assert "Nothing was saved. The database is unavailable" in told.text
    assert typed_on(told.text)["name"] == "typed"
    assert f'action="{path}"' in told.text
