"""Reset, probe, hold and release the circuit of an endpoint."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.circuit import CircuitBreaker, CircuitState, Hold
from breakwater.core.domain.errors import Conflict, InvalidInput
from breakwater.core.operations.result import OperationResult
from breakwater.core.operations.rows import endpoint_row, format_held
from breakwater.core.store.circuits import breaker_for_update, circuit_config, save_breaker
from breakwater.core.store.commands.pending import count_pending
from breakwater.core.text.format import format_actor, format_time_utc, pluralize, sanitize


@dataclass(frozen=True, slots=True)
class _Circuit:
    """A circuit within the transaction that changes it."""

    breaker: CircuitBreaker
    now: float
    endpoint_name: str
    pending: int
    """Deliveries of the endpoint that are pending, counted up to a limit."""


_Step = Callable[[_Circuit], str]
"""Changes the breaker and returns the message about it."""


class CircuitOperations:
    """The operations on the circuit of an endpoint."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def reset(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """Close the circuit now, clear its counters and end a hold. Held deliveries are sent, slowly at first."""

        def step(circuit: _Circuit) -> str:
            was_closed = circuit.breaker.state is CircuitState.CLOSED
            circuit.breaker.reset(now=circuit.now, cause=_cause("reset", actor, reason))
            if was_closed:
                return f"{circuit.endpoint_name} reset. The circuit was already closed; its counters are cleared."
            if not circuit.pending:
                return f"{circuit.endpoint_name} reset. No deliveries waiting."
            return (
                f"{circuit.endpoint_name} reset. Releasing {format_held(circuit.pending)}, slowly at first."
            )

        return await self._change("reset", endpoint_id, step, actor, reason)

    async def probe(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """Half-open an open circuit now. Raises Conflict when it is closed, half-open already, or held."""

        def step(circuit: _Circuit) -> str:
            _refuse_unless_open(circuit.breaker)
            circuit.breaker.probe(now=circuit.now, cause=_cause("probe", actor, reason))
            probes = pluralize(circuit.breaker.config.half_open_max_calls, "probe")
            waiting = format_held(circuit.pending) if circuit.pending else "no deliveries"
            return f"{circuit.endpoint_name} is half-open. Sending up to {probes}; {waiting} waiting."

        return await self._change("probe", endpoint_id, step, actor, reason)

    async def hold(
        self, endpoint_id: str, *, actor: str, reason: str, until: float | None = None
    ) -> OperationResult:
        """Hold the circuit open until `until` (seconds since the epoch), or until it is released.

        Raises InvalidInput without a reason, or when `until` has passed.
        """
        if not reason.strip():
            raise InvalidInput.of("reason", "is empty; enter a reason, which is shown to others")
        if until is not None and until <= self._context.clock.now():
            raise InvalidInput.of(
                "until", "has passed; use a later time, or leave it empty to hold until released"
            )

        def step(circuit: _Circuit) -> str:
            hold = Hold(reason=reason, since=circuit.now, until=until, by=actor)
            circuit.breaker.hold_open(now=circuit.now, hold=hold, cause=_cause("held", actor, reason))
            end = "you release it" if until is None else f"{format_time_utc(until, circuit.now)}"
            return f"{circuit.endpoint_name} is on hold until {end}. Nothing is lost."

        return await self._change("hold", endpoint_id, step, actor, reason)

    async def release(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """End a hold: the circuit becomes half-open and probes first. Raises Conflict when it is not held."""

        def step(circuit: _Circuit) -> str:
            if circuit.breaker.hold is None:
                raise Conflict("This circuit is not on hold.")
            circuit.breaker.lift_hold(now=circuit.now, cause=_cause("released", actor, reason))
            if not circuit.pending:
                return f"{circuit.endpoint_name} released. Probing first; no deliveries waiting."
            held = format_held(circuit.pending)
            return f"{circuit.endpoint_name} released. Probing first; {held} will be sent after that."

        return await self._change("release", endpoint_id, step, actor, reason)

    async def _change(
        self, action: str, endpoint_id: str, step: _Step, actor: str, reason: str | None
    ) -> OperationResult:
        async def change(connection: AsyncConnection) -> OperationResult:
            row = await endpoint_row(connection, endpoint_id)
            breaker = await breaker_for_update(connection, endpoint_id, circuit_config(row["circuit"]))
            pending = await count_pending(connection, endpoint_id)
            now = self._context.clock.now()
            message = step(_Circuit(breaker, now, sanitize(row["name"]), pending))
            await save_breaker(connection, endpoint_id, breaker, now, self._context.ids.make, actor=actor)
            entry = AuditEntry(actor, f"circuit.{action}", endpoint_id, message, reason, affected=pending)
            await self._context.audit_log.write(connection, entry)
            return OperationResult(message, pending)

        def publish(_result: OperationResult) -> None:
            for topic in ("circuits", "audit"):
                self._context.change_feed.publish(topic, endpoint_id)

        return await self._context.endpoint_changes.commit(endpoint_id, change, on_commit=publish)


def _refuse_unless_open(breaker: CircuitBreaker) -> None:
    if breaker.hold is not None:
        raise Conflict(
            f"{format_actor(breaker.hold.by)} holds this circuit: {breaker.hold.reason}. Release it."
        )
    if breaker.state is CircuitState.CLOSED:
        raise Conflict("This circuit is closed, so there is nothing to probe.")
    if breaker.state is CircuitState.HALF_OPEN:
        raise Conflict("This circuit is already half-open; the next deliveries are probes.")


def _cause(verb: str, actor: str, reason: str | None) -> str:
    return f"{verb} by {format_actor(actor)}: {reason}" if reason else f"{verb} by {format_actor(actor)}"
