"""The fields of an endpoint in the OpenAPI document. `core.endpoints` validates them."""

from typing import Annotated

import msgspec
from msgspec import Meta

from breakwater.core.domain.event_type import PATTERN
from breakwater.core.domain.retry import MAX_DELAY, MAX_DELAYS, MAX_JITTER
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.domain.target.headers import MAX_HEADERS
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


Names = Annotated[list[str], Meta(extra_json_schema={"maxItems": MAX_HEADERS})]


class RetryFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The retry schedule."""

    delays: Delays | None = None
    """Seconds to wait after each failed attempt, the first one first."""
    jitter: Share | None = None
    """Maximum fraction by which a delay is randomly shortened or lengthened."""


class CircuitFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The thresholds and cooldowns of the circuit breaker."""

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
    """At least `timeout_seconds`."""
    timeout_jitter: Share | None = None


class EndpointChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of an endpoint to update; null resets a field to its default."""

    url: str = ""
    """http or https, with a public or an allowed address."""
    name: Line | None = None
    description: Text | None = None
    event_types: (
        Annotated[list[EventType], Meta(extra_json_schema={"maxItems": bounds.EVENT_TYPES_MAX})] | None
    ) = None
    """Event types to send; an empty list means all."""
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
    """Names and values of custom headers, replaced as a whole. A masked value keeps the stored one."""
    public_headers: Names | None = None
    """Headers whose values are not secret. Other values are encrypted, and no response contains them."""
    signature: SignatureScheme | None = None
    secret: str | None = None
    """A signing secret of the form that `signature` needs."""


class EndpointFields(EndpointChanges, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint to create. Fields that are left out have their defaults."""

    url: str
