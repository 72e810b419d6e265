"""The fields of an endpoint as the OpenAPI document describes them. The engine checks them, all at once."""

from typing import Annotated

import msgspec
from msgspec import Meta

from breakwater.core.domain.event_type import PATTERN
from breakwater.core.domain.retry import MAX_DELAY, MAX_DELAYS, MAX_JITTER
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.endpoints import fields as bounds

_WEEK = 7 * 86_400

Count = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": 10_000})]
Seconds = Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": _WEEK})]
Share = Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": MAX_JITTER})]
Delay = Annotated[float, Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": MAX_DELAY})]
Delays = Annotated[list[Delay], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_DELAYS})]
EventType = Annotated[str, Meta(extra_json_schema={"pattern": PATTERN})]
Line = Annotated[
    str, Meta(extra_json_schema={"maxLength": bounds.NAME_MAX, "pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"})
]
Text = Annotated[str, Meta(extra_json_schema={"maxLength": bounds.DESCRIPTION_MAX})]


Headers = Annotated[
    dict[str, str], Meta(extra_json_schema={"propertyNames": {"pattern": r"^[A-Za-z0-9-]{1,128}$"}})
]


class RetryFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a failed delivery is tried again."""

    delays: Delays | None = None
    """Seconds to wait after the first, the second, ... failed attempt."""
    jitter: Share | None = None
    """Share by which each delay is shorter or longer."""


class CircuitFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the circuit opens, how long it stays open, and what closes it again."""

    failure_threshold: Count | None = None
    success_threshold: Count | None = None
    timeout_seconds: Seconds | None = None
    half_open_max_calls: Count | None = None
    failure_rate_threshold: (
        Annotated[float, Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": 1})] | None
    ) = None
    minimum_calls: Count | None = None
    window_seconds: Annotated[float, Meta(extra_json_schema={"minimum": 1, "maximum": 86_400})] | None = None
    timeout_multiplier: Annotated[float, Meta(extra_json_schema={"minimum": 1, "maximum": 10})] | None = None
    max_timeout_seconds: Seconds | None = None
    """Not below `timeout_seconds`."""
    timeout_jitter: Share | None = None


class EndpointChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of an endpoint; null takes one back to its default."""

    url: str = ""
    """http or https, to a public address or an allowed one."""
    name: Line | None = None
    description: Text | None = None
    event_types: (
        Annotated[list[EventType], Meta(extra_json_schema={"maxItems": bounds.EVENT_TYPES_MAX})] | None
    ) = None
    """Empty: every type."""
    timeout_seconds: (
        Annotated[
            float, Meta(extra_json_schema={"minimum": bounds.TIMEOUT_MIN, "maximum": bounds.TIMEOUT_MAX})
        ]
        | None
    ) = None
    retry: RetryFields | None = None
    circuit: CircuitFields | None = None
    max_in_flight: Count | None = None
    rate_limit_per_second: (
        Annotated[float, Meta(extra_json_schema={"minimum": bounds.RATE_MIN, "maximum": bounds.RATE_MAX})]
        | None
    ) = None
    headers: Headers | None = None
    signature: SignatureScheme | None = None
    secret: str | None = None
    """One of the caller's own, of the kind that the signature needs."""


class EndpointFields(EndpointChanges, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint to be made; what is left out has its default."""

    url: str
