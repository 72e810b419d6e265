"""Signing in and out: the first link, passwords, sessions, roles."""

import tracemalloc
from collections.abc import Iterable
from http.cookies import SimpleCookie

import httpx
import pytest
from argon2 import PasswordHasher

from breakwater.core.accounts import TooManyAttempts
from breakwater.core.domain.errors import Conflict, InvalidInput, Unauthorized
from breakwater.core.store.schema import API_KEYS, AUDIT, PEOPLE, SESSIONS, SIGN_IN_CODES
from tests.web.running_app import ORIGIN, OURS, PASSWORD, RunningApp


def cookie_of(response: httpx.Response, name: str = "breakwater") -> "SimpleCookie":
    cookie: SimpleCookie = SimpleCookie()
    for line in response.headers.get_list("set-cookie"):
        cookie.load(line)
    assert name in cookie, response.headers
    return cookie


async def test_the_first_link_sets_the_password_of_the_first_administrator_once(service: RunningApp) -> None:
    code = await service.runtime.access.bootstrap()
    assert code is not None
    browser = service.client(headers=OURS)
    response = await browser.post("/welcome", data={"code": code, "password": PASSWORD})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert (await browser.get("/")).status_code == 200
    again = await service.client(headers=OURS).post(
        "/welcome", data={"code": code, "password": "another password"}
    )
    assert again.status_code == 422
    assert "is used or expired" in again.text
    assert await service.runtime.access.bootstrap() is None


async def test_every_start_without_an_administrator_creates_a_new_link_and_revokes_the_old_one(
    service: RunningApp,
) -> None:
    first, second = await service.runtime.access.bootstrap(), await service.runtime.access.bootstrap()
    assert first
    assert second
    assert first != second
    browser = service.client(headers=OURS)
    assert (await browser.post("/welcome", data={"code": first, "password": PASSWORD})).status_code == 422
    assert (await browser.post("/welcome", data={"code": second, "password": PASSWORD})).status_code == 303


async def test_a_code_is_valid_for_ten_minutes(service: RunningApp) -> None:
    code = await service.runtime.access.bootstrap()
    service.later(601)
    response = await service.client(headers=OURS).post(
        "/welcome", data={"code": code or "", "password": PASSWORD}
    )
    assert response.status_code == 422


async def test_a_weak_password_is_refused_and_leaves_the_code_usable(service: RunningApp) -> None:
    code = await service.runtime.access.bootstrap() or ""
    browser = service.client(headers=OURS)
    response = await browser.post("/welcome", data={"code": code, "password": "short"})
    assert response.status_code == 422
    assert "Use 10 to" in response.text
    assert (await browser.post("/welcome", data={"code": code, "password": PASSWORD})).status_code == 303


async def test_signing_in_and_out(service: RunningApp) -> None:
    await service.browser("operator", "ada")
    browser = service.client(headers=OURS)
    refused = await browser.post("/sign-in", data={"name": "ada", "password": "wrong password"})
    assert refused.status_code == 401
    assert "Wrong name or password" in refused.text
    assert "ada" in refused.text
    response = await browser.post("/sign-in", data={"name": "ada", "password": PASSWORD, "next": "/circuits"})
    assert (response.status_code, response.headers["location"]) == (303, "/circuits")
    page = await browser.get("/circuits")
    assert page.status_code == 200
    token = page.text.split('name="_csrf" value="', 1)[1].split('"', 1)[0]
    stolen = dict(browser.cookies)
    signed_out = await browser.post("/sign-out", data={"_csrf": token})
    assert (signed_out.status_code, signed_out.headers["location"]) == (303, "/sign-in")
    thief = service.client(headers=OURS)
    thief.cookies.update(stolen)
    assert (await thief.get("/circuits")).headers["location"] == "/sign-in?next=%2Fcircuits"


async def test_a_page_marks_its_session_by_a_text_that_reveals_no_token(service: RunningApp) -> None:
    async def mark_of(browser: httpx.AsyncClient) -> str:
        return (await browser.get("/circuits")).text.split('data-session="', 1)[1].split('"', 1)[0]

    first, second = await service.browser("viewer", "ada"), await service.browser("viewer", "bob")
    mark = await mark_of(first)
    assert mark
    assert await mark_of(first) == mark != await mark_of(second)
    assert mark not in first.cookies["breakwater"]


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_signing_in_never_leads_to_another_site(service: RunningApp, elsewhere: str) -> None:
    await service.browser("viewer", "ada")
    response = await service.client(headers=OURS).post(
        "/sign-in", data={"name": "ada", "password": PASSWORD, "next": elsewhere}
    )
    assert response.headers["location"] == "/"


