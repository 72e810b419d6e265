"""The running engine of the delivery tests, and the databases of the contract tests."""

from tests.contract.conftest import (
    database,
    database_url,
    emptied_postgres_url,
    postgres_server,
    postgres_shared,
    postgres_template,
    sqlite_path,
    sqlite_url,
    stored,
)
from tests.delivery.conftest import engine

__all__ = [
    "database",
    "database_url",
    "emptied_postgres_url",
    "engine",
    "postgres_server",
    "postgres_shared",
    "postgres_template",
    "sqlite_path",
    "sqlite_url",
    "stored",
]
