"""Read models: frozen values that pages render, the API serialises and the command line prints.

Times are seconds since the epoch, durations are seconds unless the name says milliseconds.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from core.domain.circuit import CircuitBreakerConfig, CircuitState
from core.domain.outcome import Headers
from core.domain.states import DeliveryState, EndpointState, FailureClass, SignatureScheme, Trigger

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SearchBounds:
    """How far a page has looked for what no index finds; the next page goes on from there."""

    looked_at: int
    """Rows that were checked one by one."""
    back_to: float
    """When the oldest of them was made."""
    sentence: str
    """The same in words, for the foot of the list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list that is paged by key. `next_cursor` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None
    search_bounds: SearchBounds | None = None
    """Set when the page may be short because the search stopped, not because there is no more."""
    up_to: str | None = None
    """The newest row of the whole list when the page was read: an action on all that match stops there."""


@dataclass(frozen=True, slots=True)
class LanePage(Generic[T]):
    """One page of a list with a row for each endpoint, worst first, and how many there are on all pages together."""

    items: tuple[T, ...]
    next_cursor: str | None
    states: dict[CircuitState, int]
    """Endpoints that match, by the state of their circuit; every state is there."""

    @property
    def total(self) -> int:
        """Return how many endpoints match."""
        return sum(self.states.values())

    @property
    def not_closed(self) -> int:
        """Return how many of them have a circuit that is not closed."""
        return self.total - self.states[CircuitState.CLOSED]


@dataclass(frozen=True, slots=True)
class BoundedCount:
    """A count that stops at its bound: `10,000+` when `more` is set."""

    value: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.value:,}{'+' if self.more else ''}"


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as a list shows it."""

    id: str
    message_id: str
    endpoint_id: str
    endpoint_name: str
    webhook_url: str
    event_type: str
    state: DeliveryState
    held: bool
    """Pending while its lane is halted: an open or half open circuit, a hold, a pause, disabling, or throttling."""
    failure_class: FailureClass | None
    status_code: int | None
    error: str | None
    attempt_count: int
    next_attempt_at: float | None
    created_at: float
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class HistogramBar:
    """The deliveries that were accepted within one step of time."""

    begin: float
    """Included."""
    end: float
    """Excluded."""
    by_state: dict[DeliveryState, int]
    """Only the states that occur."""
    held: int = 0
    """How many of those that are pending wait for their lane."""

    @property
    def total(self) -> int:
        """Return how many deliveries the bar stands for."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True)
class Histogram:
    """Deliveries over time by what became of them: the same that a list shows, bar by bar."""

    bars: tuple[HistogramBar, ...]
    """Oldest first, without gaps. The first and the last are shorter where the time asked for cuts them."""
    step: float
    """Seconds that a whole bar stands for."""
    asked_since: bool
    """Whether the filter says since when; if not, it is the last day up to where the filter ends."""
    search_bounds: SearchBounds | None
    """Set when older deliveries match too, or may, and are not counted."""

    @property
    def by_state(self) -> dict[DeliveryState, int]:
        """Return all bars together."""
        found = ((state, sum(bar.by_state.get(state, 0) for bar in self.bars)) for state in DeliveryState)
        return {state: count for state, count in found if count}

    @property
    def held(self) -> int:
        """Return how many of those that are pending wait for their lane."""
        return sum(bar.held for bar in self.bars)

    @property
    def total(self) -> int:
        """Return how many deliveries were counted."""
        return sum(bar.total for bar in self.bars)


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of a delivery, whole."""

    id: str
    number: int
    trigger: Trigger
    started_at: float
    duration_ms: int | None
    failure_class: FailureClass | None
    status_code: int | None
    error: str | None
    request_headers: Headers
    response_headers: Headers
    response_body: bytes | None
    response_truncated: bool

    @property
    def success(self) -> bool:
        """Whether the receiver answered 2xx."""
        return self.failure_class is None


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """A delivery with everything that its page shows."""

    row: DeliveryRow
    why: str
    """One sentence: why it is not delivered yet, or how it ended."""
    payload: bytes
    attempts: tuple[AttemptView, ...]
    """Oldest first; the newest 100 when there were more."""
    retry_delays: tuple[float, ...]
    """The schedule that applies to it."""
    budget_left: int
    endpoint_state: EndpointState
    circuit_state: CircuitState
    resend_consequence: str
    """One sentence: what a resend will do now."""
    can_resend: bool
    can_cancel: bool


@dataclass(frozen=True, slots=True)
class CircuitView:
    """The breaker of one endpoint, with what an operator needs to decide."""

    endpoint_id: str
    endpoint_name: str
    webhook_url: str
    endpoint_state: EndpointState
    state: CircuitState
    held_open: bool
    """An operator holds it."""
    hold_reason: str | None
    hold_until: float | None
    held_by: str | None
    failure_count: int
    success_count: int
    half_open_calls: int
    window_failures: int
    window_calls: int
    opened_at: float | None
    retry_at: float | None
    """When the next probe may go out."""
    backlog: BoundedCount
    """Pending deliveries; all of them are held while the circuit does not admit."""
    last_error: str | None
    last_failure_at: float | None
    config: CircuitBreakerConfig
    sentence: str
    """What it is doing and what happens next."""
    reset_consequence: str
    """What a reset will do now."""
    opening_cause: str | None = None
    """Why it is not closed, in the words of its last transition; None while it is closed."""
    reopenings: int = 0
    """Probes that failed since it was last closed: each makes the next wait longer."""


@dataclass(frozen=True, slots=True)
class TransitionView:
    """A change of a circuit."""

    id: str
    endpoint_id: str
    endpoint_name: str
    at: float
    from_state: str
    to_state: str
    cause: str
    failure_count: int
    success_count: int
    attempt_id: str | None
    delivery_id: str | None
    actor: str | None


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint with its settings; never its secret."""

    id: str
    name: str
    description: str
    url: str
    adhoc: bool
    event_types: tuple[str, ...]
    state: EndpointState
    state_reason: str | None
    timeout_seconds: float
    retry_delays: tuple[float, ...]
    retry_jitter: float
    circuit: CircuitBreakerConfig
    max_in_flight: int
    rate_limit_per_second: float | None
    headers: dict[str, str]
    signature: SignatureScheme
    secret_rotated_until: float | None
    """While the old secret signs too."""
    throttled_until: float | None
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of response times in milliseconds; None without attempts."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class TrafficPoint:
    """One step of a chart."""

    minute: int
    """Its first minute, since the epoch."""
    by_outcome: dict[str, int]
    """Attempts by `success` or failure class."""
    latency: Latency


