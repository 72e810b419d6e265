"""The schema's history ends at the tables, on every database."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade as upgrade_to
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Connection, create_engine, inspect
from sqlmodel import SQLModel

from breakwater.core.store import schema
from breakwater.core.store.engine import Database
from breakwater.core.store.migrations import config_for, upgrade

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


def test_upgrading_what_is_newest_changes_nothing() -> None:
    with create_engine("sqlite://").connect() as connection:
        upgrade(connection)
        before = connection.exec_driver_sql("PRAGMA schema_version").scalar()
        upgrade(connection)
        assert connection.exec_driver_sql("PRAGMA schema_version").scalar() == before


def test_the_history_is_one_line() -> None:
    with create_engine("sqlite://").connect() as connection:
        script = ScriptDirectory.from_config(config_for(connection))
    assert len(script.get_heads()) == 1


def tables_of(module: ModuleType) -> set[type[SQLModel]]:
    return {kind for kind in vars(module).values() if hasattr(kind, "__table__")}


def test_the_package_gives_every_table_so_that_migrations_see_it() -> None:
    given = tables_of(schema)
    for module in iter_modules(schema.__path__, f"{schema.__name__}."):
        assert tables_of(import_module(module.name)) <= given


@pytest.mark.parametrize("table", SQLModel.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_constraint_has_a_name_by_which_a_later_migration_finds_it(table: Any) -> None:
    assert all(constraint.name for constraint in table.constraints)
