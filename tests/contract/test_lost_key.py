"""The key that sealed the stored secrets is lost, wrong or unusable: nothing is written, and a reset helps."""

import asyncio
import gzip
import json
import re
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from breakwater.core.domain.errors import StartRefused
from breakwater.core.domain.states import EndpointState
from breakwater.core.endpoints.key_check import examine_key
from breakwater.core.endpoints.secret_reset import open_secret_reset, plan_reset
from breakwater.core.runtime import Runtime
from breakwater.core.settings import Settings
from breakwater.core.store.schema import AUDIT, ENDPOINTS
from breakwater.core.store.schema.sealed import SEALED
from breakwater.web.serve import doctor
from tests.fakes import ManualClock, ScriptedSender

ACTOR = "person:ada"
REMEDY = "breakwater secrets reset"


@pytest.fixture
def settings(durable_url: str, tmp_path: Path) -> Settings:
    settings = Settings(
        key_file=tmp_path / "breakwater.key", secret_key=None, example_endpoint=False, drain_seconds=0
    )
    # The server of the tests has a socket instead of the host that the setting requires.
    return settings.model_copy(update={"database_url": durable_url})


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Runtime]:
    async with Runtime(settings, clock=ManualClock(), sender=ScriptedSender()) as runtime:
        yield runtime


async def fill(settings: Settings) -> dict[str, str]:
    """Create an endpoint of every kind; return the secret of each by its name."""
    async with running(settings) as runtime:
        secrets = {}
        for name, fields in {
            "plain": {},
            "ed": {"signature": "ed25519"},
            "rotated": {"headers": {"X-Api-Key": "k-123", "X-Environment": "test"}},
        }.items():
            view, secret = await runtime.endpoints.create(
                {"url": f"https://{name}.example/hook", "name": name, **fields}, actor=ACTOR
            )
            secrets[name] = secret
            if name == "rotated":
                secrets[name] = await runtime.endpoints.rotate_secret(view.id, actor=ACTOR)
        adhoc = await runtime.adhoc_endpoints.find_or_create("https://adhoc.example/")
        secrets["adhoc"] = adhoc.secrets[0]
        own = await runtime.adhoc_endpoints.find_or_create("https://own.example/", secret=secrets["plain"])
        secrets["own"] = own.secrets[0]
        deleted, _secret = await runtime.endpoints.create({"url": "https://gone.example/"}, actor=ACTOR)
        await runtime.endpoints.delete(deleted.id, actor=ACTOR)
        return secrets


def lose(settings: Settings) -> Settings:
    settings.key_file.unlink()
    return settings


def replace(settings: Settings) -> Settings:
    settings.key_file.write_text("ab" * 32 + "\n")
    return settings


def empty(settings: Settings) -> Settings:
    settings.key_file.write_text("")
    return settings


def garble(settings: Settings) -> Settings:
    settings.key_file.write_text("not a key")
    return settings


