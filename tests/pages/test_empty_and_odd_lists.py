"""Lists that are empty, or whose address has parts that mean nothing: each says what to do."""

from breakwater.web.pages.words import common_error
from tests.web.running_app import RunningApp


async def test_a_parameter_that_no_filter_has_is_named(service: RunningApp) -> None:
    browser = await service.browser("viewer")
    page = (await browser.get("/deliveries?foo=bar&staus=failed&status=failed")).text
    assert "Unknown parameters in the address, ignored: foo, staus." in page
    assert "Unknown parameter" not in (await browser.get("/deliveries?status=failed&cursor=")).text


async def test_a_message_that_no_endpoint_took_is_found_by_its_id(service: RunningApp) -> None:
    message = (await service.post("/messages", {"event_type": "nobody", "payload": {}}, 202))["id"]
    browser = await service.browser("viewer")
    page = (await browser.get(f"/deliveries?q={message}")).text
    assert "No deliveries of this message" in page
    assert f'href="/messages/{message}"' in page
    assert "/messages/" not in (await browser.get(f"/deliveries?q=msg_{'0' * 26}")).text


async def test_an_empty_service_offers_to_create_an_endpoint_and_does_not_say_that_all_is_well(
    service: RunningApp,
) -> None:
    page = (await (await service.browser("admin")).get("/")).text
    assert '<section class="headline is-waiting">' in page
    assert 'href="/endpoints/new"' in page
    assert 'href="/endpoints/new"' not in (await (await service.browser("viewer")).get("/")).text


async def test_the_audit_log_is_searched_by_the_names_that_it_shows(service: RunningApp) -> None:
    ada, ci = await service.browser("admin", "ada"), await service.key("admin", name="ci")
    created = await ci.post("/api/v1/endpoints", json={"url": "https://a.example/"})
    assert created.status_code == 201
    for shown in ("ada", "person:ada"):
        assert (
            "signed in" in (await ada.get(f"/audit?actor={shown}")).text
            or "set a password" in (await ada.get(f"/audit?actor={shown}")).text
        )
    for shown in ("the key ci", "key ci", "key:ci"):
        assert "created an endpoint" in (await ada.get("/audit", params={"actor": shown})).text
    assert "No matching entries" in (await ada.get("/audit?actor=bob")).text


async def test_one_cancelled_delivery_is_one(service: RunningApp) -> None:
    browser = await service.browser("admin")
    endpoint = await service.endpoint("gone.example")
    await service.post(f"/circuits/{endpoint}/hold", {"reason": "moves"})
    await service.send()
    token = (await browser.get("/settings")).text.split('name="_csrf" value="', 1)[1].split('"', 1)[0]
    deleted = await browser.post(f"/endpoints/{endpoint}/delete", data={"_csrf": token})
    assert "1 pending delivery cancelled." in (await browser.get(deleted.headers["location"])).text


async def test_ending_sessions_is_in_the_audit_log(service: RunningApp) -> None:
    browser = await service.browser("admin", "ada")
    await service.browser("operator", "bob")
    (bob,) = [person for person in await service.runtime.access.people.all() if person.name == "bob"]
    token = (await browser.get("/settings")).text.split('name="_csrf" value="', 1)[1].split('"', 1)[0]
    await browser.post(f"/settings/people/{bob.id}/sign-out", data={"_csrf": token})
    (entry,) = (await service.get("/audit", action="person.end_sessions"))["items"]
    assert (entry["actor"], entry["subject"], entry["affected"]) == ("person:ada", bob.id, 1)


def test_a_timeout_of_any_length_is_named_without_a_gap() -> None:
    assert common_error("no response within … s") == "no response within the deadline"
