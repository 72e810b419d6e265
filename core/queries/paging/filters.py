"""The filter of deliveries: one value for the list, its count and an operation on all that match."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qsl, urlencode

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.paging.filter_fields import ParameterReader
from breakwater.core.text.format import format_duration, format_time_utc, sanitize
from breakwater.core.text.outcomes import failure_name
from breakwater.core.text.statuses import DeliveryStatus, status_name
from breakwater.core.text.timestamps import RelativeTime, Timestamp, format_timestamp

WILDCARD: Final = "…"
"""Stands in `error` for any text: what differs from one failure of a group to the next."""
PARAMETERS: Final = ("status", "endpoint", "event_type", "class", "error", "since", "until", "q")
"""The names in a query string."""
_DERIVED: Final = frozenset({DeliveryStatus.HELD, DeliveryStatus.RETRYING})
"""Statuses that tell pending deliveries apart; every other one is a state."""


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """A condition on deliveries; unset fields match everything. Equal filters have equal query strings."""

    states: frozenset[DeliveryState] = frozenset()
    held: bool = False
    """Also pending deliveries that are held: an open or half-open circuit, a hold, a pause, rate limiting."""
    retrying: bool = False
    """Also pending deliveries with at least one attempt."""
    endpoint_id: str | None = None
    event_type: str | None = None
    failure_class: FailureClass | None = None
    """Of the latest attempt."""
    error: str | None = None
    """The latest attempt's error, whole; `…` in it stands for any text."""
    since: Timestamp | None = None
    """Accepted then or later."""
    until: Timestamp | None = None
    """Accepted before then."""
    q: str | None = None
    """An id, an idempotency key, or a text in event type, error or payload."""

    @classmethod
    def parse(
        cls, values: Mapping[str, str], *, ignored: frozenset[str] = frozenset({"cursor", "limit"})
    ) -> Self:
        """Read the parameters of a query string; empty ones count as absent.

        Raises InvalidInput with every problem. A name that is neither a filter nor in `ignored` is a problem too: an
        operation on all that match must not ignore a typing error.
        """
        reader = ParameterReader(values)
        reader.refuse_unknown(PARAMETERS, ignored)
        statuses = reader.choices("status", DeliveryStatus)
        filters = cls(
            states=frozenset(DeliveryState(status.value) for status in statuses - _DERIVED),
            held=DeliveryStatus.HELD in statuses,
            retrying=DeliveryStatus.RETRYING in statuses,
            endpoint_id=reader.identifier("endpoint", "ep"),
            event_type=reader.text("event_type"),
            failure_class=reader.choice("class", FailureClass),
            error=reader.text("error"),
            since=reader.timestamp("since"),
            until=reader.timestamp("until"),
            q=reader.text("q"),
        )
        reader.check_order(filters.since, filters.until)
        if reader.problems:
            raise InvalidInput(reader.problems)
        return filters

    @classmethod
    def from_query(cls, query: str) -> Self:
        """Parse a query string that `to_query` returned."""
        return cls.parse(dict(parse_qsl(query)))

    def to_values(self) -> dict[str, str]:
        """Return the parameters that `parse` reads back as this filter, in a fixed order."""
        values = (
            ",".join(self.statuses()),
            self.endpoint_id,
            self.event_type,
            self.failure_class and self.failure_class.value,
            self.error,
            None if self.since is None else format_timestamp(self.since),
            None if self.until is None else format_timestamp(self.until),
            self.q,
        )
        return {name: value for name, value in zip(PARAMETERS, values, strict=True) if value}

    def to_query(self) -> str:
        """Return the query string, without a question mark; empty for the filter that matches everything."""
        return urlencode(self.to_values())

    def statuses(self) -> tuple[DeliveryStatus, ...]:
        """Return the values of the `status` parameter, in their fixed order."""
        derived = {DeliveryStatus.HELD: self.held, DeliveryStatus.RETRYING: self.retrying}
        return tuple(status for status in DeliveryStatus if derived.get(status, status.value in self.states))

    def in_words(
        self, endpoint_name: str | None = None, *, at: Callable[[float], str] = format_time_utc
    ) -> str:
        """Return the condition as a phrase: `failed deliveries to billing, accepted in the last 24 h`.

        Times are in UTC, because replays store the phrase; `at` formats them otherwise.
        """
        phrases = (
            f"{' or '.join(map(status_name, self.statuses())) or 'all'} deliveries",
            self.endpoint_id and f"to {sanitize(endpoint_name or self.endpoint_id)}",
            self.event_type and f"of type {sanitize(self.event_type)}",
            self.failure_class and f"with last outcome {failure_name(self.failure_class)}",
            self.error and f"with the error “{sanitize(self.error)}”",
            self.span_in_words(at),
            self.q and f"matching “{sanitize(self.q)}”",
        )
        return " ".join(phrase for phrase in phrases if phrase)

    def span_in_words(self, at: Callable[[float], str] = format_time_utc) -> str | None:
        """Return the time range of `in_words`: `accepted since 2026-11-22 03:00:00 UTC`; None without one."""
        begin = None if self.since is None else _since(self.since, at)
        end = None if self.until is None else _until(self.until, at)
        limits = " and ".join(phrase for phrase in (begin, end) if phrase)
        return f"accepted {limits}" if limits else None

    def __bool__(self) -> bool:
        """Return whether the filter restricts anything."""
        return self != type(self)()


def _since(moment: Timestamp, at: Callable[[float], str]) -> str:
    return (
        f"in the last {format_duration(moment.seconds)}"
        if isinstance(moment, RelativeTime)
        else f"since {at(moment)}"
    )


def _until(moment: Timestamp, at: Callable[[float], str]) -> str:
    if isinstance(moment, RelativeTime):
        return f"more than {format_duration(moment.seconds)} ago"
    return f"before {at(moment)}"
