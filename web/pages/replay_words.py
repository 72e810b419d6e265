"""The state and the progress of a replay in words."""

from typing import assert_never

from breakwater.core.replays import Plan, ReplayState, ReplayView
from breakwater.core.text.format import format_duration
from breakwater.core.text.zones import format_time


def covered(replay: Plan | ReplayView) -> str:
    """Return what a replay covers, as it was put into words and kept, its times as the reader's clock shows them."""
    kept = replay.filter.span_in_words()
    return (
        replay.words.replace(kept, replay.filter.span_in_words(format_time) or kept) if kept else replay.words
    )


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
    """Return how far it has come, and when it will be through, in one sentence."""
    done = f"{view.resent:,} of {view.total} resent"
    left = f"; {view.skipped:,} skipped (changed since then)" if view.skipped else ""
    match view.state:
        case ReplayState.RUNNING:
            return f"{done}{left}. {lasting(_to_come(view), view.pace)} to go."
        case ReplayState.PAUSED:
            return f"{done}{left}. Resume to send the rest."
        case ReplayState.CANCELLED:
            return f"{done}{left}. The rest were skipped."
        case ReplayState.FINISHED:
            return f"{done}{left}."
        case _ as never:
            assert_never(never)


def lasting(count: int, pace: float) -> str:
    """Return how long so many deliveries take at `pace` a second: `About 1 min 36 s`."""
    return f"About {format_duration(max(round(count / pace), 1))}"


def _to_come(view: ReplayView) -> int:
    return max(view.total.value - view.resent - view.skipped, 0)
