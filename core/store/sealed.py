"""Reads everything that is stored encrypted."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, create_engine, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.store.schema import ENDPOINTS
from breakwater.core.store.schema.sealed import SEALED

_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class SealedValue:
    """One value that is stored encrypted."""

    endpoint_id: str
    column: str
    context: str
    blob: bytes


def sealed_values(rows: Sequence[Any]) -> Iterator[SealedValue]:
    """Yield the sealed values in rows of endpoints, which may lack columns of a newer schema."""
    for row in rows:
        for sealed in SEALED:
            blob = row.get(sealed.name)
            if blob is not None:
                yield SealedValue(row["id"], sealed.name, sealed.context(row["id"]), blob)


def read_sealed(connection: Connection) -> list[SealedValue]:
    """Return the sealed values of all endpoints that are not deleted, of a schema of any age."""
    if not inspect(connection).has_table(ENDPOINTS.name):
        return []
    names = {column["name"] for column in inspect(connection).get_columns(ENDPOINTS.name)}
    columns = [ENDPOINTS.c.id, *(sealed.column for sealed in SEALED if sealed.name in names)]
    statement = select(*columns).where(ENDPOINTS.c.deleted_at.is_(None)).order_by(ENDPOINTS.c.id)
    return list(sealed_values(connection.execute(statement).mappings().all()))


async def read_sealed_at(url: str) -> list[SealedValue]:
    """Return the sealed values of the database at `url`, which another process may have open.

    Nothing is written or migrated. Raises StoreUnavailable.
    """
    parsed = make_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            return _read_file(parsed.database or "")
        engine = create_async_engine(
            parsed, poolclass=NullPool, connect_args={"timeout": _SECONDS, "command_timeout": _SECONDS}
        )
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(read_sealed)
        finally:
            await engine.dispose()
    except (
        SQLAlchemyError,
        OSError,
        UnicodeError,
        ModuleNotFoundError,
    ) as error:  # UnicodeError: of the host
        cause = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise StoreUnavailable(f"The database cannot be read: {cause}.") from error


def _read_file(name: str) -> list[SealedValue]:
    path = Path(name).absolute()

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_SECONDS)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    with engine.connect() as connection:
        return read_sealed(connection)
