"""A connection of asyncpg that notices when the server answers `COMMIT` with a rollback.

PostgreSQL ends an aborted transaction with the command tag `ROLLBACK` and without an error. asyncpg ignores the tag.
"""

from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types


class CheckedConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """Raise an error for a commit that stored nothing."""

    async def execute(
        self,
        query: str,
        *args: Any,
        timeout: float | None = None,  # noqa: ASYNC109  # the signature of asyncpg
    ) -> str:
        """Run `query` and return its command tag. Raises when it is a commit that the server turned into a rollback."""
        tag: str = await super().execute(query, *args, timeout=timeout)
        if tag == "ROLLBACK" and query.strip("; ").upper() == "COMMIT":
            raise asyncpg.InFailedSQLTransactionError(
                "the transaction was aborted by an earlier error and rolled back"
            )
        return tag
