"""Reset, probe now, hold open and release."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.circuit import CircuitBreaker, CircuitState, Hold
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.operations.result import OperationResult, clock_time
from breakwater.core.store.circuits import breaker_for_update, save_breaker
from breakwater.core.store.commands.pending import COUNT_LIMIT, count_pending
from breakwater.core.text.format import format_actor

_Step = Callable[[CircuitBreaker, float, str], str]
"""Changes the breaker at a time, with what follows in words (`312 held deliveries`), and tells what came of it."""


class CircuitOperations:
    """What a person may do to the circuit of an endpoint."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def reset(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """Close the circuit now and clear every counter and any hold. What it held goes out, slowly at first."""

        def step(breaker: CircuitBreaker, now: float, held: str) -> str:
            was = breaker.state
            breaker.reset(now=now, cause=_cause("reset", actor, reason))
            if was is CircuitState.CLOSED:
                return "It was closed already; its counters are cleared."
            return f"Closed: {held}, one at first, then more with each success."

        return await self._change("reset", endpoint_id, step, actor, reason)

    async def probe(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """Half open an open circuit now. Raises Conflict when it is closed, half open already, or held by hand."""

        def step(breaker: CircuitBreaker, now: float, held: str) -> str:
            _refuse_unless_open(breaker)
            breaker.probe(now=now, cause=_cause("probe", actor, reason))
            most = breaker.config.half_open_max_calls
            return f"Half open: at most {most} at once go out as probes ({held})."

        return await self._change("probe", endpoint_id, step, actor, reason)

    async def hold(
        self, endpoint_id: str, *, actor: str, reason: str, until: float | None = None
    ) -> OperationResult:
        """Hold the circuit open until `until` (seconds since the epoch), or until somebody releases it.

        Raises InvalidInput without a reason, or when `until` has passed.
        """
        if not reason.strip():
            raise InvalidInput.of("reason", "is empty; say why, for whoever finds the circuit held")
        if until is not None and until <= self._context.clock.now():
            raise InvalidInput.of("until", "has passed; give a time to come, or none to hold until released")

        def step(breaker: CircuitBreaker, now: float, _held: str) -> str:
            hold = Hold(reason=reason, since=now, until=until, by=actor)
            breaker.hold_open(now=now, hold=hold, cause=_cause("held open", actor, reason))
            end = "somebody releases it" if until is None else f"{clock_time(until)}, or somebody releases it"
            return f"Held open: deliveries wait until {end}."

        return await self._change("hold", endpoint_id, step, actor, reason)

    async def release(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> OperationResult:
        """End a hold: the circuit goes to half open and probes first. Raises Conflict when it is not held."""

        def step(breaker: CircuitBreaker, now: float, held: str) -> str:
            if breaker.hold is None:
                raise Conflict("Nobody holds this circuit: there is nothing to release.")
            breaker.lift_hold(now=now, cause=_cause("released", actor, reason))
            return f"Released: half open, probing before the rest follows ({held})."

        return await self._change("release", endpoint_id, step, actor, reason)

    async def _change(
        self, action: str, endpoint_id: str, step: _Step, actor: str, reason: str | None
    ) -> OperationResult:
        done = await self._context.database.writer.run(self._work(action, endpoint_id, step, actor, reason))
        await self._context.dispatcher.refresh(endpoint_id)
        self._context.change_feed.publish("circuits", endpoint_id)
        self._context.change_feed.publish("audit", endpoint_id)
        return done

    def _work(
        self, action: str, endpoint_id: str, step: _Step, actor: str, reason: str | None
    ) -> Callable[[AsyncConnection], Awaitable[OperationResult]]:
        destination = self._context.endpoint_cache.get(endpoint_id)
        if destination is None:
            raise NotFound("endpoint", endpoint_id)
        config = destination.circuit

        async def change(connection: AsyncConnection) -> OperationResult:
            breaker = await breaker_for_update(connection, endpoint_id, config)
            backlog = await count_pending(connection, endpoint_id)
            now = self._context.clock.now()
            message = step(breaker, now, _held(backlog))
            await save_breaker(connection, endpoint_id, breaker, now, self._context.ids.make, actor=actor)
            entry = AuditEntry(actor, f"circuit.{action}", endpoint_id, message, reason, affected=backlog)
            await self._context.audit_log.write(connection, entry)
            return OperationResult(message, backlog)

        return change


def _held(backlog: int) -> str:
    if backlog == 0:
        return "nothing is held"
    if backlog == 1:
        return "1 held delivery follows"
    return f"{backlog:,}{'+' if backlog == COUNT_LIMIT else ''} held deliveries follow"


def _refuse_unless_open(breaker: CircuitBreaker) -> None:
    if breaker.hold is not None:
        raise Conflict(
            f"{format_actor(breaker.hold.by)} holds it open: {breaker.hold.reason}. Release it instead."
        )
    if breaker.state is CircuitState.CLOSED:
        raise Conflict("It is closed: deliveries go out, there is nothing to probe.")
    if breaker.state is CircuitState.HALF_OPEN:
        raise Conflict("It is half open already: the next deliveries are probes.")


def _cause(verb: str, actor: str, reason: str | None) -> str:
    return f"{verb} by {format_actor(actor)}: {reason}" if reason else f"{verb} by {format_actor(actor)}"
