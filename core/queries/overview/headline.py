"""Is it us or them: the one sentence at the top of the first page. Pure."""

from dataclasses import dataclass
from typing import Final

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.traffic.model import Traffic
from breakwater.core.text.format import format_actor, join_names, pluralize, sanitize
from breakwater.core.text.outcomes import SUCCESS, outcome_name

_TOGETHER: Final = 3
"""From so many endpoints on, most of all failing together points at this machine rather than at them."""
_WORTH_SAYING: Final = 0.05
"""Share of failed attempts that is mentioned though every circuit is closed."""
_ENOUGH: Final = 20
"""Attempts below which a share says nothing."""


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """What the sentence is made from."""

    endpoints: int
    """Not deleted."""
    lanes: tuple[CircuitView, ...]
    """Those that are not closed or not enabled, worst first."""
    traffic: Traffic
    """Of the last hour."""
    tasks: tuple[TaskHealth, ...] = ()
    write_error: str | None = None
    """Why the latest transaction could not be written."""

    @property
    def failing(self) -> tuple[CircuitView, ...]:
        """Return the lanes whose circuit opened by itself."""
        return tuple(
            lane for lane in self.lanes if lane.state is not CircuitState.CLOSED and not lane.on_hold
        )

    @property
    def held(self) -> tuple[CircuitView, ...]:
        """Return the lanes that a person holds."""
        return tuple(lane for lane in self.lanes if lane.on_hold)

    @property
    def stopped(self) -> tuple[CircuitView, ...]:
        """Return the lanes of paused and disabled endpoints that keep somebody waiting."""
        return tuple(
            lane
            for lane in self.lanes
            if lane.state is CircuitState.CLOSED
            and lane.endpoint_state is not EndpointState.ENABLED
            and (lane.backlog.value or lane.endpoint_state is EndpointState.DISABLED)
        )

    @property
    def unhealthy_tasks(self) -> tuple[TaskHealth, ...]:
        """Return the background tasks that do not run."""
        return tuple(task for task in self.tasks if not task.healthy)


def needs_attention(status: SystemStatus) -> bool:
    """Return whether something failed, is held or does not run."""
    return bool(
        status.write_error
        or status.unhealthy_tasks
        or status.failing
        or status.held
        or status.stopped
        or _many_fail(status.traffic)
    )


def overview_sentence(status: SystemStatus) -> str:
    """Return whether it is us or them, and what it keeps waiting."""
    us = _us(status)
    them = _them(status)
    if us:
        return f"{us} {them}" if them else us
    if them:
        return f"{them} Breakwater itself is healthy."
    return _fine(status)


def _us(status: SystemStatus) -> str:
    if status.write_error:
        return (
            f"Breakwater cannot write to its database ({sanitize(status.write_error)}): new messages are refused "
            "for now, and finished results are kept until it can."
        )
    if status.unhealthy_tasks:
        names = join_names([f"the {loop.name}" for loop in status.unhealthy_tasks])
        errors = [loop.last_error for loop in status.unhealthy_tasks if loop.last_error]
        because = f" ({sanitize(errors[0])})" if errors else ""
        verb = "does" if len(status.unhealthy_tasks) == 1 else "do"
        return f"Breakwater itself is not well: {names} {verb} not run{because}."
    return ""


def _them(status: SystemStatus) -> str:
    parts = (_failing(status), _held(status.held), _stopped(status.stopped))
    return " ".join(part for part in parts if part)


def _failing(status: SystemStatus) -> str:
    failing = status.failing
    if not failing:
        return ""
    names = join_names([sanitize(lane.endpoint_name) for lane in failing])
    waiting = _backlog(failing)
    if len(failing) >= _TOGETHER and len(failing) * 2 > status.endpoints:
        return (
            f"{len(failing)} of {status.endpoints} endpoints are failing at the same time: look at this machine's "
            f"network and name resolution first. {waiting or 'Nothing'} {'are' if waiting else 'is'} held."
        )
    if len(failing) == 1:
        held = f"; its {waiting} are held until it recovers" if waiting else "; nothing is held"
        return f"One endpoint is failing: {names}{held}."
    held = f"; {waiting} are held until they recover" if waiting else "; nothing is held"
    return f"{len(failing)} endpoints are failing: {names}{held}."


def _backlog(lanes: tuple[CircuitView, ...]) -> str:
    total = sum(lane.backlog.value for lane in lanes)
    return pluralize(total, "delivery", more=any(lane.backlog.more for lane in lanes)) if total else ""


def _held(held: tuple[CircuitView, ...]) -> str:
    if not held:
        return ""
    names = join_names([sanitize(lane.endpoint_name) for lane in held])
    holders = join_names(sorted({format_actor(lane.held_by or "somebody") for lane in held}))
    circuits = "the circuit" if len(held) == 1 else "the circuits"
    waiting = _backlog(held) or "nothing"
    verb = "holds" if len({lane.held_by for lane in held}) == 1 else "hold"
    return f"{_capital(holders)} {verb} {circuits} of {names} open; {waiting} {_waits(waiting)}."


def _stopped(stopped: tuple[CircuitView, ...]) -> str:
    return " ".join(
        f"{join_names([sanitize(lane.endpoint_name) for lane in lanes])} "
        f"{'is' if len(lanes) == 1 else 'are'} {state.value}; "
        f"{_backlog(lanes) or 'nothing'} {_waits(_backlog(lanes) or 'nothing')}."
        for state in (EndpointState.DISABLED, EndpointState.PAUSED)
        if (lanes := tuple(lane for lane in stopped if lane.endpoint_state is state))
    )


def _waits(waiting: str) -> str:
    return "waits" if waiting == "nothing" or waiting.startswith("1 ") else "wait"


def _fine(status: SystemStatus) -> str:
    traffic = status.traffic
    if not status.endpoints:
        return "There is no endpoint yet: make one, or send a message to a URL."
    delivered = f"{traffic.successes:,} delivered in the last hour."
    if _many_fail(traffic):
        failed = traffic.attempts - traffic.successes
        return (
            f"Every circuit is closed, but {failed:,} of {traffic.attempts:,} attempts of the last hour failed, "
            f"most often: {_commonest(traffic)}. {delivered}"
        )
    if status.endpoints == 1:
        return f"The one endpoint takes deliveries. {delivered}"
    return f"All {status.endpoints:,} endpoints take deliveries. {delivered}"


def _many_fail(traffic: Traffic) -> bool:
    failed = traffic.attempts - traffic.successes
    return traffic.attempts >= _ENOUGH and failed > _WORTH_SAYING * traffic.attempts


def _commonest(traffic: Traffic) -> str:
    failures = {outcome: count for outcome, count in traffic.by_outcome.items() if outcome != SUCCESS}
    return outcome_name(max(failures, key=lambda outcome: failures[outcome]))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text
