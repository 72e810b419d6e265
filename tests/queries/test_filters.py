"""One filter for list, count and operation: parsed strictly, written back unchanged, phrased in words."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.text.timestamps import (
    RelativeTime,
    TimestampError,
    format_timestamp,
    parse_timestamp,
    resolve,
)

ENDPOINT = "ep_01jd3k5v9x0000000000000000"


def problems(**values: str) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        DeliveryFilter.parse({name.rstrip("_"): value for name, value in values.items()})
    return {problem.field: problem.message for problem in refused.value.problems}


def test_an_empty_query_restricts_nothing() -> None:
    filters = DeliveryFilter.parse({})
    assert filters == DeliveryFilter()
    assert not filters
    assert filters.to_query() == ""
    assert filters.in_words() == "all deliveries"


def test_empty_parameters_of_a_form_count_as_absent() -> None:
    assert DeliveryFilter.parse({"status": "", "q": " ", "since": "", "class": ""}) == DeliveryFilter()


def test_every_parameter_of_a_filter_is_parsed() -> None:
    filters = DeliveryFilter.parse(
        {
            "status": "failed, held,retrying",
            "endpoint": ENDPOINT,
            "event_type": "order.paid",
            "class": "connect",
            "error": "connection to … refused",
            "since": "24h",
            "until": "15m",
            "q": "msg",
        }
    )
    assert filters == DeliveryFilter(
        states=frozenset({DeliveryState.FAILED}),
        held=True,
        retrying=True,
        endpoint_id=ENDPOINT,
        event_type="order.paid",
        failure_class=FailureClass.CONNECT,
        error="connection to … refused",
        since=RelativeTime(86_400),
        until=RelativeTime(900),
        q="msg",
    )


def test_a_filter_in_words_has_every_condition() -> None:
    filters = DeliveryFilter.parse(
        {"status": "held,failed", "endpoint": ENDPOINT, "class": "dns", "since": "36h", "q": "4711"}
    )
    assert filters.in_words("billing") == (
        "failed or held deliveries to billing with last outcome DNS failed "
        "accepted in the last 36 h matching “4711”"
    )
    times = DeliveryFilter.parse({"since": "2026-11-22", "until": "2026-11-22T03:00:00+01:00"})
    assert times.in_words() == (
        "all deliveries accepted since 2026-11-22 00:00:00 UTC and before 2026-11-22 02:00:00 UTC"
    )


def test_an_unknown_status_is_shown_with_its_position_and_what_was_expected() -> None:
    assert problems(status="failed,faled") == {
        "status": (
            'Unknown status "faled". Use pending, in_flight, delivered, failed, cancelled, held or retrying.'
        )
    }


def test_a_misspelt_parameter_is_refused_because_an_action_must_not_ignore_it() -> None:
    assert problems(staus="failed") == {"staus": 'Unknown filter "staus". Did you mean status?'}
    assert 'Unknown filter "zzz". Use status, endpoint, ' in problems(zzz="1")["zzz"]


def test_cursor_and_limit_are_ignored_by_the_filter() -> None:
    assert DeliveryFilter.parse({"cursor": "x", "limit": "5"}) == DeliveryFilter()
    assert DeliveryFilter.parse({"tab": "raw"}, ignored=frozenset({"tab"})) == DeliveryFilter()


def test_every_problem_of_a_filter_is_reported_together() -> None:
    messages = problems(status="no", class_="no", endpoint="x", since="15x", until="?", q="a\x00b")
    assert set(messages) == {"status", "class", "endpoint", "since", "until", "q"}
    assert messages["q"] == "q has a control character at position 2. Remove it."


def test_a_span_must_not_end_before_it_begins() -> None:
    assert problems(since="1h", until="2h") == {"until": '"To" (until) must be later than "From" (since).'}
    assert problems(since="2026-11-22", until="2026-11-21") == {
        "until": '"To" (until) must be later than "From" (since).'
    }


def test_the_length_of_a_search_text_is_bounded() -> None:
    assert "at most 200 characters" in problems(q="x" * 201)["q"]


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("15", 3, '"15" has no unit. Use s, m, h, d or w'),
        ("15x", 3, 'Unknown unit in "15x". Use s, m, h, d or w'),
        ("0m", 1, "more than zero"),
        ("999999w", 1, "ten years"),
        ("yesterday", 1, "a time such as"),
        ("0001-01-01T00:00+05:00", 1, "a year from 2 to 9998"),
        ("9999-12-31T23:59-05:00", 1, "a year from 2 to 9998"),
        ("2026-1", 7, "a time such as"),
        ("2026-11-22X", 11, "a time such as"),
        ("2026-13-45", 1, "a time such as"),
        ("2026-11-22T25:00", 1, "a time such as"),
    ],
)
def test_an_invalid_time_is_reported_with_its_position(text: str, position: int, expected: str) -> None:
    with pytest.raises(TimestampError) as refused:
        parse_timestamp(text)
    assert refused.value.position == position
    assert expected in str(refused.value)


def test_a_relative_time_follows_the_clock_and_a_date_does_not() -> None:
    assert resolve(parse_timestamp("15m"), now=1000.0) == 100.0
    assert resolve(parse_timestamp("1970-01-01T00:01:00Z"), now=1000.0) == 60.0
    assert format_timestamp(parse_timestamp("2026-11-22T03:12:07.123Z")) == "2026-11-22T03:12:07.123Z"


_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40).filter(
    lambda text: text == text.strip()
)
_MOMENTS = st.one_of(
    st.none(),
    st.builds(RelativeTime, st.integers(1, 10**8)),
    st.integers(0, 4 * 10**12).map(lambda ms: ms / 1000),
)


@given(
    st.builds(
        DeliveryFilter,
        states=st.frozensets(st.sampled_from(DeliveryState)),
        held=st.booleans(),
        retrying=st.booleans(),
        endpoint_id=st.none() | st.just(ENDPOINT),
        event_type=st.none() | _TEXT,
        failure_class=st.none() | st.sampled_from(FailureClass),
        error=st.none() | _TEXT,
        since=_MOMENTS,
        q=st.none() | _TEXT,
    )
)
def test_a_filter_survives_its_query_string(filters: DeliveryFilter) -> None:
    assert DeliveryFilter.parse(dict(parse_qsl(filters.to_query()))) == filters