async def test_the_session_cookie_is_hidden_from_scripts_and_other_sites(service: RunningApp) -> None:
    code = await service.runtime.access.bootstrap() or ""
    response = await service.client(headers=OURS).post("/welcome", data={"code": code, "password": PASSWORD})
    morsel = cookie_of(response)["breakwater"]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "lax", "/")
    assert morsel["max-age"] == str(12 * 3600)


async def test_over_https_the_cookie_is_bound_to_this_host(service: RunningApp) -> None:
    code = await service.runtime.access.bootstrap() or ""
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="https://127.0.0.1:8420", headers=OURS
    ) as browser:
        response = await browser.post("/welcome", data={"code": code, "password": PASSWORD})
        morsel = cookie_of(response, "__Host-breakwater")["__Host-breakwater"]
        assert (morsel["secure"], morsel["path"], morsel["domain"]) == (True, "/", "")
        assert (await browser.get("/")).status_code == 200


async def test_signing_in_creates_a_new_session_regardless_of_cookies(service: RunningApp) -> None:
    await service.browser("viewer", "ada")
    planted = service.client(headers=OURS)
    planted.cookies.set("breakwater", "planted-by-somebody-else", domain="127.0.0.1")
    response = await planted.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert cookie_of(response)["breakwater"].value != "planted-by-somebody-else"


async def test_a_session_ends_after_its_hours(service: RunningApp) -> None:
    browser = await service.browser()
    service.later(12 * 3600 - 1)
    assert (await browser.get("/")).status_code == 200
    service.later(2)
    assert (await browser.get("/")).status_code == 303


async def test_disabling_a_person_ends_their_access_immediately(service: RunningApp) -> None:
    browser = await service.browser("operator", "ada")
    assert (await browser.get("/")).status_code == 200
    people = {person.name: person.id for person in await service.runtime.access.people.all()}
    await service.runtime.access.people.disable(people["ada"], actor="person:bob")
    assert (await browser.get("/")).status_code == 303
    response = await service.client(headers=OURS).post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert response.status_code == 401


async def test_password_guesses_are_rate_limited_per_name(service: RunningApp) -> None:
    await service.browser("viewer", "ada")
    await service.browser("viewer", "bob")
    guesser = service.client(headers=OURS)
    for _ in range(10):
        assert (
            await guesser.post("/sign-in", data={"name": "ada", "password": "a guess"})
        ).status_code == 401
    refused = await guesser.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 300
    assert (await guesser.post("/sign-in", data={"name": "bob", "password": PASSWORD})).status_code == 303
    service.later(300)
    assert (await guesser.post("/sign-in", data={"name": "ada", "password": PASSWORD})).status_code == 303


async def test_a_change_of_role_applies_immediately(service: RunningApp) -> None:
    browser = await service.browser("admin", "ada")
    await service.browser("admin", "bob")
    assert (await browser.get("/api/v1/keys")).status_code == 200
    await service.runtime.access.people.invite("ada", "viewer", actor="person:bob")
    assert (await browser.get("/api/v1/keys")).status_code == 403


async def test_the_last_administrator_cannot_be_disabled(service: RunningApp) -> None:
    await service.browser("admin", "ada")
    (ada,) = await service.runtime.access.people.all()
    with pytest.raises(Conflict):
        await service.runtime.access.people.disable(ada.id, actor="key:bootstrap")


async def test_the_page_refuses_to_disable_the_last_administrator(service: RunningApp) -> None:
    browser = await service.browser("admin", "ada")
    (ada,) = await service.runtime.access.people.all()
    page = await browser.get("/settings")
    csrf = {"_csrf": page.text.split('name="_csrf" value="', 1)[1].split('"', 1)[0]}
    changed = await browser.post("/settings/people", data={**csrf, "name": "ada", "role": "viewer"})
    assert changed.status_code == 409
    assert "ada is the last administrator who can sign in. Invite another one first" in changed.text
    disabled = await browser.post(
        f"/settings/people/{ada.id}/disable", data=csrf, headers={"HX-Request": "true"}
    )
    assert disabled.status_code == 409
    assert "ada is the last administrator who can sign in" in disabled.text
    assert (await browser.get("/api/v1/keys")).status_code == 200


async def test_the_name_admin_does_not_make_an_administrator(service: RunningApp) -> None:
    browser = await service.browser("viewer", "admin")
    code = await service.runtime.access.bootstrap()
    assert code
    assert (await browser.get("/api/v1/keys")).status_code == 403
    roles = {person.name: person.role for person in await service.runtime.access.people.all()}
    assert roles["admin"] == "viewer"
    assert len(roles) == 2


