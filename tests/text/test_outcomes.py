"""Every outcome has one name, and every place that shows an outcome uses it."""

from pathlib import Path

import pytest

from breakwater.core.domain.states import FailureClass
from breakwater.core.text.outcomes import (
    SUCCESS,
    OutcomeGroup,
    class_list,
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
def test_a_failure_has_the_name_of_the_field(failure: FailureClass, name: str) -> None:
    assert failure_name(failure) == name


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
