"""What the API takes and answers about replays."""

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
    """Which deliveries are meant: the parameters of `GET /deliveries`. None given means every one."""

    status: Annotated[str, Meta(extra_json_schema={"pattern": STATUS_LIST})] | None = None
    """Separated by commas."""
    endpoint: Annotated[str, Meta(extra_json_schema={"pattern": r"^ep_[0-9a-z]{1,40}$"})] | None = None
    event_type: str | None = None
    failure_class: (
        Annotated[str, Meta(extra_json_schema={"enum": [each.value for each in FailureClass]})] | None
    ) = msgspec.field(name="class", default=None)
    error: str | None = None
    since: str | None = None
    until: str | None = None
    q: str | None = None

    def values(self) -> dict[str, str]:
        """Return what was given, by the names in a query string."""
        given: dict[str, str | None] = msgspec.to_builtins(self)
        return {name: value for name, value in given.items() if value is not None}


class NewReplay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A bulk resend to be tried or started."""

    filter: ReplayFilter
    pace: Annotated[float, Meta(gt=0, le=replays.FASTEST)] = replays.DEFAULT_PACE
    """Deliveries a second."""
    reason: Reason | None = None
    up_to: Annotated[str, Meta(extra_json_schema={"pattern": DELIVERY_ID})] | None = None
    """The newest delivery that belongs to it; null: the newest there is."""
    frozen_at: responses.Time | None = None
    """What ended later is not touched; null: now."""
    dry_run: bool = False
    """Only tell what it would do."""


class EndpointShare(msgspec.Struct, frozen=True):
    """How many of the deliveries go to one endpoint."""

    endpoint_id: str
    endpoint_name: str
    count: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay would do: nothing was resent."""

    filter: dict[str, str]
    words: str
    """The filter in words."""
    up_to: str
    frozen_at: responses.Time
    total: int
    total_more: bool
    """There are more than `total`, or may be: counting stopped there."""
    looked: str | None
    """How far back deliveries were looked at, in words; null: as far as there are any."""
    states: dict[str, int]
    """How many of them ended how."""
    endpoints: list[EndpointShare]
    """Most first."""
    sample: list[responses.Delivery]
    """The first that would go out, of those that were looked at."""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk resend and how far it has come."""

    id: str
    state: ReplayState
    filter: dict[str, str]
    words: str
    """The filter in words."""
    up_to: str
    """The newest delivery that belongs to it."""
    frozen_at: responses.Time
    pace: float
    """Deliveries a second."""
    reason: str | None
    created_by: str
    created_at: responses.Time
    finished_at: responses.Time | None
    total: int
    total_more: bool
    """There were more than `total`."""
    resent: int
    skipped: int
    """Had changed when it was their turn, and were left alone."""
    share_done: float
    """0 to 1."""
    outcomes: dict[str, int]
    """How many of what it resent stood how at `outcomes_at`; empty in lists."""
    outcomes_at: responses.Time | None
    """When that was counted: of more than 10,000 every few seconds; null in lists."""


def plan(value: replays.Plan) -> Plan:
    """Return a dry run."""
    return Plan(
        filter=value.filter.to_values(),
        words=value.words,
        up_to=value.up_to,
        frozen_at=iso(value.frozen_at),
        total=value.total.value,
        total_more=value.total.more,
        looked=value.bounds.sentence if value.bounds else None,
        states=_by_state(value.states),
        endpoints=[EndpointShare(*each) for each in value.endpoints],
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