async def test_an_expired_session_is_reported_in_place_to_htmx(service: RunningApp) -> None:
    for path, headers in (
        ("/deliveries", {"HX-Request": "true"}),
        ("/events", {"Accept": "text/event-stream"}),
    ):
        assert (await service.anonymous.get(path, headers=headers)).status_code == 401


async def test_neither_codes_nor_passwords_nor_tokens_are_stored_in_clear(service: RunningApp) -> None:
    code = await service.runtime.access.people.invite("ada", "admin", actor="person:bob")
    _view, key = await service.runtime.access.keys.create("ci", ["read"], actor="person:bob")
    browser = await service.browser("viewer", "eve")
    session = browser.cookies["breakwater"]
    async with service.runtime.database.read() as connection:
        tables = (PEOPLE, SESSIONS, SIGN_IN_CODES, API_KEYS, AUDIT)
        everything = repr([(await connection.execute(table.select())).all() for table in tables])
    for secret in (code, key, session, PASSWORD):
        assert secret not in everything


@pytest.fixture
def cheap_hashes(service: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with less work, for tests with many tries."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(service.runtime.access.people._passwords, "_hasher", hasher)


async def try_names(browser: httpx.AsyncClient, names: Iterable[str]) -> list[int]:
    return [
        (await browser.post("/sign-in", data={"name": name, "password": "a guess"})).status_code
        for name in names
    ]


@pytest.mark.usefixtures("cheap_hashes")
async def test_an_own_success_resets_the_limit_of_no_other_name_and_not_of_the_source(
    service: RunningApp,
) -> None:
    await service.browser("viewer", "ada")
    guesser = service.client(headers=OURS)
    first = await try_names(guesser, (f"name{number}" for number in range(30)))
    own = await guesser.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert own.status_code == 303
    rest = await try_names(guesser, (f"name{number}" for number in range(30, 60)))
    assert (first + rest).count(401) == 50
    assert (first + rest)[50:] == [429] * 10
    refused = await guesser.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 300
    assert (
        f"Too many sign-in attempts. Try again in {refused.headers['retry-after']} seconds." in refused.text
    )


@pytest.mark.usefixtures("cheap_hashes")
async def test_successes_alone_are_never_limited(service: RunningApp) -> None:
    await service.browser("viewer", "ada")
    browser = service.client(headers=OURS)
    for _ in range(55):
        response = await browser.post("/sign-in", data={"name": "ada", "password": PASSWORD})
        assert response.status_code == 303


@pytest.mark.usefixtures("cheap_hashes")
async def test_a_network_of_ipv6_addresses_is_one_source(service: RunningApp) -> None:
    def browser_at(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(service.app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=OURS)

    for number in range(50):
        async with browser_at(f"2001:db8:0:1::{number:x}") as browser:
            assert await try_names(browser, [f"name{number}"]) == [401]
    async with browser_at("2001:db8:0:1:ffff::1") as browser:
        assert await try_names(browser, ["another"]) == [429]
    async with browser_at("2001:db8:0:2::1") as browser:
        assert await try_names(browser, ["another"]) == [401]


@pytest.mark.usefixtures("cheap_hashes")
async def test_long_names_and_passwords_are_refused_and_not_stored(service: RunningApp) -> None:
    access = service.runtime.access
    tracemalloc.start()
    try:
        for number in range(100):
            name = f"{number}" + "x" * 250_000
            with pytest.raises((InvalidInput, TooManyAttempts, Unauthorized)):
                await access.sign_in(name, "a guess", source=f"192.0.2.{number}")
        del name
        grown, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 2_000_000


async def test_the_page_names_what_is_too_long(service: RunningApp) -> None:
    browser = service.client(headers=OURS)
    response = await browser.post("/sign-in", data={"name": "x" * 200_000, "password": "y" * 257})
    assert response.status_code == 422
    assert "The name has 200,000 characters. Use at most 64." in response.text
    assert "The password has 257 characters. Use at most 256." in response.text
    assert len(response.content) < 10_000


async def test_a_code_that_is_not_valid_costs_no_password_hash(
    service: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    passwords = service.runtime.access.people._passwords

    async def count(password: str) -> str:
        hashed.append(password)
        return await digest(password)

    digest = passwords.digest
    monkeypatch.setattr(passwords, "digest", count)
    browser = service.client(headers=OURS)
    for code in ("not a code", "x" * 60_000):
        response = await browser.post("/welcome", data={"code": code, "password": PASSWORD})
        assert response.status_code == 422
        assert "is used or expired" in response.text
        assert len(response.content) < 10_000
    assert hashed == []
