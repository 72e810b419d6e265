"""Ad-hoc endpoints of a sender are counted on every database, by the index of their owners."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import TooManyEndpoints
from breakwater.core.endpoints.adhoc_limits import AdhocLimits, AdhocRoom
from tests.contract.stored import Stored


async def test_only_existing_endpoints_of_the_sender_are_counted(stored: Stored) -> None:
    await stored.endpoint("one", adhoc_key="k1", adhoc_owner="billing")
    await stored.endpoint("two", adhoc_key="k2", adhoc_owner="billing")
    await stored.endpoint("deleted", adhoc_key=None, adhoc_owner="billing", deleted_at=stored.now)
    await stored.endpoint("of-another", adhoc_key="k3", adhoc_owner="shop")
    await stored.endpoint("of-nobody", adhoc_key="k4")
    await stored.endpoint("own")

    async def refused(per_sender: int, total: int) -> bool:
        room = AdhocRoom(AdhocLimits(per_sender, total), stored.clock)

        async def check(connection: AsyncConnection) -> None:
            await room.check(connection, "billing")

        try:
            await stored.database.writer.run(check)
        except TooManyEndpoints:
            with pytest.raises(TooManyEndpoints):
                room.check_remembered("billing")
            return True
        room.check_remembered("billing")
        return False

    assert [await refused(per_sender, 100) for per_sender in (0, 1, 2, 3)] == [True, True, True, False]
    assert [await refused(100, total) for total in (2, 3, 4)] == [True, True, False]


async def test_the_count_uses_the_index(stored: Stored) -> None:
    if stored.database.exclusive:
        async with stored.database.read() as connection:
            rows = await connection.execute(
                text(
                    "EXPLAIN QUERY PLAN SELECT id FROM endpoints "
                    "WHERE adhoc_owner = 'x' AND adhoc_key IS NOT NULL LIMIT 5"
                )
            )
            assert "ix_endpoints_adhoc_owner" in str(rows.all())
