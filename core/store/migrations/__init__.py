"""The schema's history, and the one way to bring a database to the newest.

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


def config_for(connection: Connection) -> Config:
    """Return alembic's configuration, bound to `connection`: no file and no environment is read."""
    config = Config()
    # ConfigParser's interpolation would stumble over a percent sign in the path.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Bring the schema to the newest, inside the transaction of `connection`.

    Raises StartRefused for a schema that a newer Breakwater made.
    """
    config = config_for(connection)
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise StartRefused(
            f"The database's schema ({current}) is newer than this Breakwater knows "
            f"({script.get_current_head()}): start the newer version, or give another database."
        )
    command.upgrade(config, "head")
