"""The history of the schema, and the only way to migrate a database to the newest.

A migration is a file in `versions/`. Draft the next one from the tables with
`python -m breakwater.core.store.migrations "what changes"`.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from breakwater.core.domain.errors import StartRefused
from breakwater.core.ports import Sealer


def config_for(connection: Connection) -> Config:
    """Return alembic's configuration, bound to `connection`: no file and no environment is read."""
    config = Config()
    # ConfigParser interpolates percent signs, and the path may have one.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, sealer: Sealer | None = None) -> None:
    """Migrate to the newest schema, inside the transaction of `connection`.

    `sealer` encrypts values that an older version stored in clear; a database without such values needs none.
    Raises StartRefused for a schema of a newer Breakwater, and SecretUnreadable for a wrong key.
    """
    config = config_for(connection)
    config.attributes["sealer"] = sealer
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise StartRefused(
            f"The database has schema {current}, and this Breakwater knows schemas up to "
            f"{script.get_current_head()}. Start the newer version, or use another database."
        )
    command.upgrade(config, "head")