@dataclass(frozen=True, slots=True)
class Traffic:
    """Attempts over a span of time."""

    minutes: int
    attempts: int
    successes: int
    by_outcome: dict[str, int]
    latency: Latency
    series: tuple[tuple[int, int, int], ...]
    """`(minute since the epoch, successes, failures)`, oldest first, one entry each `step` minutes, without gaps."""
    step: int = 1
    """Minutes that one entry of the series stands for."""
    points: tuple[TrafficPoint, ...] = ()
    """The same steps by outcome and with their latencies; empty in a list of endpoints."""

    @property
    def success_share(self) -> float | None:
        """Return successes over attempts, 0 to 1; None without attempts."""
        return self.successes / self.attempts if self.attempts else None


@dataclass(frozen=True, slots=True)
class EndpointSummary:
    """An endpoint as the list of endpoints shows it."""

    endpoint: EndpointView
    circuit: CircuitView
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message and where it went."""

    id: str
    event_type: str
    payload: bytes
    idempotency_key: str | None
    created_at: float
    deliveries: tuple[DeliveryRow, ...]
    note: str | None
    """Says why there are no deliveries, when there are none."""


@dataclass(frozen=True, slots=True)
class AuditView:
    """What somebody did."""

    id: str
    at: float
    actor: str
    action: str
    subject: str
    reason: str | None
    outcome: str
    affected: int
    detail: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeletedEndpoint:
    """What is left of an endpoint that was deleted."""

    endpoint: EndpointView
    at: float
    """When it was deleted."""
    deletion: AuditView | None
    """By whom and why; None once the audit no longer has it."""
    entries: tuple[AuditView, ...]
    """What was done to it, newest first; at most 20."""
    traffic: Traffic
    """Of the last hour."""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Deliveries whose latest attempt met the same failure, whatever their endpoint."""

    failure_class: FailureClass
    error: str
    """What they have in common: `…` stands for what differs from one to the next."""
    count: BoundedCount
    first_seen: float
    """When the oldest of them was accepted."""
    last_seen: float
    """When the newest of them was accepted, or the last of them failed for good."""
    endpoints: tuple[tuple[str, str], ...]
    """Id and name, most affected first; at most five."""
    endpoint_count: int
    sample_id: str
    """The newest of them."""
    query: str
    """The query string of the list of just these deliveries."""


@dataclass(frozen=True, slots=True)
class FailureGroups:
    """The groups, largest first, and how far back they were looked for."""

    items: tuple[FailureGroup, ...]
    search_bounds: SearchBounds | None


@dataclass(frozen=True, slots=True)
class EndpointOption:
    """An endpoint as a list to choose from shows it."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """One background loop, as its supervisor sees it."""

    name: str
    healthy: bool
    restarts: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page `Now` says."""

    sentence: str
    """Is it us or them, in one sentence."""
    calm: bool
    """Nothing asks for a person."""
    traffic: Traffic
    """Of the last hour."""
    open_circuits: tuple[CircuitView, ...]
    """Worst first: by backlog, then by failures."""
    oldest_undelivered: DeliveryRow | None
    pending: BoundedCount
    in_flight: BoundedCount
    failed_last_day: BoundedCount
    recent_actions: tuple[AuditView, ...]
    loops: tuple[LoopHealth, ...]
