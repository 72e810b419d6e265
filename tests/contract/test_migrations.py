"""The migrations end at the current tables, on every database."""

import asyncio
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade as upgrade_to
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, URL, Connection, create_engine, inspect
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from breakwater.core.store import schema
from breakwater.core.store.engine import Database
from breakwater.core.store.migrations import known_revisions, upgrade
from breakwater.core.store.migrations.alembic_runner import config_for
from tests.contract.conftest import administer, rendered

HINT = 'draft the missing one: python -m breakwater.core.store.migrations "what changes"'


def differences(connection: Connection) -> list[Any]:
    """Return what the tables have and the migrated database lacks, or the other way round."""
    options = {"compare_type": True, "compare_server_default": _json_defaults_alike}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata))


def _json_defaults_alike(_context: Any, _there: Any, column: Any, there: str, *defaults: str) -> bool | None:
    """Compare defaults of JSON as text: PostgreSQL has no equality of JSON, and alembic asks it."""
    if not isinstance(column.type, JSON):
        return None
    return there.removesuffix("::json") != defaults[-1]


async def test_migrations_are_up_to_date_with_the_tables(database: Database) -> None:
    async with database.read() as connection:
        assert await connection.run_sync(differences) == [], HINT


async def test_partial_indexes_are_partial_in_the_database(database: Database) -> None:
    def partial(connection: Connection) -> set[str]:
        inspector = inspect(connection)
        return {
            str(index["name"])
            for table in inspector.get_table_names()
            for index in inspector.get_indexes(table)
            if any(option.endswith("_where") for option in index.get("dialect_options", {}))
        }

    declared = {
        str(index.name)
        for table in SQLModel.metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    for table in SQLModel.metadata.tables.values():
        for index in table.indexes:
            where = [str(index.dialect_options[dialect]["where"]) for dialect in ("sqlite", "postgresql")]
            assert where[0] == where[1], index.name
    async with database.read() as connection:
        assert await connection.run_sync(partial) == declared
    assert "ix_deliveries_due" in declared


def test_every_older_schema_can_be_brought_to_the_newest() -> None:
    with create_engine("sqlite://").connect() as connection:
        revisions = [
            script.revision
            for script in ScriptDirectory.from_config(config_for(connection)).walk_revisions("base", "heads")
        ]
    for revision in reversed(revisions):
        with create_engine("sqlite://").connect() as connection:
            upgrade_to(config_for(connection), revision)
            upgrade(connection)
            assert differences(connection) == [], HINT


def test_upgrading_the_newest_schema_changes_nothing() -> None:
    with create_engine("sqlite://").connect() as connection:
        upgrade(connection)
        before = connection.exec_driver_sql("PRAGMA schema_version").scalar()
        upgrade(connection)
        assert connection.exec_driver_sql("PRAGMA schema_version").scalar() == before


def test_the_migrations_have_no_branches() -> None:
    with create_engine("sqlite://").connect() as connection:
        script = ScriptDirectory.from_config(config_for(connection))
    assert len(script.get_heads()) == 1


def tables_of(module: ModuleType) -> set[type[SQLModel]]:
    return {kind for kind in vars(module).values() if hasattr(kind, "__table__")}


def test_the_schema_package_exports_every_table() -> None:
    exported = tables_of(schema)
    for module in iter_modules(schema.__path__, f"{schema.__name__}."):
        assert tables_of(import_module(module.name)) <= exported


@pytest.mark.parametrize("table", SQLModel.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_constraint_has_a_name_by_which_a_later_migration_finds_it(table: Any) -> None:
    assert all(constraint.name for constraint in table.constraints)


@pytest.fixture(params=["sqlite", "postgresql"])
def unmigrated_url(request: pytest.FixtureRequest, sqlite_url: str) -> Iterator[str]:
    """Give the URL of a database without a schema."""
    if request.param == "sqlite":
        yield sqlite_url
        return
    server: URL = request.getfixturevalue("postgres_server")
    name = f"unmigrated_{uuid4().hex}"
    asyncio.run(administer(server, f"CREATE DATABASE {name}"))
    yield rendered(server.set(database=name))
    asyncio.run(administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def migrated(url: str, revision: str, *statements: str) -> list[Any]:
    """Migrate to `revision`, run `statements`, and return the rows of the last one."""
    engine = create_async_engine(url)

    def run(connection: Connection) -> list[Any]:
        upgrade_to(config_for(connection), revision)
        results = [connection.exec_driver_sql(statement) for statement in statements]
        return list(results[-1].all()) if results[-1].returns_rows else []

    try:
        async with engine.begin() as connection:
            return await connection.run_sync(run)
    finally:
        await engine.dispose()


async def test_a_key_of_an_older_version_is_its_own_sender_with_the_idempotency_keys_it_had(
    unmigrated_url: str,
) -> None:
    await migrated(
        unmigrated_url,
        "0004",
        "INSERT INTO api_keys (id, name, digest, preview, scopes, created_at, created_by) "
        "VALUES ('key_1', 'ci', 'd1', 'bw_1', '[]', 1, 'person:ada'), "
        "('key_2', 'ci', 'd2', 'bw_2', '[]', 1, 'person:ada')",
        "INSERT INTO idempotency_keys (scope, key, fingerprint, message_id, expires_at) "
        "VALUES ('key_1', 'order-1', 'f', 'msg_1', 2)",
    )
    rows = await migrated(
        unmigrated_url,
        "0005",
        "SELECT api_keys.id, sender, idempotency_keys.key FROM api_keys "
        "LEFT JOIN idempotency_keys ON scope = sender ORDER BY api_keys.id",
    )
    assert [tuple(row) for row in rows] == [("key_1", "key_1", "order-1"), ("key_2", "key_2", None)]


def test_the_newest_revision_is_the_one_that_alembic_would_migrate_to() -> None:
    with create_engine("sqlite://").connect() as connection:
        script = ScriptDirectory.from_config(config_for(connection))
        revisions = [migration.revision for migration in script.walk_revisions()]
        assert known_revisions() == list(reversed(revisions))
        upgrade(connection)
        assert MigrationContext.configure(connection).get_current_revision() == known_revisions()[-1]
