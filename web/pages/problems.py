"""How pages phrase what is wrong with a field."""

from typing import Final

from breakwater.core.domain.errors import FieldProblem

_LABELS: Final = {
    "class": "Outcome",
    "cursor": "Page link",
    "for": "Duration",
    "form": "Form",
    "pace": "Rate",
    "q": "Search",
    "scopes": "Scopes",
    "since": "From",
    "until": "To",
}
"""Labels of fields whose label on the page differs from their name."""
_SENTENCE_STARTS: Final = ('"', "\N{LEFT DOUBLE QUOTATION MARK}")


def problem_text(problem: FieldProblem) -> str:
    """Return the problem as a sentence: its message alone if that is one, else with the label of its field in front."""
    message = problem.message
    if not problem.field or message[:1].isupper() or message.startswith(_SENTENCE_STARTS):
        return message
    return f"{field_label(problem.field)} {message}"


def field_label(name: str) -> str:
    """Return the label of a field: `event_type` becomes `Event type`."""
    words = name.replace("_", " ")
    return _LABELS.get(name, words[:1].upper() + words[1:])
