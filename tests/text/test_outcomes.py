"""Every outcome has one name, and every place that shows an outcome uses it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.domain.outcome import Outcome, Response, TransportFailure
from breakwater.core.domain.states import FailureClass
from breakwater.core.text.outcomes import (
    SUCCESS,
    OutcomeGroup,
    class_list,
    describe_outcome,
    failure_name,
    group_name,
    outcome_group,
    outcome_name,
)

STYLES = Path(__file__).parents[2] / "static" / "app.css"
OUTCOMES = [SUCCESS, *FailureClass]


def test_no_two_outcomes_share_a_name() -> None:
    assert len({outcome_name(outcome) for outcome in OUTCOMES}) == len(OUTCOMES)


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (FailureClass.THROTTLED, "rate limited (429)"),
        (FailureClass.CLIENT_ERROR, "client error (4xx)"),
        (FailureClass.SERVER_ERROR, "server error (5xx)"),
        (FailureClass.CLIENT_TIMEOUT, "asked to retry (408/425)"),
        (FailureClass.GONE, "endpoint gone (410)"),
        (FailureClass.LOST, "worker lost"),
    ],
)
def test_a_failure_has_its_standard_name(failure: FailureClass, name: str) -> None:
    assert failure_name(failure) == name


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Response(503), "503 Service Unavailable"),
        (Response(299), "299 (unknown status)"),
        (Response(999), "999 (unknown status)"),
        (TransportFailure(FailureClass.CONNECT, "connection refused"), "connection refused"),
    ],
)
def test_an_outcome_is_described_by_its_status_line_or_its_detail(outcome: Outcome, words: str) -> None:
    assert describe_outcome(outcome) == words


@pytest.mark.parametrize("failure", FailureClass)
def test_a_failure_without_detail_is_described_by_its_name(failure: FailureClass) -> None:
    assert describe_outcome(TransportFailure(failure, "")) == failure_name(failure)


@given(
    st.builds(Response, st.integers(-1, 1100))
    | st.builds(TransportFailure, st.sampled_from(FailureClass), st.text(max_size=1_000))
)
def test_the_description_of_an_outcome_is_never_empty_and_at_most_300_characters(outcome: Outcome) -> None:
    assert 0 < len(describe_outcome(outcome)) <= 300


def test_the_help_of_a_filter_lists_every_class() -> None:
    assert class_list().count("(") >= len(FailureClass)
    assert "dns (DNS failed)" in class_list()


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_has_its_group_in_the_charts(outcome: str) -> None:
    assert (outcome_group(outcome) is OutcomeGroup.DELIVERED) == (outcome == SUCCESS)


def test_a_group_of_one_class_has_the_name_of_that_class() -> None:
    for group in OutcomeGroup:
        members = [outcome for outcome in OUTCOMES if outcome_group(outcome) is group]
        assert len(members) > 1 or group_name(group) == outcome_name(members[0])


def test_every_group_has_its_colour() -> None:
    styles = STYLES.read_text()
    assert all(f".k-{group.value} " in styles for group in OutcomeGroup)
