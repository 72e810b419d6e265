"""The changes of circuits in the charts: those that would overlap are one mark, which says how many it stands for."""

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

_PLACES: Final = 80
"""Marks that fit side by side: four pixels each on a phone."""
_MOST_WHOLE: Final = 6
"""Marks beyond which they no longer cross the chart: a circuit that flaps would hide what the chart shows."""
_ABOVE: Final = 8.0
"""How far marks stand out above the chart, where no bar has their colour."""
_TICK: Final = 4.0
"""How far a mark reaches into the chart that does not cross it."""
_GRAVEST_FIRST: Final = (CircuitState.OPEN.value, CircuitState.HALF_OPEN.value, CircuitState.CLOSED.value)


@dataclass(frozen=True, slots=True)
class Mark:
    """One or more changes at one place of a chart."""

    place: float
    """0 at the left edge, 1 at the right: where the first of them happened."""
    changes: tuple[TransitionView, ...]
    """Oldest first."""

    @property
    def to_state(self) -> str:
        """Return the gravest state that a circuit came into."""
        states = {change.to_state for change in self.changes}
        return next((state for state in _GRAVEST_FIRST if state in states), self.changes[0].to_state)

    @property
    def words(self) -> str:
        """Return what happened: one change in full, several as their numbers."""
        if len(self.changes) == 1:
            return change_in_words(self.changes[0])
        became = Counter(_became(change) for change in self.changes)
        told = ", ".join(f"{count} became {state}" for state, count in became.most_common())
        begin, end = (_clock(change.at) for change in (self.changes[0], self.changes[-1]))
        return f"{begin} to {end} {zone_at(self.changes[-1].at)}, {len(self.changes)} changes of circuits: {told}"


def marks_of(traffic: Traffic, changes: Iterable[TransitionView]) -> list[Mark]:
    """Return the marks for `changes`, in the order of time; those that would overlap are one."""
    first, span = traffic.points[0].minute * 60, len(traffic.points) * traffic.step * 60
    places: dict[int, list[TransitionView]] = {}
    for change in sorted(changes, key=lambda change: change.at):
        places.setdefault(int((change.at - first) / span * _PLACES), []).append(change)
    return [Mark((found[0].at - first) / span, tuple(found)) for found in places.values()]


def drawn_marks(marks: Sequence[Mark], width: float, height: float) -> Markup:
    """Return the marks as lines across a chart; where they are many, as ticks from its top."""
    down = height if len(marks) <= _MOST_WHOLE else _TICK
    return Markup("").join(
        Markup('<path class="mark to-{}" d="M{:.1f} -{:.0f}V{:.1f}"><title>{}</title></path>').format(
            mark.to_state, mark.place * width, _ABOVE, down, mark.words
        )
        for mark in marks
    )


def change_in_words(change: TransitionView) -> str:
    """Return `22 Nov 03:12:07 UTC: the circuit of billing became open: 5 consecutive failures`."""
    became = _became(change)
    # A drawing is made without the templates, which would write out what cannot be seen.
    at = f"{_clock(change.at)} {zone_at(change.at)}"
    return visible(f"{at}: the circuit of {change.endpoint_name} became {became}: {change.cause}")


def without_probes(changes: Iterable[TransitionView]) -> tuple[TransitionView, ...]:
    """Return the changes that are news: that a cooldown ended and a probe goes out is none, unless somebody wanted it.

    A circuit that stays open is probed for as long as it is open, and what comes of each probe is a change of its own.
    """
    probing = CircuitState.HALF_OPEN.value
    return tuple(change for change in changes if change.to_state != probing or change.actor is not None)


def _became(change: TransitionView) -> str:
    return circuit_state_name(CircuitState(change.to_state))


def _clock(at: float) -> str:
    return reader_time(at).strftime("%d %b %H:%M:%S")
