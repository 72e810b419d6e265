"""Which endpoints fail now, for which cause, and whether the cause is Breakwater's own. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never
from urllib.parse import urlsplit

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import EndpointState, FailureClass
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.text.outcomes import SUCCESS

MINIMUM_FAILURES: Final = 3
"""Fewer failures within the window do not make a closed circuit's endpoint a failing one."""
FAILING_SHARE: Final = 0.5
"""The share of failed attempts from which an endpoint is failing although its circuit is closed."""
SUSPECT_THIS_MACHINE: Final = 3
"""When at least this many hosts fail, and more than half, this machine is the likelier cause."""
RESPONSES: Final = frozenset(
    {
        FailureClass.REDIRECT,
        FailureClass.GONE,
        FailureClass.CLIENT_TIMEOUT,
        FailureClass.THROTTLED,
        FailureClass.CLIENT_ERROR,
        FailureClass.SERVER_ERROR,
        FailureClass.PROTOCOL,
    }
)
"""The causes for which a peer sent bytes: a network that carries them works."""


@dataclass(frozen=True, slots=True)
class EndpointOutcomes:
    """The attempts of one endpoint within the window, by outcome."""

    endpoint_id: str
    name: str
    url: str
    by_outcome: Mapping[str, int]
    last_minutes: Mapping[str, int] = field(default_factory=dict)
    """The latest minute of each outcome, since the epoch."""

    @property
    def host(self) -> str:
        """Return the host of its URL."""
        return host_of(self.url)

    @property
    def last_failure_minute(self) -> int:
        """Return the latest minute with a failure; 0 without failures."""
        return max((minute for outcome, minute in self.last_minutes.items() if outcome != SUCCESS), default=0)

    @property
    def last_response_minute(self) -> int | None:
        """Return the latest minute in which the receiver sent a response of any kind."""
        return max(
            (
                self.last_minutes.get(outcome, 0)
                for outcome in self.by_outcome
                if outcome == SUCCESS or outcome in RESPONSES
            ),
            default=None,
        )

    @property
    def has_recovered(self) -> bool:
        """Return whether an attempt succeeded in a later minute than the last failure."""
        return self.last_minutes.get(SUCCESS, 0) > self.last_failure_minute

    @property
    def main_failure(self) -> str | None:
        """Return the most frequent failure class; None without failures."""
        failures = {outcome: count for outcome, count in self.by_outcome.items() if outcome != SUCCESS}
        return max(sorted(failures), key=lambda outcome: failures[outcome], default=None)

    @property
    def is_failing(self) -> bool:
        """Return whether enough attempts failed, whatever the circuit counts as a failure, and none succeeded since."""
        attempts = sum(self.by_outcome.values())
        failures = attempts - self.by_outcome.get(SUCCESS, 0)
        enough = failures >= MINIMUM_FAILURES and failures >= FAILING_SHARE * attempts
        return enough and not self.has_recovered


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """The endpoints that fail for one cause."""

    cause: str | None
    """The failure class; None where no attempt of the window tells it."""
    endpoints: tuple[tuple[str, str], ...]
    """Id and name, by name."""
    hosts: frozenset[str]
    is_ours: bool
    """The cause is Breakwater's: its configuration, its DNS, its network or an internal error."""

    @property
    def host(self) -> str | None:
        """Return the host that all of them share."""
        return next(iter(self.hosts)) if len(self.hosts) == 1 else None

    @property
    def endpoint_ids(self) -> frozenset[str]:
        """Return the ids of its endpoints."""
        return frozenset(id_ for id_, _name in self.endpoints)


def group_failures(
    circuits: Collection[CircuitView], outcomes: Sequence[EndpointOutcomes]
) -> tuple[FailureGroup, ...]:
    """Return the failing endpoints by cause, our own causes first, then the largest group.

    An endpoint fails when its circuit is open or half-open and not held by a person, or when its attempts of the window
    failed: a 4xx response or a blocked address opens no circuit. A closed circuit of a paused or disabled endpoint is
    not failing, because nothing is sent to it.
    """
    by_id = {entry.endpoint_id: entry for entry in outcomes}
    not_sending = {
        circuit.endpoint_id
        for circuit in circuits
        if circuit.on_hold or circuit.endpoint_state is not EndpointState.ENABLED
    }
    failing = {
        circuit.endpoint_id: (circuit.endpoint_name, circuit.webhook_url)
        for circuit in circuits
        if circuit.state is not CircuitState.CLOSED and not circuit.on_hold
    }
    failing |= {
        entry.endpoint_id: (entry.name, entry.url)
        for entry in outcomes
        if entry.is_failing and entry.endpoint_id not in not_sending
    }
    by_cause: dict[str | None, list[str]] = defaultdict(list)
    for endpoint_id in sorted(failing, key=lambda id_: (failing[id_][0], id_)):
        entry = by_id.get(endpoint_id)
        by_cause[entry.main_failure if entry else None].append(endpoint_id)
    groups = []
    for cause, ids in by_cause.items():
        hosts = frozenset(host_of(failing[id_][1]) for id_ in ids)
        is_ours = _is_ours(cause, hosts, frozenset(ids), outcomes)
        groups.append(FailureGroup(cause, tuple((id_, failing[id_][0]) for id_ in ids), hosts, is_ours))
    return tuple(
        sorted(groups, key=lambda group: (not group.is_ours, -len(group.endpoints), group.cause or ""))
    )


def network_works(outcomes: Sequence[EndpointOutcomes], failing_ids: Collection[str]) -> bool:
    """Return whether another endpoint responded no earlier than the last failure of the failing ones.

    A response before that failure does not show it: the network can have failed since.
    """
    last_failure = max(
        (entry.last_failure_minute for entry in outcomes if entry.endpoint_id in failing_ids), default=0
    )
    return any(
        minute >= last_failure
        for entry in outcomes
        if entry.endpoint_id not in failing_ids and (minute := entry.last_response_minute) is not None
    )


def host_of(url: str) -> str:
    """Return the host of a URL, empty where it has none."""
    return urlsplit(url).hostname or ""


def _is_ours(
    cause: str | None, hosts: frozenset[str], ids: frozenset[str], outcomes: Sequence[EndpointOutcomes]
) -> bool:
    """Return whether `cause` is Breakwater's own when the endpoints `ids` at `hosts` fail for it."""
    if cause is None:
        return False
    match FailureClass(cause):
        case FailureClass.BLOCKED | FailureClass.INTERNAL_ERROR | FailureClass.LOCAL_SHORTAGE:
            return True
        case FailureClass.DNS:  # a response proves nothing about DNS: its address can be cached
            return _are_most_hosts(hosts, outcomes)
        case FailureClass.CONNECT | FailureClass.TIMEOUT | FailureClass.TLS:
            return _are_most_hosts(hosts, outcomes) and not network_works(outcomes, ids)
        case (
            FailureClass.REDIRECT
            | FailureClass.GONE
            | FailureClass.CLIENT_TIMEOUT
            | FailureClass.THROTTLED
            | FailureClass.CLIENT_ERROR
            | FailureClass.SERVER_ERROR
            | FailureClass.PROTOCOL
            | FailureClass.LOST
        ):
            return False
        case _ as never:
            assert_never(never)


def _are_most_hosts(hosts: frozenset[str], outcomes: Sequence[EndpointOutcomes]) -> bool:
    active = {entry.host for entry in outcomes}
    return len(hosts) >= SUSPECT_THIS_MACHINE and len(hosts) * 2 > len(active)
