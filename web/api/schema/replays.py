"""Request bodies and responses of replays."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from breakwater.core import replays
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.replays import ReplayState
from breakwater.core.text.statuses import DeliveryStatus
from breakwater.core.text.timestamps import iso
from breakwater.web.api.schema import render, responses
from breakwater.web.api.schema.bodies import DELIVERY_ID, Reason

_STATUS: Final = f"({'|'.join(DeliveryStatus)})"
STATUS_LIST: Final = f"^{_STATUS}(,{_STATUS})*$"


class ReplayFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A filter of deliveries, as the parameters of `GET /deliveries`. An empty filter matches all."""

    status: Annotated[str, Meta(extra_json_schema={"pattern": STATUS_LIST})] | None = None
    """States, separated by commas."""
    endpoint: Annotated[str, Meta(extra_json_schema={"pattern": r"^ep_[0-9a-z]{1,40}$"})] | None = None
    event_type: str | None = None
    failure_class: (
        Annotated[
            str, Meta(extra_json_schema={"enum": [failure_class.value for failure_class in FailureClass]})
        ]
        | None
    ) = msgspec.field(name="class", default=None)
    error: str | None = None
    since: str | None = None
    until: str | None = None
    q: str | None = None

    def values(self) -> dict[str, str]:
        """Return the filters that are set, by the names of the query parameters."""
        fields: dict[str, str | None] = msgspec.to_builtins(self)
        return {name: value for name, value in fields.items() if value is not None}


class NewReplay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A replay to start, or to try as a dry run."""

    filter: ReplayFilter
    pace: Annotated[float, Meta(gt=0, le=replays.MAX_PACE)] = replays.DEFAULT_PACE
    """Rate in deliveries per second."""
    reason: Reason | None = None
    up_to: Annotated[str, Meta(extra_json_schema={"pattern": DELIVERY_ID})] | None = None
    """Id of the newest delivery to include; null includes the newest one."""
    frozen_at: responses.Time | None = None
    """Deliveries that finished after this time are excluded; null means now."""
    dry_run: bool = False
    """Return the plan without resending."""


class EndpointShare(msgspec.Struct, frozen=True):
    """The number of deliveries to one endpoint."""

    endpoint_id: str
    endpoint_name: str
    count: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a dry run."""

    filter: dict[str, str]
    words: str
    """The filter as a phrase."""
    up_to: str
    frozen_at: responses.Time
    total: int
    total_more: bool
    """Counting stopped at `total`, so that there can be more."""
    looked: str | None
    """How far back deliveries were scanned, as a sentence; null if all were."""
    states: dict[str, int]
    """Number of deliveries by state."""
    endpoints: list[EndpointShare]
    """Sorted by count, largest first."""
    sample: list[responses.Delivery]
    """The first deliveries to be sent, of those that were scanned."""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay (bulk resend) and its progress."""

    id: str
    state: ReplayState
    filter: dict[str, str]
    words: str
    """The filter as a phrase."""
    up_to: str
    """Id of the newest delivery that it includes."""
    frozen_at: responses.Time
    pace: float
    """Rate in deliveries per second."""
    reason: str | None
    created_by: str
    created_at: responses.Time
    finished_at: responses.Time | None
    total: int
    total_more: bool
    """There were more than `total`."""
    resent: int
    skipped: int
    """Deliveries that had changed before their turn and were skipped."""
    share_done: float
    """0 to 1."""
    outcomes: dict[str, int]
    """Number of resent deliveries by state at `outcomes_at`; empty in lists."""
    outcomes_at: responses.Time | None
    """Time of that count, which is refreshed every few seconds above 10,000; null in lists."""


def plan(value: replays.Plan) -> Plan:
    """Return the plan of a dry run."""
    return Plan(
        filter=value.filter.to_values(),
        words=value.words,
        up_to=value.up_to,
        frozen_at=iso(value.frozen_at),
        total=value.total.value,
        total_more=value.total.more,
        looked=value.bounds.sentence if value.bounds else None,
        states=_by_state(value.states),
        endpoints=[EndpointShare(*share) for share in value.endpoints],
        sample=[render.delivery_row(row) for row in value.sample],
    )


def replay(view: replays.ReplayView) -> Replay:
    """Return a replay."""
    return Replay(
        id=view.id,
        state=view.state,
        filter=view.filter.to_values(),
        words=view.words,
        up_to=view.up_to,
        frozen_at=iso(view.frozen_at),
        pace=view.pace,
        reason=view.reason,
        created_by=view.created_by,
        created_at=iso(view.created_at),
        finished_at=None if view.finished_at is None else iso(view.finished_at),
        total=view.total.value,
        total_more=view.total.more,
        resent=view.resent,
        skipped=view.skipped,
        share_done=round(view.share_done, 4),
        outcomes=_by_state(view.outcomes),
        outcomes_at=None if view.outcomes_at is None else iso(view.outcomes_at),
    )


def _by_state(counts: dict[DeliveryState, int]) -> dict[str, int]:
    return {state.value: counts[state] for state in DeliveryState if state in counts}
