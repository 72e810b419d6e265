"""The sentence at the top of the overview: what fails or is held, and whether Breakwater is healthy. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.states import EndpointState, FailureClass
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.overview.failing import (
    RESPONSES,
    SUSPECT_THIS_MACHINE,
    EndpointOutcomes,
    FailureGroup,
    group_failures,
    network_works,
)
from breakwater.core.queries.traffic.model import Traffic
from breakwater.core.text.format import format_actor, join_names, pluralize, sanitize
from breakwater.core.text.outcomes import SUCCESS, failure_name, outcome_name

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
    outcomes: tuple[EndpointOutcomes, ...] = ()
    """Of the endpoints with attempts within the last 15 minutes."""

    @property
    def groups(self) -> tuple[FailureGroup, ...]:
        """Return the failing endpoints by cause."""
        return group_failures(self.circuits, self.outcomes)

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
        or status.groups
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
    if any(group.is_ours for group in status.groups) or _suspects_this_machine(status):
        return endpoint_problems
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
        return f"{sanitize(status.shortage)}. Deliveries wait without using up retries."
    if status.unhealthy_tasks:
        names = join_names([f"the {task.name}" for task in status.unhealthy_tasks])
        errors = [task.last_error for task in status.unhealthy_tasks if task.last_error]
        error = f" ({sanitize(errors[0])})" if errors else ""
        return f"Breakwater is degraded: {names} {_is(status.unhealthy_tasks)} not running{error}."
    return ""


def _failing(status: SystemStatus) -> str:
    ours = [_own_cause(group) for group in status.groups if group.is_ours]
    theirs = [group for group in status.groups if not group.is_ours]
    names = [sanitize(name) for group in theirs for _id, name in group.endpoints]
    sentences = [*ours, *([_their_causes(status, theirs, names)] if names else [])]
    if status.failing:
        on_hold = _backlog(status.failing)
        sentences.append(f"{on_hold} {'is' if on_hold.startswith('1 ') else 'are'} on hold.")
    return " ".join(sentences)


def _their_causes(status: SystemStatus, groups: Sequence[FailureGroup], names: list[str]) -> str:
    if _suspects_this_machine(status):
        return (
            f"{len(names)} of {status.endpoints} endpoints are failing at the same time. "
            "Check this machine's network and DNS first."
        )
    count = "One endpoint is" if len(names) == 1 else f"{len(names)} endpoints are"
    with_cause = [group for group in groups if group.cause is not None]
    causes = ", ".join(
        f"{'' if len(groups) == 1 else f'{len(group.endpoints)} '}{outcome_name(group.cause)}"
        for group in with_cause
        if group.cause is not None
    )
    names = sorted(names)
    shown = ", ".join(names) if len(names) <= _NAMES_SHOWN else join_names(names, _NAMES_SHOWN)
    return f"{count} failing ({shown}){f': {causes}' if causes else ''}."


def _suspects_this_machine(status: SystemStatus) -> bool:
    """Return whether so many endpoints fail without a response that this machine is the likelier cause."""
    groups = [group for group in status.groups if not group.is_ours]
    ids = frozenset[str]().union(*(group.endpoint_ids for group in groups))
    hosts = frozenset[str]().union(*(group.hosts for group in groups))
    if len(hosts) < SUSPECT_THIS_MACHINE or len(ids) * 2 <= status.endpoints:
        return False
    return not any(group.cause in RESPONSES for group in groups) and not network_works(status.outcomes, ids)


def _own_cause(group: FailureGroup) -> str:
    """Return the cause that is Breakwater's own, with its remedy."""
    count = len(group.endpoints)
    to = sanitize(group.endpoints[0][1]) if count == 1 else f"{count} endpoints"
    match FailureClass(group.cause or FailureClass.INTERNAL_ERROR):
        case FailureClass.BLOCKED:
            return (
                f"Our configuration blocks the address of {to}. "
                f"Correct {'its URL' if count == 1 else 'their URLs'}, or set BREAKWATER_ALLOWED_NETWORKS."
            )
        case FailureClass.DNS:
            return f"DNS fails for {to}. Check the DNS of this machine."
        case FailureClass.CONNECT | FailureClass.TIMEOUT | FailureClass.TLS:
            name = failure_name(FailureClass(group.cause or ""))
            return f"Requests to {to} fail at the same time ({name}). Check the network of this machine."
        case FailureClass.LOCAL_SHORTAGE:
            return f"A shortage on this machine delays deliveries to {to}."
        case _:
            return f"Breakwater has an internal error with {to}. See the service log."


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


def _endpoint_names(circuits: tuple[CircuitView, ...]) -> str:
    return join_names([sanitize(circuit.endpoint_name) for circuit in circuits], _NAMES_SHOWN)


def _is(items: Sequence[object]) -> str:
    return "is" if len(items) == 1 else "are"