def use_variable(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret_key": SecretStr("k" * 40)})


def to_folder(settings: Settings) -> Settings:
    settings.key_file.unlink()
    settings.key_file.mkdir()
    return settings


@pytest.mark.parametrize(
    ("spoil", "reason", "remedy"),
    [
        (lose, "is missing, and 7 stored secrets cannot be opened without it", REMEDY),
        (replace, "7 of 7 stored secrets cannot be opened with the key file", REMEDY),
        (empty, "does not hold a key", REMEDY),
        (garble, "does not hold a key", REMEDY),
        (use_variable, "7 of 7 stored secrets cannot be opened with BREAKWATER_SECRET_KEY", REMEDY),
        (to_folder, "cannot be read or created (Is a directory)", "BREAKWATER_KEY_FILE"),
    ],
)
async def test_a_start_without_the_right_key_is_refused_with_a_remedy_and_writes_no_key(
    settings: Settings, spoil: Callable[[Settings], Settings], reason: str, remedy: str, tmp_path: Path
) -> None:
    await fill(settings)
    spoiled = spoil(settings)
    before = files(tmp_path)
    with pytest.raises(StartRefused) as refused:
        async with running(spoiled):
            pass
    assert reason in str(refused.value)
    assert remedy in str(refused.value)
    assert "\n" not in str(refused.value)
    assert files(tmp_path) == before


def files(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files but the database's."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith("breakwater.db")
    }


async def test_a_key_file_that_cannot_be_read_refuses_the_start(settings: Settings) -> None:
    await fill(settings)
    settings.key_file.unlink()
    settings.key_file.mkdir()
    with pytest.raises(StartRefused, match="Is a directory"):
        async with running(settings):
            pass


@pytest.mark.parametrize("spoil", [replace, use_variable])
async def test_another_key_on_an_empty_database_is_accepted(
    settings: Settings, spoil: Callable[[Settings], Settings]
) -> None:
    async with running(settings):
        pass
    async with running(spoil(settings)) as runtime:
        await runtime.endpoints.create({"url": "https://a.example/"}, actor=ACTOR)
    async with running(spoil(settings)):
        pass


async def test_secrets_of_deleted_endpoints_need_no_key(settings: Settings) -> None:
    async with running(settings) as runtime:
        view, _secret = await runtime.endpoints.create({"url": "https://a.example/"}, actor=ACTOR)
        await runtime.endpoints.delete(view.id, actor=ACTOR)
    async with running(lose(settings)):
        pass
    assert settings.key_file.exists()


async def test_a_reset_gives_every_endpoint_a_new_secret_and_the_service_starts(settings: Settings) -> None:
    before = await fill(settings)
    lose(settings)
    plan = await plan_reset(settings)
    assert (plan.endpoints, plan.unreadable) == (5, 5)
    assert not settings.key_file.exists()
    async with open_secret_reset(settings) as reset:
        secrets = await reset.run(only_unreadable=False, actor="command line (ada)", reason="key lost")
    assert sorted(item.url for item in secrets) == [
        "https://adhoc.example/",
        "https://ed.example/hook",
        "https://own.example/",
        "https://plain.example/hook",
        "https://rotated.example/hook",
    ]
    assert not {item.secret for item in secrets} & set(before.values())
    assert [item.name for item in secrets if item.public_key] == ["ed"]
    async with running(settings) as runtime:
        for item in secrets:
            target = runtime.endpoint_cache.get(item.endpoint_id)
            assert target is not None
            assert target.secrets == (item.secret,)
        entries = await rows_of(runtime, select(AUDIT).where(AUDIT.c.actor == "command line (ada)"))
    assert sorted(entry["action"] for entry in entries) == ["endpoint.reset_secret"] * 5 + ["secrets.reset"]
    assert {entry["reason"] for entry in entries} == {"key lost"}
    assert not any(item.secret in json.dumps(entry) for item in secrets for entry in entries if item.secret)


async def test_lost_headers_are_named_and_hold_their_endpoint_until_they_are_entered_again(
    settings: Settings,
) -> None:
    await fill(settings)
    async with open_secret_reset(lose(settings)) as reset:
        secrets = await reset.run(only_unreadable=False, actor="command line")
    (rotated,) = [item for item in secrets if item.lost_headers]
    assert (rotated.name, rotated.lost_headers) == ("rotated", ("X-Api-Key", "X-Environment"))
    async with running(settings) as runtime:
        view = await runtime.endpoints.get(rotated.endpoint_id)
        assert (view.state, view.headers) == (EndpointState.PAUSED, {})
        assert view.state_reason == "Its headers X-Api-Key and X-Environment were lost: enter them again"


async def test_a_reset_with_the_right_key_keeps_the_headers(settings: Settings) -> None:
    before = await fill(settings)
    async with open_secret_reset(settings) as reset:
        secrets = await reset.run(only_unreadable=False, actor="command line")
    assert not {item.secret for item in secrets} & set(before.values())
    async with running(settings) as runtime:
        (rotated,) = [item for item in secrets if item.name == "rotated"]
        target = runtime.endpoint_cache.get(rotated.endpoint_id)
        assert target is not None
        assert dict(target.headers) == {"X-Api-Key": "k-123", "X-Environment": "test"}
        assert target.state is EndpointState.ENABLED


async def test_a_lost_key_of_an_older_schema_is_reset_too(tmp_path: Path) -> None:
    folder = Path(__file__).parent.parent / "data" / "version_0_1"
    path = tmp_path / "breakwater.db"
    path.write_bytes(gzip.decompress((folder / "breakwater.db.gz").read_bytes()))
    settings = Settings(
        database_url=f"sqlite+aiosqlite:///{path}", example_endpoint=False, drain_seconds=0, secret_key=None
    )
    with pytest.raises(StartRefused, match=REMEDY):
        async with running(settings):
            pass
    plan = await plan_reset(settings)
    assert plan.endpoints == plan.unreadable > 0
    assert files(tmp_path) == {}
    async with open_secret_reset(settings) as reset:
        secrets = await reset.run(only_unreadable=False, actor="command line")
    assert len(secrets) == plan.endpoints
    async with running(settings):
        pass


async def test_after_a_reset_a_library_that_chose_its_secret_gets_an_endpoint_that_signs_with_it(
    settings: Settings,
) -> None:
    before = await fill(settings)
    lose(settings)
    async with open_secret_reset(settings) as reset:
        secrets = {item.url: item for item in await reset.run(only_unreadable=False, actor="command line")}
    async with running(settings) as runtime:
        own = await runtime.adhoc_endpoints.find_or_create("https://own.example/", secret=before["own"])
        assert own.secrets == (before["own"],)
        adhoc = await runtime.adhoc_endpoints.find_or_create("https://adhoc.example/")
        assert adhoc.id == secrets["https://adhoc.example/"].endpoint_id
        former = runtime.endpoint_cache.get(secrets["https://own.example/"].endpoint_id)
        assert former is not None
        assert not former.subscribes("any.event")


async def test_a_damaged_secret_is_named_and_only_it_is_reset(settings: Settings) -> None:
    before = await fill(settings)
    async with running(settings) as runtime:
        (row,) = await rows_of(runtime, select(ENDPOINTS).where(ENDPOINTS.c.name == "plain"))
        blob = row["secret"][:-1] + bytes([row["secret"][-1] ^ 1])

        async def damage(connection: AsyncConnection) -> None:
            await connection.execute(update(ENDPOINTS).where(ENDPOINTS.c.id == row["id"]).values(secret=blob))

        await runtime.database.writer.run(damage)
    with pytest.raises(StartRefused, match=rf"damaged \(endpoint {row['id']}\).*reset --unreadable"):
        async with running(settings):
            pass
    async with open_secret_reset(settings) as reset:
        secrets = await reset.run(only_unreadable=True, actor="command line")
    assert [item.name for item in secrets] == ["plain"]
    async with running(settings) as runtime:
        targets = {target.secrets[0] for target in runtime.endpoint_cache.all()}
    assert targets == {*before.values(), secrets[0].secret} - ({before["plain"]} - {before["own"]})


async def test_the_doctor_checks_the_key_while_the_service_runs(settings: Settings) -> None:
    async with running(settings) as runtime:
        await runtime.endpoints.create({"url": "https://a.example/"}, actor=ACTOR)
        check = await examine_key(settings)
        assert not check.unreadable
        assert check.sentence == "The key opens all stored secrets (1)."
        wrong = await examine_key(replace(settings))
        assert "1 of 1 stored secret" in wrong.sentence
        missing = await examine_key(lose(settings))
        assert "is missing" in missing.sentence
        assert not settings.key_file.exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lose, "is missing"),
        (replace, "7 of 7 stored secrets cannot be opened"),
        (empty, "does not hold a key"),
        (garble, "does not hold a key"),
        (use_variable, "cannot be opened with BREAKWATER_SECRET_KEY"),
        (to_folder, "cannot be read or created (Is a directory)"),
    ],
)
async def test_the_doctor_names_a_key_that_opens_nothing(
    sqlite_url: str, tmp_path: Path, spoil: Callable[[Settings], Settings], reason: str
) -> None:
    settings = Settings(
        database_url=sqlite_url, key_file=tmp_path / "breakwater.key", secret_key=None, example_endpoint=False
    )
    await fill(settings)
    spoiled = spoil(settings)
    findings = await asyncio.to_thread(lambda: list(doctor._key_file(spoiled)))
    (finding,) = [finding for finding in findings if "Other users" not in finding.sentence]
    assert finding.grade is doctor.Grade.BAD
    assert reason in finding.sentence


