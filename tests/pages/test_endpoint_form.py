"""The form of an endpoint: text becomes settings, and is shown again with its problems."""

import pytest

from breakwater.core.domain.circuit import SERVICE_CIRCUIT
from breakwater.core.domain.errors import FieldProblem, InvalidInput
from breakwater.core.domain.states import EndpointState, SignatureScheme
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.web.pages import endpoint_form
from breakwater.web.pages.forms import Form

VIEW = EndpointView(
    id="ep_1",
    name="Billing",
    description="",
    url="https://example.com/hooks",
    adhoc=False,
    event_types=("invoice.paid",),
    state=EndpointState.ENABLED,
    state_reason=None,
    timeout_seconds=10.0,
    retry_delays=(1.0, 90.0, 300.0, 7_200.0, 86_400.0),
    retry_jitter=0.1,
    circuit=SERVICE_CIRCUIT,
    max_in_flight=64,
    rate_limit_per_second=None,
    headers={"X-Env": "live", "Authorization": "•••"},
    public_headers=("X-Env",),
    signature=SignatureScheme.STANDARD,
    secret_rotated_until=None,
    throttled_until=None,
    created_at=0.0,
    updated_at=0.0,
)
SHOWN = endpoint_form.of_endpoint(VIEW)


def changed(**typed: str) -> dict[str, object]:
    """Return the settings from the form of `VIEW` with these fields changed; `__` stands for a dot."""
    replaced = {name.replace("__", "."): text for name, text in typed.items()}
    return endpoint_form.changed_fields(Form({**SHOWN.values, **replaced}), SHOWN)


def test_an_unchanged_form_changes_nothing() -> None:
    assert changed() == {}


def test_a_retry_schedule_is_shown_and_read_as_durations() -> None:
    assert SHOWN.values["retry.delays"] == "1s 90s 5m 2h 1d"
    assert changed(retry__delays="500ms, 2s 1.5m 3h") == {"retry": {"delays": [0.5, 2.0, 90.0, 10_800.0]}}


def test_an_emptied_field_returns_to_its_default() -> None:
    assert changed(retry__delays="") == {"retry": {"delays": None}}
    assert changed(timeout_seconds="") == {"timeout_seconds": None}
    assert changed(circuit__failure_rate_threshold="") == {"circuit": {"failure_rate_threshold": None}}
    assert changed(event_types="") == {"event_types": []}


def test_numbers_keep_their_type_and_other_text_is_left_to_validation() -> None:
    typed = changed(max_in_flight="8", timeout_seconds="2.5", circuit__failure_threshold="many")
    assert typed == {"max_in_flight": 8, "timeout_seconds": 2.5, "circuit": {"failure_threshold": "many"}}


def test_lists_and_headers_are_read_line_by_line() -> None:
    assert changed(event_types="a.b\nc.d, e.f") == {"event_types": ["a.b", "c.d", "e.f"]}
    assert changed(headers="X-Env: test\n\nX-Two: a: b") == {"headers": {"X-Env": "test", "X-Two": "a: b"}}


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("retry__delays", "1s soon", 'retry.delays: "soon" isn\'t a duration'),
        ("headers", "X-Env live", "headers: Line 1: invalid header"),
        ("headers", "A: 1\nA: 2", "headers: Line 2: A occurs twice"),
    ],
)
def test_invalid_text_is_refused_with_the_word_or_the_line(field: str, typed: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        changed(**{field: typed})
    assert str(refused.value).startswith(message)


def test_each_problem_is_shown_at_the_field_that_owns_it() -> None:
    form = SHOWN.with_problems(
        [
            FieldProblem("url", "is refused"),
            FieldProblem("retry.delays.2", "must be positive"),
            FieldProblem("headers.X-Env", "may not be set"),
            FieldProblem("form", "cannot be read"),
        ]
    )
    assert form.problems == {
        "url": ["is refused"],
        "retry.delays": ["2: must be positive"],
        "headers": ["X-Env: may not be set"],
        "": ["form: cannot be read"],
    }


def test_a_secret_is_never_shown_again() -> None:
    assert endpoint_form.of_form(Form({"secret": "whsec_abc", "url": "x"})).values["secret"] == ""
