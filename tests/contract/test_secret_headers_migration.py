"""Custom headers that an older version stored in clear are sealed when the database is migrated."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic.command import upgrade as upgrade_to
from sqlalchemy import URL, Connection, column, insert, select, table
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from breakwater.core.crypto.headers import open_headers
from breakwater.core.crypto.vault import SecretUnreadable, Vault
from breakwater.core.domain.states import DeliveryState
from breakwater.core.runtime import Runtime
from breakwater.core.store.engine import Database
from breakwater.core.store.migrations.alembic_runner import config_for
from breakwater.core.store.schema import ENDPOINTS
from tests.contract.conftest import administer, rendered
from tests.delivery.running_engine import RunningEngine, settings_for
from tests.fakes import ManualClock, ScriptedSender, settle

KEY, OTHER_KEY = Vault(bytes(range(32))), Vault(bytes(32))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VALUE = "hunter2-of-the-receiver"
HEADERS = {"Ocp-Apim-Subscription-Key": VALUE, "Content-Type": "text/plain", "X-Auth-Key": VALUE * 2}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'breakwater.db'}"
        return
    server: URL = request.getfixturevalue("postgres_server")
    name = f"old_{uuid4().hex}"
    asyncio.run(administer(server, f"CREATE DATABASE {name}"))
    yield rendered(server.set(database=name))
    asyncio.run(administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def old_url(empty_url: str) -> str:
    """Give the URL of a database of schema 0005, with headers in clear."""
    engine = create_async_engine(empty_url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_write_old_database)
    await engine.dispose()
    return empty_url


def _write_old_database(connection: Connection) -> None:
    upgrade_to(config_for(connection), "0005")
    row = {
        "description": "",
        "url": "https://billing.example/hook",
        "event_types": [],
        "state": "enabled",
        "timeout_seconds": 10.0,
        "retry_delays": [],
        "retry_jitter": 0.1,
        "circuit": {},
        "max_in_flight": 64,
        "signature": "standard",
        "created_at": 1.0,
        "updated_at": 1.0,
    }
    columns = [ENDPOINTS.c[name] for name in (*row, "id", "name", "headers", "secret", "deleted_at")]
    old = table("endpoints", *(column(item.name, item.type) for item in columns))
    rows = [
        row
        | {
            "id": id_,
            "name": id_,
            "headers": headers,
            "secret": vault.seal(SECRET, id_),
            "deleted_at": deleted_at,
        }
        for id_, headers, vault, deleted_at in (
            ("ep_1", HEADERS, KEY, None),
            ("ep_2", {}, KEY, None),
            ("ep_3", {"Content-Type": "text/plain"}, KEY, None),
            ("ep_4", {"X-Auth-Key": VALUE}, OTHER_KEY, 2.0),
        )
    ]
    connection.execute(insert(old), rows)


async def migrated(url: str, vault: Vault) -> dict[str, Any]:
    """Migrate the database and return its endpoints by id."""
    database = Database(url, vault)
    await database.open()
    async with database.read() as connection:
        rows = (await connection.execute(select(ENDPOINTS))).mappings().all()
    await database.close()
    return {row["id"]: dict(row) for row in rows}


def files_with_the_value(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("breakwater.db*") if VALUE.encode() in file.read_bytes()]


async def test_stored_values_are_sealed_and_open_with_the_key(old_url: str) -> None:
    rows = await migrated(old_url, KEY)
    row = rows["ep_1"]
    assert row["headers"] == {
        "Ocp-Apim-Subscription-Key": None,
        "Content-Type": "text/plain",
        "X-Auth-Key": None,
    }
    assert open_headers(KEY, "ep_1", row["headers"], row["secret_headers"]) == HEADERS
    assert VALUE.encode() not in row["secret_headers"]
    assert {row["mask_attempts_after"] for row in rows.values()} == {""}
    assert (rows["ep_2"]["headers"], rows["ep_2"]["secret_headers"]) == ({}, None)
    assert (rows["ep_3"]["headers"], rows["ep_3"]["secret_headers"]) == ({"Content-Type": "text/plain"}, None)


async def test_a_deleted_endpoint_is_sealed_too_and_its_old_key_does_not_matter(old_url: str) -> None:
    row = (await migrated(old_url, KEY))["ep_4"]
    assert row["headers"] == {"X-Auth-Key": None}


async def test_sealed_values_open_in_no_other_row_and_not_as_a_signing_secret(old_url: str) -> None:
    sealed = (await migrated(old_url, KEY))["ep_1"]["secret_headers"]
    with pytest.raises(SecretUnreadable):
        open_headers(KEY, "ep_2", {}, sealed)
    with pytest.raises(SecretUnreadable):
        KEY.open(sealed, "ep_1")


async def test_a_wrong_key_seals_nothing(old_url: str) -> None:
    with pytest.raises(SecretUnreadable, match="another key"):
        await migrated(old_url, OTHER_KEY)
    row = (await migrated(old_url, KEY))["ep_1"]
    assert open_headers(KEY, "ep_1", row["headers"], row["secret_headers"]) == HEADERS


async def test_a_second_start_changes_nothing(old_url: str) -> None:
    assert await migrated(old_url, KEY) == await migrated(old_url, KEY)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
async def test_no_value_is_left_in_the_file(old_url: str, tmp_path: Path) -> None:
    assert files_with_the_value(tmp_path) == ["breakwater.db"]
    await migrated(old_url, KEY)
    assert files_with_the_value(tmp_path) == []


async def test_a_service_that_starts_on_it_sends_the_values_and_shows_none(
    old_url: str, tmp_path: Path
) -> None:
    key_file = tmp_path / "breakwater.key"
    key_file.write_text(bytes(range(32)).hex())
    settings = settings_for(tmp_path, secret_key=None, key_file=key_file)
    settings = settings.model_copy(update={"database_url": old_url})
    clock, sender = ManualClock(), ScriptedSender()
    async with Runtime(settings, clock=clock, sender=sender) as runtime:
        engine = RunningEngine(runtime, clock, sender)
        delivery_id = await engine.send_one(endpoint_ids=("ep_1",))
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
        assert dict(sender.requests[0].headers).items() >= {"X-Auth-Key": VALUE * 2}.items()
        assert VALUE not in str(await runtime.endpoints.get("ep_1"))
        assert VALUE not in str(await engine.detail(delivery_id))
        for _ in range(2_000):  # until a background task has masked the attempts of each endpoint
            marks = {row["mask_attempts_after"] for row in await engine.rows(ENDPOINTS)}
            if marks == {None}:
                break
            await settle()
        assert marks == {None}
