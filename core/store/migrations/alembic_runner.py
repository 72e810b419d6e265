"""Runs migrations with alembic, bound to a connection that is open."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from breakwater.core.ports import Sealer
from breakwater.core.store.migrations import FOLDER


def config_for(connection: Connection) -> Config:
    """Return alembic's configuration, bound to `connection`: no file and no environment is read."""
    config = Config()
    # ConfigParser interpolates percent signs, and the path may have one.
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def run_migrations(connection: Connection, sealer: Sealer | None = None) -> None:
    """Migrate to the newest schema, inside the transaction of `connection`. For `sealer` see `upgrade`."""
    config = config_for(connection)
    config.attributes["sealer"] = sealer
    command.upgrade(config, "head")
