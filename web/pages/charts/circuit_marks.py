"""Marks for circuit changes in the charts. Changes that would overlap share a mark."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.queries.circuits.model import TransitionView
from breakwater.core.queries.traffic.model import Traffic
from breakwater.core.text.statuses import circuit_state_name
from breakwater.core.text.zones import reader_time, zone_at
from breakwater.web.pages.words import visible

_MAX_MARKS: Final = 80
"""Marks that fit side by side on a phone."""
_MAX_FULL_HEIGHT: Final = 6
"""With more marks they are ticks at the top: the marks of a flapping circuit would hide the chart."""
_OVERHANG: Final = 8.0
"""How far marks extend above the chart."""
_TICK_HEIGHT: Final = 4.0
"""How far a tick extends into the chart."""
_WORST_FIRST: Final = (CircuitState.OPEN.value, CircuitState.HALF_OPEN.value, CircuitState.CLOSED.value)


@dataclass(frozen=True, slots=True)
class Mark:
    """One or more changes at one position of a chart."""

    place: float
    """Position of the first change: 0 at the left edge, 1 at the right."""
    changes: tuple[TransitionView, ...]
    """Oldest first."""

    @property
    def to_state(self) -> str:
        """Return the worst of the new states."""
        states = {change.to_state for change in self.changes}
        return next((state for state in _WORST_FIRST if state in states), self.changes[0].to_state)

    @property
    def words(self) -> str:
        """Return the changes in words: one in full, several as counts."""
        if len(self.changes) == 1:
            return change_in_words(self.changes[0])
        by_state = Counter(_new_state_name(change) for change in self.changes)
        counts = ", ".join(f"{count} became {state}" for state, count in by_state.most_common())
        begin, end = (_clock(change.at) for change in (self.changes[0], self.changes[-1]))
        return f"{begin} to {end} {zone_at(self.changes[-1].at)}, {len(self.changes)} changes of circuits: {counts}"


def marks_of(traffic: Traffic, changes: Iterable[TransitionView]) -> list[Mark]:
    """Return the marks for `changes`, oldest first; changes that would overlap share a mark."""
    first, span = traffic.points[0].minute * 60, len(traffic.points) * traffic.step * 60
    places: dict[int, list[TransitionView]] = {}
    for change in sorted(changes, key=lambda change: change.at):
        places.setdefault(int((change.at - first) / span * _MAX_MARKS), []).append(change)
    return [Mark((group[0].at - first) / span, tuple(group)) for group in places.values()]


def render_marks(marks: Sequence[Mark], width: float, height: float) -> Markup:
    """Return the marks as lines across a chart; many of them as ticks at its top."""
    mark_height = height if len(marks) <= _MAX_FULL_HEIGHT else _TICK_HEIGHT
    return Markup("").join(
        Markup('<path class="mark to-{}" d="M{:.1f} -{:.0f}V{:.1f}"><title>{}</title></path>').format(
            mark.to_state, mark.place * width, _OVERHANG, mark_height, mark.words
        )
        for mark in marks
    )


def change_in_words(change: TransitionView) -> str:
    """Return `22 Nov 03:12:07 UTC: the circuit of billing became open: 5 consecutive failures`."""
    state_name = _new_state_name(change)
    # Charts are built without templates, which escape invisible characters.
    at = f"{_clock(change.at)} {zone_at(change.at)}"
    return visible(f"{at}: the circuit of {change.endpoint_name} became {state_name}: {change.cause}")


def without_probes(changes: Iterable[TransitionView]) -> tuple[TransitionView, ...]:
    """Return the changes without probes that started by themselves after a cooldown.

    An open circuit is probed again and again, and the result of each probe is a change too.
    """
    probing = CircuitState.HALF_OPEN.value
    return tuple(change for change in changes if change.to_state != probing or change.actor is not None)


def _new_state_name(change: TransitionView) -> str:
    return circuit_state_name(CircuitState(change.to_state))


def _clock(at: float) -> str:
    return reader_time(at).strftime("%d %b %H:%M:%S")
