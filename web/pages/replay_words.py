"""The state and the progress of a replay in words."""

from typing import Final, assert_never

from breakwater.core.replays import Plan, ReplayState, ReplayView
from breakwater.core.text.format import format_duration, join_names, pluralize, sanitize
from breakwater.core.text.zones import format_time

_NAMES_SHOWN: Final = 3


def coverage_in_words(replay: Plan | ReplayView) -> str:
    """Return the stored words of a replay's filter, with times in the reader's zone."""
    stored_span = replay.filter.span_in_words()
    return (
        replay.words.replace(stored_span, replay.filter.span_in_words(format_time) or stored_span)
        if stored_span
        else replay.words
    )


def left_out_in_words(plan: Plan) -> str:
    """Return which deliveries a replay leaves out because their endpoints were deleted."""
    count = sum(number for _id, _name, number in plan.deleted_endpoints)
    names = join_names([sanitize(name) for _id, name, _number in plan.deleted_endpoints], _NAMES_SHOWN)
    was = "was" if len(plan.deleted_endpoints) == 1 else "were"
    return f"{pluralize(count, 'matching delivery')} left out: {names} {was} deleted."


def replay_badge(state: ReplayState) -> tuple[str, str]:
    """Return the state of a replay as (key of its colour and glyph, name)."""
    match state:
        case ReplayState.RUNNING:
            return "flight", "running"
        case ReplayState.PAUSED:
            return "held", "paused"
        case ReplayState.CANCELLED:
            return "cancelled", "cancelled"
        case ReplayState.FINISHED:
            return "delivered", "finished"
        case _ as never:
            assert_never(never)


def replay_progress(view: ReplayView) -> str:
    """Return the progress and the remaining time in one sentence."""
    progress = f"{view.resent:,} of {view.total} resent"
    skipped = f"; {view.skipped:,} skipped (changed since then)" if view.skipped else ""
    match view.state:
        case ReplayState.RUNNING:
            return f"{progress}{skipped}. {estimate_duration(_to_come(view), view.pace)} to go."
        case ReplayState.PAUSED:
            return f"{progress}{skipped}. Resume to send the rest."
        case ReplayState.CANCELLED:
            return f"{progress}{skipped}. The rest were skipped."
        case ReplayState.FINISHED:
            return f"{progress}{skipped}."
        case _ as never:
            assert_never(never)


def estimate_duration(count: int, pace: float) -> str:
    """Return how long `count` deliveries take at `pace` per second: `About 1 min 36 s`."""
    return f"About {format_duration(max(round(count / pace), 1))}"


def _to_come(view: ReplayView) -> int:
    return max(view.total.value - view.resent - view.skipped, 0)
