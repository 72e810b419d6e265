"""Open, refuse and count SQLite files."""

import pytest

from breakwater.core.domain.errors import StartRefused
from breakwater.core.store.engine import Database
from tests.contract.commands import count


async def opened(url: str) -> Database:
    database = Database(url)
    await database.open()
    return database


async def refusal(url: str) -> str:
    """Return the sentence by which opening is refused: one, and nothing stays open or locked."""
    with pytest.raises(StartRefused) as caught:
        await opened(url)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def count_again(url: str) -> int:
    database = await opened(url)
    try:
        return await count(database)
    finally:
        await database.close()
