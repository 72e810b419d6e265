"""Accounts on every database: the last administrator stays, and disabled accounts lose their credentials."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from breakwater.core.accounts import Access
from breakwater.core.accounts.secrets import Passwords
from breakwater.core.domain.errors import Conflict, InvalidInput, Unauthorized
from breakwater.core.ids import Ids
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import PEOPLE, SESSIONS, SIGN_IN_CODES
from tests.delivery.running_engine import settings_for
from tests.fakes import ManualClock

PASSWORD = "correct horse battery staple"
ANOTHER = "another password"
BY = "person:ada"
SOURCE = "192.0.2.1"


class Nodes:
    """The accounts as one or two processes see them."""

    def __init__(self, databases: list[Database], tmp_path: Path) -> None:
        self.clock = ManualClock()
        ids = Ids(self.clock)
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        settings = settings_for(tmp_path)
        self.databases = databases
        self.all = [
            Access(database, ids, self.clock, settings, passwords=Passwords(hasher)) for database in databases
        ]
        self.first, self.second = self.all[0], self.all[-1]

    async def person(self, name: str, role: str = "admin") -> str:
        code = await self.first.people.invite(name, role, actor=BY)
        await self.first.welcome(code, PASSWORD, source=SOURCE)
        return await self.id_of(name)

    async def id_of(self, name: str) -> str:
        return next(person.id for person in await self.first.people.all() if person.name == name)

    async def role_of(self, name: str) -> str:
        return next(person.role for person in await self.first.people.all() if person.name == name)

    async def count(self, table: object) -> int:
        async with self.databases[0].read() as connection:
            return len((await connection.execute(select(table))).all())  # type: ignore[call-overload]  # a table


@pytest.fixture
async def nodes(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Nodes]:
    if database.exclusive:
        yield Nodes([database], tmp_path)
        return
    another = Database(database_url)
    await another.open()
    yield Nodes([database, another], tmp_path)
    await another.close()


async def test_the_last_administrator_keeps_their_role(nodes: Nodes) -> None:
    await nodes.person("ada")
    await nodes.person("bob", "operator")
    for role in ("viewer", "operator"):
        with pytest.raises(Conflict, match="ada is the last administrator"):
            await nodes.first.people.invite("ada", role, actor=BY)
    assert await nodes.role_of("ada") == "admin"
    with pytest.raises(Conflict):
        await nodes.first.people.disable(await nodes.id_of("ada"), actor=BY)
    assert await nodes.first.sign_in("ada", PASSWORD, source=SOURCE)


async def test_an_invited_administrator_counts_after_setting_a_password(nodes: Nodes) -> None:
    await nodes.person("ada")
    expired = await nodes.first.people.invite("bob", "admin", actor=BY)
    with pytest.raises(Conflict):
        await nodes.first.people.invite("ada", "viewer", actor=BY)
    await nodes.clock.leap(601)
    with pytest.raises(InvalidInput):
        await nodes.first.welcome(expired, PASSWORD, source=SOURCE)
    with pytest.raises(Conflict):
        await nodes.first.people.disable(await nodes.id_of("ada"), actor=BY)
    await nodes.person("bob")
    await nodes.first.people.invite("ada", "viewer", actor=BY)
    assert await nodes.role_of("ada") == "viewer"
    with pytest.raises(Conflict, match="bob"):
        await nodes.first.people.disable(await nodes.id_of("bob"), actor=BY)


async def test_a_new_link_for_the_last_administrator_is_not_a_loss(nodes: Nodes) -> None:
    await nodes.person("ada")
    code = await nodes.first.people.invite("ada", "admin", actor=BY)
    assert await nodes.first.sign_in("ada", PASSWORD, source=SOURCE)
    await nodes.first.welcome(code, ANOTHER, source=SOURCE)
    assert await nodes.first.sign_in("ada", ANOTHER, source=SOURCE)


@pytest.mark.parametrize("way", ["disable", "change of role", "both"])
async def test_of_two_administrators_who_remove_each_other_one_stays(nodes: Nodes, way: str) -> None:
    ids = {name: await nodes.person(name) for name in ("ada", "bob")}
    removals = {
        "disable": [
            nodes.first.people.disable(ids["ada"], actor="person:bob"),
            nodes.second.people.disable(ids["bob"], actor="person:ada"),
        ],
        "change of role": [
            nodes.first.people.invite("ada", "viewer", actor="person:bob"),
            nodes.second.people.invite("bob", "viewer", actor="person:ada"),
        ],
        "both": [
            nodes.first.people.invite("ada", "viewer", actor="person:ada"),
            nodes.second.people.disable(ids["bob"], actor="person:bob"),
        ],
    }
    chosen = removals.pop(way)
    for unused in (removal for pair in removals.values() for removal in pair):
        unused.close()
    results = await asyncio.gather(*chosen, return_exceptions=True)
    assert [type(result) for result in results].count(Conflict) == 1, results
    assert await nodes.first.people.any()


async def test_of_two_admin_keys_that_are_revoked_together_one_stays(nodes: Nodes) -> None:
    keys = [(await nodes.first.keys.create(name, ["admin"], actor=BY))[0] for name in ("one", "two")]
    revocations = [
        node.keys.revoke(key.id, actor=BY)
        for node, key in zip((nodes.first, nodes.second), keys, strict=True)
    ]
    results = await asyncio.gather(*revocations, return_exceptions=True)
    assert [type(result) for result in results].count(Conflict) == 1, results
    await nodes.person("ada")
    (left,) = [key for key in await nodes.first.keys.all() if key.revoked_at is None]
    await nodes.first.keys.revoke(left.id, actor=BY)


async def test_disabling_a_person_deletes_their_password_codes_and_sessions(nodes: Nodes) -> None:
    await nodes.person("ada")
    bob = await nodes.person("bob")
    session = await nodes.first.sign_in("bob", PASSWORD, source=SOURCE)
    code = await nodes.first.people.invite("bob", "admin", actor=BY)
    await nodes.first.people.disable(bob, actor=BY)
    assert await nodes.first.sessions.find(session.token) is None
    with pytest.raises(Unauthorized):
        await nodes.first.sign_in("bob", PASSWORD, source=SOURCE)
    with pytest.raises(InvalidInput, match="is used or expired"):
        await nodes.first.welcome(code, ANOTHER, source=SOURCE)
    assert await nodes.count(SESSIONS) == 1  # Ada's
    assert await nodes.count(SIGN_IN_CODES) == 1  # Ada's, which is used


async def test_a_person_who_is_invited_again_has_no_earlier_credentials(nodes: Nodes) -> None:
    await nodes.person("ada")
    bob = await nodes.person("bob")
    session = await nodes.first.sign_in("bob", PASSWORD, source=SOURCE)
    old_code = await nodes.first.people.invite("bob", "admin", actor=BY)
    await nodes.first.people.disable(bob, actor=BY)
    new_code = await nodes.first.people.invite("bob", "viewer", actor=BY)
    with pytest.raises(Unauthorized):
        await nodes.first.sign_in("bob", PASSWORD, source=SOURCE)
    assert await nodes.first.sessions.find(session.token) is None
    with pytest.raises(InvalidInput):
        await nodes.first.welcome(old_code, ANOTHER, source=SOURCE)
    await nodes.first.welcome(new_code, ANOTHER, source=SOURCE)
    assert await nodes.first.sign_in("bob", ANOTHER, source=SOURCE)
    assert await nodes.role_of("bob") == "viewer"


async def test_credentials_that_an_older_version_left_of_a_disabled_person_do_not_work(nodes: Nodes) -> None:
    await nodes.person("ada")
    bob = await nodes.person("bob")
    session = await nodes.first.sign_in("bob", PASSWORD, source=SOURCE)
    code = await nodes.first.people.invite("bob", "admin", actor=BY)

    async def disable_as_before(connection: object) -> None:
        disabled = update(PEOPLE).where(PEOPLE.c.id == bob).values(disabled_at=nodes.clock.now())
        await connection.execute(disabled)  # type: ignore[attr-defined]  # a connection

    await nodes.databases[0].writer.run(disable_as_before)
    with pytest.raises(InvalidInput):
        await nodes.first.welcome(code, ANOTHER, source=SOURCE)
    await nodes.first.people.invite("bob", "viewer", actor=BY)
    with pytest.raises(Unauthorized):
        await nodes.first.sign_in("bob", PASSWORD, source=SOURCE)
    nodes.first.sessions.forget()
    assert await nodes.first.sessions.find(session.token) is None


@pytest.mark.parametrize("change", ["disabled", "new password"])
async def test_a_sign_in_overtaken_by_a_change_of_the_account_starts_no_session(
    nodes: Nodes, change: str
) -> None:
    await nodes.person("ada")
    bob = await nodes.person("bob")
    person = await nodes.first.people.check("bob", PASSWORD)
    assert person is not None
    if change == "disabled":
        await nodes.second.people.disable(bob, actor=BY)
    else:
        code = await nodes.second.people.invite("bob", "admin", actor=BY)
        await nodes.second.people.welcome(code, ANOTHER)
    with pytest.raises(Unauthorized):
        await nodes.first.sessions.begin(person)


async def test_a_disabled_account_does_not_become_the_first_administrator(nodes: Nodes) -> None:
    await nodes.person("ada")
    await nodes.person("admin", "viewer")
    await nodes.first.people.disable(await nodes.id_of("admin"), actor=BY)

    async def forget_ada(connection: object) -> None:
        await connection.execute(update(PEOPLE).values(password_digest=None))  # type: ignore[attr-defined]  # a connection

    await nodes.databases[0].writer.run(forget_ada)
    assert await nodes.first.bootstrap()
    assert await nodes.role_of("admin") == "viewer"


async def test_a_start_creates_no_code_while_an_administrator_has_an_invitation(nodes: Nodes) -> None:
    assert await nodes.first.bootstrap()
    await nodes.first.people.invite("bob", "viewer", actor=BY)
    assert await nodes.first.bootstrap()
    invitation = await nodes.first.people.invite("admin", "admin", actor=BY)
    assert await nodes.second.bootstrap() is None
    assert await nodes.second.bootstrap() is None
    await nodes.clock.leap(601)
    assert await nodes.second.bootstrap()
    with pytest.raises(InvalidInput):
        await nodes.first.welcome(invitation, PASSWORD, source=SOURCE)


async def test_a_person_has_a_limited_number_of_sessions(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("breakwater.core.accounts.sessions.MAX_SESSIONS", 3)
    await nodes.person("ada")
    other = await nodes.first.sign_in("ada", PASSWORD, source=SOURCE)
    await nodes.person("bob")
    sessions = []
    for _ in range(5):
        await nodes.clock.leap(1)
        sessions.append(await nodes.first.sign_in("bob", PASSWORD, source=SOURCE))
    valid = [await nodes.first.sessions.find(session.token) is not None for session in sessions]
    assert valid == [False, False, True, True, True]
    assert await nodes.first.sessions.find(other.token) is not None


async def test_a_key_that_is_not_the_last_administrator_is_revoked(nodes: Nodes) -> None:
    admin, _token = await nodes.first.keys.create("admin", ["admin"], actor=BY)
    reader, _token = await nodes.first.keys.create("reader", ["read"], actor=BY)
    await nodes.first.keys.revoke(reader.id, actor=BY)
    with pytest.raises(Conflict, match="Key admin is the last credential that can administer"):
        await nodes.first.keys.revoke(admin.id, actor=BY)
    another, _token = await nodes.first.keys.rotate(admin.id, actor=BY)
    await nodes.first.keys.revoke(admin.id, actor=BY)
    with pytest.raises(Conflict):
        await nodes.first.keys.revoke(another.id, actor=BY)


async def test_two_nodes_that_invite_the_same_person_create_one(nodes: Nodes) -> None:
    for number in range(10):
        codes = await asyncio.gather(
            *(node.people.invite(f"bob{number}", "viewer", actor=BY) for node in (nodes.first, nodes.second))
        )
        assert len(set(codes)) == 2
    assert len(await nodes.first.people.all()) == 10
