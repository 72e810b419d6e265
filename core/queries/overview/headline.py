"""The sentence at the top of the overview: what fails or is held, and whether Breakwater is healthy. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.traffic.model import Traffic
from breakwater.core.text.format import format_actor, join_names, pluralize, sanitize
from breakwater.core.text.outcomes import SUCCESS, outcome_name

_SUSPECT_THIS_MACHINE: Final = 3
"""When at least this many endpoints fail, and more than half, this machine is the likelier cause."""
_NOTABLE_FAILURE_RATE: Final = 0.05
"""The share of failed attempts that is mentioned although every circuit is closed."""
_MINIMUM_ATTEMPTS: Final = 20
"""Below this many attempts a failure rate is not significant."""
_NAMES_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The facts that the sentence is built from."""

    endpoints: int
    """Not deleted."""
    circuits: tuple[CircuitView, ...]
    """Those that are not closed, or whose endpoint is not enabled; by name."""
    traffic: Traffic
    """Of the last hour."""
    tasks: tuple[TaskHealth, ...] = ()
    write_error: str | None = None
    """Why the latest transaction could not be written."""
    shortage: str | None = None
    """What this machine has run out of, with the remedy."""

    @property
    def failing(self) -> tuple[CircuitView, ...]:
        """Return the circuits that are open or half-open and not on hold."""
        return tuple(
            circuit
            for circuit in self.circuits
            if circuit.state is not CircuitState.CLOSED and not circuit.on_hold
        )

    @property
    def held(self) -> tuple[CircuitView, ...]:
        """Return the circuits that a person holds."""
        return tuple(circuit for circuit in self.circuits if circuit.on_hold)

    @property
    def stopped(self) -> tuple[CircuitView, ...]:
        """Return the closed circuits of disabled endpoints, and of paused ones that have a backlog."""
        return tuple(
            circuit
            for circuit in self.circuits
            if circuit.state is CircuitState.CLOSED
            and circuit.endpoint_state is not EndpointState.ENABLED
            and (circuit.backlog.value or circuit.endpoint_state is EndpointState.DISABLED)
        )

    @property
    def unhealthy_tasks(self) -> tuple[TaskHealth, ...]:
        """Return the background tasks that do not run."""
        return tuple(task for task in self.tasks if not task.healthy)


def needs_attention(status: SystemStatus) -> bool:
    """Return whether something failed, is held or does not run."""
    return bool(
        status.write_error
        or status.shortage
        or status.unhealthy_tasks
        or status.failing
        or status.held
        or status.stopped
        or _many_failures(status.traffic)
    )


def overview_sentence(status: SystemStatus) -> str:
    """Return the problems of Breakwater, then those of endpoints; or that everything is healthy."""
    own_problem = _own_problem(status)
    endpoint_problems = " ".join(
        filter(None, (_failing(status), _held(status.held), _stopped(status.stopped)))
    )
    if own_problem:
        return f"{own_problem} {endpoint_problems}".rstrip()
    if endpoint_problems:
        return f"{endpoint_problems} Breakwater is healthy."
    return _all_closed(status)


def _own_problem(status: SystemStatus) -> str:
    if status.write_error:
        return (
            f"Breakwater cannot write to its database ({sanitize(status.write_error)}). New messages are refused; "
            "results are kept until it can."
        )
    if status.shortage:
        return (
            f"{sanitize(status.shortage)}. Deliveries wait without using up retries until it has some again."
        )
    if status.unhealthy_tasks:
        names = join_names([f"the {task.name}" for task in status.unhealthy_tasks])
        errors = [task.last_error for task in status.unhealthy_tasks if task.last_error]
        error = f" ({sanitize(errors[0])})" if errors else ""
        return f"Breakwater is degraded: {names} {_is(status.unhealthy_tasks)} not running{error}."
    return ""


def _failing(status: SystemStatus) -> str:
    failing = status.failing
    if not failing:
        return ""
    on_hold = f"{_backlog(failing)} {'is' if _backlog(failing).startswith('1 ') else 'are'} on hold."
    if len(failing) >= _SUSPECT_THIS_MACHINE and len(failing) * 2 > status.endpoints:
        return (
            f"{len(failing)} of {status.endpoints} endpoints are failing at the same time. "
            f"Check this machine's network and DNS first. {on_hold}"
        )
    count = "One endpoint is" if len(failing) == 1 else f"{len(failing)} endpoints are"
    return f"{count} failing ({_names(failing)}). {on_hold}"


def _held(held: tuple[CircuitView, ...]) -> str:
    if not held:
        return ""
    actors = sorted({format_actor(circuit.held_by) for circuit in held if circuit.held_by})
    by = f" by {join_names(actors)}" if actors else ""
    return f"{_endpoint_names(held)} {_is(held)} held{by}. {_backlog(held)} waiting."


def _stopped(stopped: tuple[CircuitView, ...]) -> str:
    return " ".join(
        f"{_endpoint_names(circuits)} {_is(circuits)} {state.value}. {_backlog(circuits)} waiting."
        for state in (EndpointState.DISABLED, EndpointState.PAUSED)
        if (circuits := tuple(circuit for circuit in stopped if circuit.endpoint_state is state))
    )


def _all_closed(status: SystemStatus) -> str:
    traffic = status.traffic
    if not status.endpoints:
        return "No endpoints yet. Create one to start receiving webhooks."
    delivered = f"{traffic.successes:,} delivered in the last hour."
    if _many_failures(traffic):
        failed = traffic.attempts - traffic.successes
        return (
            f"All circuits are closed, but {failed:,} of {traffic.attempts:,} attempts failed in the last hour. "
            f"Most frequent: {_most_frequent_failure(traffic)}. {delivered}"
        )
    if status.endpoints == 1:
        return f"The endpoint is accepting deliveries. {delivered}"
    return f"All {status.endpoints:,} endpoints are accepting deliveries. {delivered}"


def _many_failures(traffic: Traffic) -> bool:
    failed = traffic.attempts - traffic.successes
    return traffic.attempts >= _MINIMUM_ATTEMPTS and failed > _NOTABLE_FAILURE_RATE * traffic.attempts


def _most_frequent_failure(traffic: Traffic) -> str:
    failures = {outcome: count for outcome, count in traffic.by_outcome.items() if outcome != SUCCESS}
    return outcome_name(max(failures, key=lambda outcome: failures[outcome]))


def _backlog(circuits: tuple[CircuitView, ...]) -> str:
    total = sum(circuit.backlog.value for circuit in circuits)
    more = any(circuit.backlog.more for circuit in circuits)
    return pluralize(total, "delivery", more=more) if total else "No deliveries"


def _names(circuits: tuple[CircuitView, ...]) -> str:
    names = [sanitize(circuit.endpoint_name) for circuit in circuits]
    return ", ".join(names) if len(names) <= _NAMES_SHOWN else join_names(names, _NAMES_SHOWN)


def _endpoint_names(circuits: tuple[CircuitView, ...]) -> str:
    return join_names([sanitize(circuit.endpoint_name) for circuit in circuits], _NAMES_SHOWN)


def _is(items: Sequence[object]) -> str:
    return "is" if len(items) == 1 else "are"
