"""Draft a migration from the tables: `python -m breakwater.core.store.migrations "what changes"`."""

import sys

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from breakwater.core.store.migrations import upgrade
from breakwater.core.store.migrations.alembic_runner import config_for


def draft(message: str) -> None:
    """Write the next file of `versions/`. It is a draft: alembic does not see renames, nor what the rows need."""
    with create_engine("sqlite://").connect() as connection:
        upgrade(connection)
        config = config_for(connection)
        number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
        command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")


if __name__ == "__main__":
    draft(" ".join(sys.argv[1:]) or "describe the change here")
