"""Errors have a complete message that contains no secret."""

import pickle

import pytest

from breakwater.core.domain.errors import (
    BreakwaterError,
    Conflict,
    FieldProblem,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    StartRefused,
    StoreUnavailable,
    TargetRefused,
    Unauthorized,
)

PROBLEMS = (FieldProblem("name", "is empty; give one"), FieldProblem("url", "is not a URL"))


def test_invalid_input_has_every_problem() -> None:
    assert str(InvalidInput(PROBLEMS)) == "name: is empty; give one; url: is not a URL"


def test_invalid_input_of_one_field_needs_no_list() -> None:
    assert InvalidInput.of("name", "is empty; give one").problems == PROBLEMS[:1]


def test_a_nested_field_is_named_by_its_path() -> None:
    assert InvalidInput.of("delays.2", "is negative").under("retry").problems[0].field == "retry.delays.2"


def test_a_refined_error_stays_of_its_kind_when_its_fields_are_nested() -> None:
    assert isinstance(TargetRefused.of("url", "is private").under("endpoint"), TargetRefused)


def test_a_refused_target_gives_its_reason_without_the_field() -> None:
    assert TargetRefused.of("url", "it is private").reason == "it is private"


def test_not_found_names_the_object() -> None:
    assert str(NotFound("delivery", "dlv_1")) == "There is no delivery dlv_1."


def test_an_unavailable_store_has_a_retry_after() -> None:
    assert StoreUnavailable("The disk is full.", retry_after=7.0).retry_after == 7.0


@pytest.mark.parametrize("kind", [TargetRefused, IdempotencyMismatch, PayloadTooLarge])
def test_problems_of_a_request_are_invalid_input(kind: type[InvalidInput]) -> None:
    assert issubclass(kind, InvalidInput)


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput(PROBLEMS),
        NotFound("endpoint", "ep_1"),
        Conflict("It is being sent."),
        Unauthorized("Send a key."),
        Forbidden("The key only reads."),
        StoreUnavailable("The disk is full."),
        StartRefused("Port 8420 is taken."),
    ],
)
def test_every_error_is_a_breakwater_error_and_can_be_pickled(error: BreakwaterError) -> None:
    assert isinstance(error, BreakwaterError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 -- our own bytes
