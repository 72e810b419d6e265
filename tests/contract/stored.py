"""Write rows as the service writes them, for the tests of the read models."""

from typing import Any

from sqlalchemy import Table, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.ids import Ids
from breakwater.core.store.circuits import circuit_values
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import (
    ALL_ENDPOINTS,
    ATTEMPTS,
    AUDIT,
    CIRCUITS,
    DELIVERIES,
    ENDPOINTS,
    MESSAGES,
    MINUTE_STATS,
    TRANSITIONS,
)
from tests.fakes import ManualClock


class Stored:
    """Writes rows, each a second later than the one before unless a time is passed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock()
        self.ids = Ids(self.clock)

    @property
    def now(self) -> float:
        return self.clock.now()

    async def write(self, table: Table, *rows: dict[str, Any]) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(table), list(rows))

        await self.database.writer.run(work)

    async def change(self, table: Table, id_: str, **values: Any) -> None:
        key = table.c.endpoint_id if table is CIRCUITS else table.c.id

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(update(table).where(key == id_).values(**values))

        await self.database.writer.run(work)

    async def endpoint(self, name: str = "billing", **values: Any) -> str:
        await self.clock.advance(1)
        endpoint_id = self.ids.make("ep")
        row = {
            "id": endpoint_id,
            "name": name,
            "description": "",
            "url": f"https://{name}.example/hooks",
            "event_types": [],
            "state": "enabled",
            "timeout_seconds": 10.0,
            "retry_delays": [],
            "retry_jitter": 0.1,
            "circuit": {},
            "max_in_flight": 64,
            "headers": {},
            "signature": "standard",
            "created_at": self.now,
            "updated_at": self.now,
        }
        await self.write(ENDPOINTS, row | values)
        return endpoint_id

    async def message(self, payload: bytes = b"{}", **values: Any) -> str:
        await self.clock.advance(1)
        message_id = self.ids.make("msg")
        row = {
            "id": message_id,
            "event_type": "order.created",
            "payload": payload,
            "delivery_count": 1,
            "idempotency_key": None,
            "created_at": self.now,
        }
        await self.write(MESSAGES, row | values)
        return message_id

    async def delivery(
        self,
        endpoint_id: str,
        state: str = "pending",
        *,
        payload: bytes = b"{}",
        key: str | None = None,
        **values: Any,
    ) -> str:
        event_type = values.get("event_type", "order.created")
        message_id = values.pop("message_id", None) or await self.message(
            payload, idempotency_key=key, event_type=event_type
        )
        delivery_id = self.ids.make("dlv")
        row = {
            "id": delivery_id,
            "message_id": message_id,
            "endpoint_id": endpoint_id,
            "event_type": event_type,
            "state": state,
            "next_attempt_at": self.now if state == "pending" else None,
            "trigger": "schedule",
            "attempt_count": 0,
            "budget_spent": 0,
            "lost_count": 0,
            "created_at": self.now,
            "finished_at": self.now + 0.5 if state in {"delivered", "failed", "cancelled"} else None,
        }
        await self.write(DELIVERIES, row | values)
        return delivery_id

    async def attempt(self, delivery_id: str, endpoint_id: str, number: int = 1, **values: Any) -> str:
        attempt_id = self.ids.make("att")
        row = {
            "id": attempt_id,
            "delivery_id": delivery_id,
            "endpoint_id": endpoint_id,
            "number": number,
            "trigger": "schedule",
            "started_at": self.now,
            "duration_ms": 12,
            "failure_class": None,
            "status_code": 200,
            "error": None,
            "request_headers": [["webhook-id", "msg_1"]],
            "response_headers": [["content-type", "text/plain"]],
            "response_body": b"ok",
            "response_truncated": False,
        }
        await self.write(ATTEMPTS, row | values)
        return attempt_id

    async def circuit(self, endpoint_id: str, breaker: CircuitBreaker) -> None:
        await self.write(CIRCUITS, circuit_values(endpoint_id, breaker, self.now))

    async def transition(self, endpoint_id: str, cause: str, **values: Any) -> str:
        transition_id = self.ids.make("ctr")
        row = {
            "id": transition_id,
            "endpoint_id": endpoint_id,
            "at": self.now,
            "from_state": "closed",
            "to_state": "open",
            "cause": cause,
            "failure_count": 5,
            "success_count": 0,
        }
        await self.write(TRANSITIONS, row | values)
        return transition_id

    async def audit_entry(self, action: str, subject: str, actor: str = "person:ada", **values: Any) -> str:
        await self.clock.advance(1)
        entry_id = self.ids.make("aud")
        row = {
            "id": entry_id,
            "at": self.now,
            "actor": actor,
            "action": action,
            "subject": subject,
            "reason": None,
            "outcome": "Done.",
            "detail": {},
            "affected": 1,
        }
        await self.write(AUDIT, row | values)
        return entry_id

    async def counted(self, endpoint_id: str, at: float, outcome: str, bucket: int, attempts: int) -> None:
        """Count attempts as recording them does: under their endpoint, and under all."""
        minute = {"minute": int(at // 60), "outcome": outcome, "latency_bucket": bucket, "attempts": attempts}
        await self.write(
            MINUTE_STATS,
            *({"endpoint_id": endpoint_key} | minute for endpoint_key in (endpoint_id, ALL_ENDPOINTS)),
        )


def opened(now: float, failures: int = 5) -> CircuitBreaker:
    """Return a breaker that has just opened."""
    breaker = CircuitBreaker()
    for _ in range(failures):
        breaker.record_failure(now=now)
    return breaker
