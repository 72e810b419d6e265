"""Problems of fields as pages phrase them."""

import pytest

from breakwater.core.domain.errors import FieldProblem
from breakwater.web.pages.problems import problem_text


@pytest.mark.parametrize(
    ("field", "message", "text"),
    [
        ("event_type", "is longer than 200 characters", "Event type is longer than 200 characters"),
        ("since", "is not a valid time", "From is not a valid time"),
        ("status", 'Unknown status "bogus". Use pending.', 'Unknown status "bogus". Use pending.'),
        ("for", '"soon" is not a valid duration.', '"soon" is not a valid duration.'),
        ("", "the database is unavailable", "the database is unavailable"),
    ],
)
def test_a_problem_that_is_a_sentence_stands_alone_and_any_other_follows_its_label(
    field: str, message: str, text: str
) -> None:
    assert problem_text(FieldProblem(field, message)) == text
