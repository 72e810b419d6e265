"""A runtime on an in-memory database; the test controls clock, sender and chance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from breakwater.core.delivery.intake import Accepted, NewMessage
from breakwater.core.domain.states import DeliveryState
from breakwater.core.queries.deliveries.model import DeliveryDetail
from breakwater.core.runtime import Runtime
from breakwater.core.settings import Settings
from breakwater.core.store.schema import DELIVERIES
from tests.fakes import ManualClock, ScriptedSender, eventually, settle

SECRET_KEY = "a-key-of-the-tests-and-of-nothing-else"


def settings_for(tmp_path: Path, **changes: Any) -> Settings:
    defaults: dict[str, Any] = {
        "database_url": "sqlite+aiosqlite:///:memory:",
        "secret_key": SECRET_KEY,
        "key_file": tmp_path / "breakwater.key",
        "example_endpoint": False,
    }
    return Settings(**(defaults | changes))


class RunningEngine:
    """A running Breakwater and the handles that tests need."""

    def __init__(self, runtime: Runtime, clock: ManualClock, sender: ScriptedSender) -> None:
        self.runtime = runtime
        self.clock = clock
        self.sender = sender

    async def endpoint(self, host: str = "billing.example", **fields: object) -> str:
        view, _secret = await self.runtime.endpoints.create(
            {"url": f"https://{host}/hook", "name": host, **fields}, actor="person:ada"
        )
        return view.id

    async def send(self, payload: bytes = b'{"n": 1}', **fields: Any) -> Accepted:
        fields.setdefault("event_type", "invoice.paid")
        return await self.runtime.intake.accept(NewMessage(payload=payload, **fields))

    async def send_one(self, **fields: Any) -> str:
        """Send a message to one endpoint and return the id of its delivery."""
        return (await self.send(**fields)).deliveries[0][0]

    async def state(self, delivery_id: str) -> DeliveryState:
        row = await self.row(delivery_id)
        return DeliveryState(row["state"])

    async def row(self, delivery_id: str) -> Mapping[str, Any]:
        async with self.runtime.database.read() as connection:
            rows = await connection.execute(select(DELIVERIES).where(DELIVERIES.c.id == delivery_id))
            return dict(rows.mappings().one())

    async def rows(self, table: Table) -> list[Mapping[str, Any]]:
        """Return every row of a table."""
        async with self.runtime.database.read() as connection:
            return [dict(row) for row in (await connection.execute(select(table))).mappings()]

    @property
    def slots_taken(self) -> int:
        """How many slots are taken, of all lanes."""
        return self.runtime._dispatcher.slots_taken

    async def detail(self, delivery_id: str) -> DeliveryDetail:
        return await self.runtime.queries.deliveries.get(delivery_id)

    async def reaches(self, delivery_id: str, state: DeliveryState) -> None:
        """Wait until the delivery is in `state`; the clock does not move."""
        for _ in range(2000):
            if await self.state(delivery_id) is state:
                return
            await settle()
        raise AssertionError(f"{delivery_id} is {await self.state(delivery_id)}, not {state}")

    async def attempted(self, delivery_id: str, times: int) -> None:
        """Wait until this number of attempts is recorded."""
        for _ in range(2000):
            if (await self.row(delivery_id))["attempt_count"] >= times:
                return
            await settle()
        raise AssertionError(f"{delivery_id}: {await self.row(delivery_id)}")

    async def sent(self, count: int) -> None:
        """Wait until this number of requests has been sent in total."""
        await eventually(lambda: len(self.sender.requests) >= count)

    async def kill(self) -> None:
        """End the process as SIGKILL does: nothing is drained, recorded or released."""
        runtime = self.runtime
        for task in runtime._dispatcher._tasks:
            task.cancel()
        await runtime._supervisor.stop()
        await runtime._close()

    async def quiet(self) -> None:
        """Wait until nothing is going on that needs no time to pass."""
        for _ in range(30):
            async with self.runtime.database.read():
                pass
            await settle()
