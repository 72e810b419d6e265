"""The fields of an endpoint that callers set, each declared once.

Validation, the schema of the API, the form and the table in `docs/endpoint-fields.md` are derived from the declaration.
A field is also a column, with its migration, and an attribute of `EndpointView`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from breakwater.core.domain.bounds import Number, WholeNumber
from breakwater.core.domain.circuit import SERVICE_CIRCUIT
from breakwater.core.domain.circuit.config import CIRCUIT_BOUNDS, CIRCUIT_OPTIONAL
from breakwater.core.domain.retry import MAX_JITTER, SERVICE_SCHEDULE
from breakwater.core.domain.states import SignatureScheme

# --- kinds of values


@dataclass(frozen=True, slots=True)
class Text:
    """Text without control characters, except line breaks and tabs when it is `multiline`."""

    max_length: int
    multiline: bool = False


@dataclass(frozen=True, slots=True)
class Url:
    """A URL that may be requested."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an enumeration, each with its label."""

    values: type[StrEnum]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EventTypes:
    """A list of event types."""

    max_items: int


@dataclass(frozen=True, slots=True)
class Delays:
    """A list of durations in seconds."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Names and values of request headers."""


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """Names of request headers."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Text that is written and never read back."""

    max_length: int


Kind = WholeNumber | Number | Text | Url | Choice | EventTypes | Delays | Headers | HeaderNames | Secret


