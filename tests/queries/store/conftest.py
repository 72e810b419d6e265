"""Every database that Breakwater runs on, and the read side over it."""

from collections.abc import AsyncIterator

import pytest

from breakwater.core.queries import Queries
from breakwater.core.store.engine import Database
from tests.contract.conftest import (
    database,
    database_url,
    durable_url,
    emptied_postgres_url,
    postgres_server,
    postgres_shared,
    postgres_template,
    sqlite_path,
    sqlite_url,
    stored,
)
from tests.contract.stored import Stored
from tests.queries.store.plans import Sample

__all__ = [
    "database",
    "database_url",
    "durable_url",
    "emptied_postgres_url",
    "postgres_server",
    "postgres_shared",
    "postgres_template",
    "sqlite_path",
    "sqlite_url",
    "stored",
]


@pytest.fixture
def queries(stored: Stored) -> Queries:
    """Give the read side over the stored rows."""
    return Queries(stored.database, stored.clock, tuple)


@pytest.fixture
async def sample(durable_url: str) -> AsyncIterator[Sample]:
    """Give a database with enough rows that a planner prefers an index."""
    database = Database(durable_url)
    await database.open()
    rows = Sample(database)
    await database.writer.run(rows.write)
    yield rows
    await database.close()
