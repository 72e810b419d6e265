"""The result of an operation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperationResult:
    """A message for the person who asked, and how many things changed."""

    message: str
    affected: int = 1