# --- fields


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the form."""

    title: str
    introduction: str


@dataclass(frozen=True, slots=True)
class FromSetting:
    """A default that a setting of the service decides."""

    name: str


class Required(StrEnum):
    """Instead of a default."""

    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointField:
    """A field of an endpoint."""

    name: str
    """As in the API and the form. A field within a group has the name of the group before a dot."""
    kind: Kind
    section: Section
    label: str
    """On pages."""
    description: str
    """In the schema of the API and in documents."""
    default: object
    """Or `FromSetting`, or `Required`."""
    nullable: bool = False
    """Whether null is a value with a meaning. Otherwise it only resets the field to its default."""
    hint: str = ""
    """Below the input."""
    edit_hint: str = ""
    """Instead of `hint`, for an endpoint that exists."""
    placeholder: str = ""
    wide: bool = False
    """Whether the input takes a whole row of the form."""

    @property
    def group(self) -> str:
        """The name of its group, or an empty text."""
        return self.name.rpartition(".")[0]

    @property
    def is_write_only(self) -> bool:
        """Whether no response contains the field."""
        return isinstance(self.kind, Secret)


TARGET: Final = Section("Target", "The address is checked now and before every attempt.")
EVENTS: Final = Section("Events", "Event types to send.")
REQUEST: Final = Section("Request", "Timeout, concurrency, signature and headers.")
RETRIES: Final = Section("Retries", "The delay after each failed attempt.")
CIRCUIT: Final = Section("Circuit", "When to stop sending, and how to test for recovery.")

GROUPS: Final = {
    "retry": "The retry schedule.",
    "circuit": "The thresholds and cooldowns of the circuit breaker.",
}
"""Fields that are validated together, with what they describe."""


def _circuit(name: str, label: str, description: str, hint: str = "") -> EndpointField:
    return EndpointField(
        name=f"circuit.{name}",
        kind=CIRCUIT_BOUNDS[name],
        section=CIRCUIT,
        label=label,
        description=description,
        default=getattr(SERVICE_CIRCUIT, name),
        nullable=name in CIRCUIT_OPTIONAL,
        hint=hint,
    )


ENDPOINT_FIELDS: Final = (
    EndpointField(
        name="url",
        kind=Url(),
        section=TARGET,
        label="URL",
        description="Where to send requests: http or https, with a public or an allowed address.",
        default=Required.REQUIRED,
        placeholder="https://hooks.example.com/orders",
        wide=True,
    ),
    EndpointField(
        name="name",
        kind=Text(120),
        section=TARGET,
        label="Name",
        description="A short name. An empty one becomes the host name of the URL.",
        default="",
        hint="Defaults to the host name",
    ),
    EndpointField(
        name="description",
        kind=Text(2_000, multiline=True),
        section=TARGET,
        label="Description",
        description="A note for the people who operate the endpoint.",
        default="",
        wide=True,
    ),
    EndpointField(
        name="event_types",
        kind=EventTypes(200),
        section=EVENTS,
        label="Event types",
        description="Event types to send; an empty list means all.",
        default=(),
        hint="One per line. Leave empty for all events",
        placeholder="order.created",
        wide=True,
    ),
    EndpointField(
        name="timeout_seconds",
        kind=Number(0.1, 300),
        section=REQUEST,
        label="Timeout (s)",
        description="Seconds for one attempt, from the connection to the end of the response.",
        default=FromSetting("attempt_timeout_seconds"),
        hint="For the whole attempt",
    ),
    EndpointField(
        name="max_in_flight",
        kind=WholeNumber(1, 10_000),
        section=REQUEST,
        label="Max concurrency",
        description="Attempts in flight at the same time.",
        default=FromSetting("lane_max_in_flight"),
        hint="Attempts in flight",
    ),
    EndpointField(
        name="rate_limit_per_second",
        kind=Number(0.01, 10_000),
        section=REQUEST,
        label="Rate limit (per second)",
        description="Attempts per second; null means no limit.",
        default=None,
        nullable=True,
        hint="No limit if empty",
    ),
    EndpointField(
        name="signature",
        kind=Choice(
            SignatureScheme,
            {
                SignatureScheme.STANDARD: "Standard Webhooks",
                SignatureScheme.ED25519: "Standard Webhooks, ed25519",
                SignatureScheme.GITHUB: "GitHub (X-Hub-Signature-256)",
                SignatureScheme.LEGACY: "X-Webhook-Signature",
            },
        ),
        section=REQUEST,
        label="Signature",
        description="How requests are signed.",
        default=SignatureScheme.STANDARD.value,
    ),
    EndpointField(
        name="secret",
        kind=Secret(256),
        section=REQUEST,
        label="Secret",
        description="A signing secret of the form that `signature` needs. Without one, a secret is generated.",
        default=None,
        hint="Generated if empty",
        edit_hint="Unchanged if empty",
    ),
    EndpointField(
        name="headers",
        kind=Headers(),
        section=REQUEST,
        label="Custom headers",
        description="Names and values of custom headers, replaced as a whole. A masked value keeps the stored one.",
        default={},
        hint=(
            "One per line, as Name: value. A masked value stays as it is: type over it to replace it, "
            "delete the line to remove it"
        ),
        placeholder="X-Environment: production",
        wide=True,
    ),
    EndpointField(
        name="public_headers",
        kind=HeaderNames(),
        section=REQUEST,
        label="Public headers",
        description=(
            "Names of headers whose values are not secret. Other values are encrypted, and no response contains them."
        ),
        default=(),
        hint=(
            "Names of headers whose values are not secret, one per line. "
            "Other values are encrypted and never shown"
        ),
        placeholder="X-Environment",
        wide=True,
    ),
    EndpointField(
        name="retry.delays",
        kind=Delays(),
        section=RETRIES,
        label="Delays",
        description="Seconds to wait after each failed attempt, the first one first.",
        default=SERVICE_SCHEDULE.delays,
        hint="e.g. 30s 5m 2h 1d, separated by spaces",
        wide=True,
    ),
    EndpointField(
        name="retry.jitter",
        kind=Number(0, MAX_JITTER),
        section=RETRIES,
        label="Jitter",
        description="Maximum fraction by which a delay is randomly shortened or lengthened.",
        default=SERVICE_SCHEDULE.jitter,
        hint="0.1 varies each delay by ±10%",
    ),
    _circuit(
        "failure_threshold", "Consecutive failures to open", "Consecutive failures that open the circuit."
    ),
    _circuit(
        "failure_rate_threshold",
        "Failure rate to open (0-1)",
        "Failure rate that opens the circuit; null means that only consecutive failures do.",
        hint="0.5 means 50%. Leave empty to disable",
    ),
    _circuit(
        "minimum_calls",
        "Minimum calls",
        "Calls within the window below which the failure rate is ignored.",
    ),
    _circuit("window_seconds", "Window (s)", "Seconds over which the failure rate is measured."),
    _circuit("timeout_seconds", "Cooldown (s)", "Seconds that the circuit stays open before a probe."),
    _circuit(
        "timeout_multiplier",
        "Backoff factor",
        "Each reopening multiplies the cooldown by it, until the circuit closes.",
        hint="1 keeps the cooldown constant",
    ),
    _circuit(
        "max_timeout_seconds",
        "Max cooldown (s)",
        "Maximum cooldown in seconds, at least `timeout_seconds`; null means a day.",
        hint="Defaults to 24 h",
    ),
    _circuit(
        "timeout_jitter",
        "Cooldown jitter",
        "Maximum fraction by which a cooldown is randomly shortened or lengthened.",
    ),
    _circuit("half_open_max_calls", "Max concurrent probes", "Concurrent probes while half-open."),
    _circuit("success_threshold", "Successes to close", "Successes that close a half-open circuit."),
)
"""In the order of the form and the documents."""
