"""The history of the schema, and the only way to migrate a database to the newest.

A migration is a file in `versions/`; its name begins with its revision. Draft the next one from the tables with
`python -m breakwater.core.store.migrations "what changes"`.

Alembic is imported only for a database that has to be migrated: it would cost every other start memory and time.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from breakwater.core.domain.errors import StartRefused
from breakwater.core.ports import Sealer

FOLDER: Final = Path(__file__).parent
_VERSION_TABLE: Final = "alembic_version"


def known_revisions() -> list[str]:
    """Return the revisions of this version, oldest first."""
    return sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py"))


def upgrade(connection: Connection, sealer: Sealer | None = None) -> None:
    """Migrate to the newest schema, inside the transaction of `connection`.

    `sealer` encrypts values that an older version stored in clear; a database without such values needs none.
    Raises StartRefused for a schema of a newer Breakwater, and SecretUnreadable for a wrong key.
    """
    revisions = known_revisions()
    current = _current_revision(connection)
    if current == revisions[-1]:
        return
    if current is not None and current not in revisions:
        raise StartRefused(
            f"The database has schema {current}, and this Breakwater knows schemas up to "
            f"{revisions[-1]}. Start the newer version, or use another database."
        )
    from breakwater.core.store.migrations.alembic_runner import run_migrations  # noqa: PLC0415  # see the module

    run_migrations(connection, sealer)


def _current_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    revision: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608  # a constant
    return revision