async def test_a_reset_while_the_service_runs_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=sqlite_url, key_file=tmp_path / "breakwater.key", example_endpoint=False)
    async with running(settings):
        with pytest.raises(StartRefused, match="in use by another Breakwater process"):
            async with open_secret_reset(settings):
                pass


async def test_a_reset_creates_no_database(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite+aiosqlite:///{tmp_path}/typo.db", secret_key=None)
    with pytest.raises(StartRefused, match=re.escape("There is no database")):
        async with open_secret_reset(settings):
            pass
    assert files(tmp_path) == {}


async def test_every_sealed_value_is_in_a_listed_column(sqlite_url: str, sqlite_path: Path) -> None:
    settings = Settings(
        database_url=sqlite_url, key_file=sqlite_path.with_name("breakwater.key"), example_endpoint=False
    )
    await fill(settings)
    listed = {sealed.name for sealed in SEALED}
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.row_factory = sqlite3.Row
        endpoints = [dict(row) for row in connection.execute("SELECT * FROM endpoints")]
        mark = next(row["secret"] for row in endpoints)[:5]
        sealed_columns = set()
        for table in SQLModel.metadata.sorted_tables:
            for row in connection.execute(f"SELECT * FROM {table.name}"):  # noqa: S608 - our own tables
                for name in row.keys():  # noqa: SIM118 - iterating a sqlite3.Row gives its values
                    if _contains(row[name], mark):
                        sealed_columns.add((table.name, name))
    assert ("endpoints", "secret") in sealed_columns
    assert sealed_columns == {("endpoints", name) for name in listed}


def _contains(value: Any, mark: bytes) -> bool:
    if isinstance(value, bytes):
        return mark in value
    return isinstance(value, str) and (b64encode(mark)[:6].decode() in value or mark.hex() in value)


async def rows_of(runtime: Runtime, statement: Any) -> list[dict[str, Any]]:
    async with runtime.database.read() as connection:
        return [dict(row) for row in (await connection.execute(statement)).mappings()]
