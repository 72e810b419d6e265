"""Which endpoints fail now, for which cause, and whether the cause is Breakwater's own. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never
from urllib.parse import urlsplit

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.states import FailureClass
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.text.outcomes import SUCCESS

MINIMUM_FAILURES: Final = 3
"""Fewer failures within the window do not make a closed circuit's endpoint a failing one."""
FAILING_SHARE: Final = 0.5
"""The share of failed attempts from which an endpoint is failing although its circuit is closed."""
SUSPECT_THIS_MACHINE: Final = 3
"""When at least this many endpoints fail, and more than half, this machine is the likelier cause."""


@dataclass(frozen=True, slots=True)
class EndpointOutcomes:
    """The attempts of one endpoint within the window, by outcome."""

    endpoint_id: str
    name: str
    url: str
    by_outcome: Mapping[str, int]

    @property
    def main_failure(self) -> str | None:
        """Return the most frequent failure class; None without failures."""
        failures = {outcome: count for outcome, count in self.by_outcome.items() if outcome != SUCCESS}
        return max(sorted(failures), key=lambda outcome: failures[outcome], default=None)

    @property
    def is_failing(self) -> bool:
        """Return whether enough attempts failed, whatever the circuit counts as a failure."""
        attempts = sum(self.by_outcome.values())
        failures = attempts - self.by_outcome.get(SUCCESS, 0)
        return failures >= MINIMUM_FAILURES and failures >= FAILING_SHARE * attempts


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """The endpoints that fail for one cause."""

    cause: str | None
    """The failure class; None where no attempt of the window tells it."""
    endpoints: tuple[tuple[str, str], ...]
    """Id and name, by name."""
    host: str | None
    """The host that all of them share."""
    is_ours: bool
    """The cause is Breakwater's: its configuration, its DNS, its network or an internal error."""


def group_failures(
    circuits: Collection[CircuitView], outcomes: Sequence[EndpointOutcomes]
) -> tuple[FailureGroup, ...]:
    """Return the failing endpoints by cause, our own causes first, then the largest group.

    An endpoint fails when its circuit is open or half-open and not held by a person, or when its attempts of the window
    failed: a 4xx response or a blocked address opens no circuit.
    """
    by_id = {entry.endpoint_id: entry for entry in outcomes}
    held = {circuit.endpoint_id for circuit in circuits if circuit.on_hold}
    failing = {
        circuit.endpoint_id: (circuit.endpoint_name, circuit.webhook_url)
        for circuit in circuits
        if circuit.state is not CircuitState.CLOSED and not circuit.on_hold
    }
    failing |= {
        entry.endpoint_id: (entry.name, entry.url)
        for entry in outcomes
        if entry.is_failing and entry.endpoint_id not in held
    }
    by_cause: dict[str | None, list[str]] = defaultdict(list)
    for endpoint_id in sorted(failing, key=lambda id_: (failing[id_][0], id_)):
        entry = by_id.get(endpoint_id)
        by_cause[entry.main_failure if entry else None].append(endpoint_id)
    groups = (
        FailureGroup(
            cause,
            tuple((id_, failing[id_][0]) for id_ in ids),
            _common_host([failing[id_][1] for id_ in ids]),
            is_ours=_is_ours(cause, len(ids), active=len(by_id)),
        )
        for cause, ids in by_cause.items()
    )
    return tuple(
        sorted(groups, key=lambda group: (not group.is_ours, -len(group.endpoints), group.cause or ""))
    )


def _is_ours(cause: str | None, count: int, *, active: int) -> bool:
    """Return whether `cause` is Breakwater's own when `count` of the `active` endpoints fail for it."""
    if cause is None:
        return False
    match FailureClass(cause):
        case FailureClass.BLOCKED | FailureClass.INTERNAL_ERROR | FailureClass.LOCAL_SHORTAGE:
            return True
        case FailureClass.DNS | FailureClass.CONNECT | FailureClass.TIMEOUT | FailureClass.TLS:
            return count >= SUSPECT_THIS_MACHINE and count * 2 > active
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


def _common_host(urls: Sequence[str]) -> str | None:
    hosts = {urlsplit(url).hostname for url in urls}
    return hosts.pop() if len(hosts) == 1 else None
