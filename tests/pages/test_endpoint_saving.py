"""The input in the form of an endpoint is kept when the endpoint is deleted or the database is unavailable."""

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
    """Return the text of the fields of an endpoint's form."""
    return {name: html.unescape(value) for name, value in (*FIELD.findall(page), *AREA.findall(page))}


async def opened(service: RunningApp, **fields: object) -> tuple[str, dict[str, str]]:
    """An endpoint, and the text of its form."""
    endpoint = await service.endpoint(name="Billing", **fields)
    page = (await service.api.get(f"/endpoints/{endpoint}/edit")).text
    return endpoint, {"signature": "standard", **typed_on(page)}


async def test_an_endpoint_deleted_while_it_is_edited_is_reported_and_the_input_is_kept(
    service: RunningApp,
) -> None:
    endpoint, form = await opened(service)
    await service.runtime.endpoints.delete(endpoint, actor="person:ada", reason="<b>moved</b>")
    form |= {"name": "Billing, new", "retry.delays": "1s 5m", "event_types": "invoice.paid\ninvoice.void"}
    response = await service.api.post(f"/endpoints/{endpoint}/edit", data=form)
    assert response.status_code == 409
    alert = response.text.split('role="alert"')[1].split("</div>")[0]
    assert "Not saved" in alert
    assert "by ada, “&lt;b&gt;moved&lt;/b&gt;”" in alert
    assert f'href="/endpoints/{endpoint}"' in alert
    fields = typed_on(response.text)
    assert {name: fields[name] for name in form if name != "signature"} == {
        name: value for name, value in form.items() if name != "signature"
    }
    assert '<form method="post" action="/endpoints" ' in response.text


async def test_the_input_can_create_a_new_endpoint(service: RunningApp) -> None:
    endpoint, form = await opened(service)
    await service.runtime.endpoints.delete(endpoint, actor="person:ada")
    form |= {"name": "Billing, new", "retry.delays": "1s 5m"}
    response = await service.api.post(f"/endpoints/{endpoint}/edit", data=form)
    created = await service.api.post("/endpoints", data={"signature": "standard", **typed_on(response.text)})
    assert 'id="secret"' in (await service.api.get(created.headers["location"])).text
    (endpoint_view,) = (await service.get("/endpoints"))["items"]
    assert (endpoint_view["name"], endpoint_view["retry"]["delays"]) == ("Billing, new", [1.0, 300.0])
    assert endpoint_view["id"] != endpoint


async def test_values_that_are_not_shown_again_are_requested_at_their_field(service: RunningApp) -> None:
    endpoint, form = await opened(service, headers={"Authorization": "Bearer abc", "X-Env": "live"})
    assert MASK in form["headers"]
    await service.runtime.endpoints.delete(endpoint, actor="person:ada")
    secret = "whsec_" + "c2VjcmV0" * 4
    response = (await service.api.post(f"/endpoints/{endpoint}/edit", data=form | {"secret": secret})).text
    assert secret not in response
    assert "Bearer abc" not in response
    assert "Type them again" in response.split('id="headers-about"')[1].split("</div>")[0]
    assert "Type it again" in response.split('id="secret-about"')[1].split("</div>")[0]


async def test_an_endpoint_deleted_while_it_is_saved_is_reported_in_the_same_way(
    service: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, form = await opened(service)
    save = Endpoints.update

    async def too_late(self: Endpoints, *args: object, **kwargs: object) -> object:
        await service.runtime.endpoints.delete(endpoint, actor="person:ada")
        return await save(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Endpoints, "update", too_late)
    response = await service.api.post(f"/endpoints/{endpoint}/edit", data=form | {"name": "typed"})
    assert response.status_code == 409
    assert typed_on(response.text)["name"] == "typed"


async def test_an_endpoint_that_never_existed_is_not_found(service: RunningApp) -> None:
    assert (await service.api.post(f"/endpoints/ep_{'0' * 26}/edit", data={"name": "x"})).status_code == 404


@pytest.mark.parametrize("operation", ["create", "update"])
async def test_an_unavailable_database_is_reported_and_the_input_is_kept(
    service: RunningApp, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    endpoint, form = await opened(service)

    async def unavailable(*_: object, **__: object) -> None:
        raise StoreUnavailable("The database is unavailable: the disk is full", retry_after=7)

    monkeypatch.setattr(Endpoints, operation, unavailable)
    path = "/endpoints" if operation == "create" else f"/endpoints/{endpoint}/edit"
    response = await service.api.post(path, data=form | {"name": "typed"})
    assert response.status_code == 503
    assert "Not saved. The database is unavailable" in response.text
    assert typed_on(response.text)["name"] == "typed"
    assert f'action="{path}"' in response.text


async def test_all_problems_of_a_form_are_shown_together(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    for path in ("/endpoints", f"/endpoints/{endpoint}/edit"):
        form = {
            "url": "nope",
            "timeout_seconds": "soon",
            "circuit.failure_rate_threshold": "7",
            "retry.delays": "1s soon",
        }
        response = await service.api.post(path, data=form)
        assert response.status_code == 422
        assert "Fix the 4 highlighted fields." in response.text
