"""Is it us or them, in one sentence."""

from dataclasses import replace

import pytest

from breakwater.core.domain.circuit import CircuitBreakerConfig, CircuitState
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.overview.headline import SystemStatus, needs_attention, overview_sentence
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.traffic.model import Latency, Traffic


def traffic(successes: int, **failures: int) -> Traffic:
    by_outcome = {"success": successes} | failures
    return Traffic(60, sum(by_outcome.values()), successes, by_outcome, Latency(None, None, None), ())


def lane(name: str, waiting: int = 0, **changes: object) -> CircuitView:
    view = CircuitView(
        endpoint_id=f"ep_{name}",
        endpoint_name=name,
        webhook_url="https://receiver.example/",
        endpoint_state=EndpointState.ENABLED,
        state=CircuitState.OPEN,
        on_hold=False,
        hold_reason=None,
        hold_until=None,
        held_by=None,
        failure_count=5,
        success_count=0,
        half_open_calls=0,
        window_failures=0,
        window_calls=0,
        opened_at=None,
        retry_at=None,
        backlog=BoundedCount(waiting),
        last_error=None,
        last_failure_at=None,
        config=CircuitBreakerConfig(),
        sentence="",
        reset_consequence="",
    )
    return replace(view, **changes)


FINE = SystemStatus(endpoints=14, lanes=(), traffic=traffic(1204))


def test_all_is_well() -> None:
    assert overview_sentence(FINE) == "All 14 endpoints take deliveries. 1,204 delivered in the last hour."
    assert not needs_attention(FINE)


def test_one_endpoint_is_failing() -> None:
    situation = replace(FINE, lanes=(lane("billing.example", 312),))
    assert overview_sentence(situation) == (
        "One endpoint is failing: billing.example; its 312 deliveries are held until it recovers. "
        "Breakwater itself is healthy."
    )
    assert needs_attention(situation)


def test_some_endpoints_are_failing() -> None:
    situation = replace(FINE, lanes=(lane("a", backlog=BoundedCount(10_000, more=True)), lane("b", 5)))
    assert overview_sentence(situation) == (
        "2 endpoints are failing: a and b; 10,005+ deliveries are held until they recover. "
        "Breakwater itself is healthy."
    )


def test_most_endpoints_failing_together_point_at_this_machine() -> None:
    situation = replace(FINE, lanes=tuple(lane(f"e{n}", 1) for n in range(9)))
    assert overview_sentence(situation).startswith(
        "9 of 14 endpoints are failing at the same time: look at this machine's network and name resolution "
        "first. 9 deliveries are held."
    )


def test_a_hold_by_hand_is_nobodys_failure() -> None:
    held = lane("billing", 1, on_hold=True, held_by="person:ada")
    assert overview_sentence(replace(FINE, lanes=(held,))) == (
        "ada holds the circuit of billing open; 1 delivery waits. Breakwater itself is healthy."
    )


def test_paused_endpoints_are_mentioned_when_somebody_waits() -> None:
    paused = lane("billing", 20, state=CircuitState.CLOSED, endpoint_state=EndpointState.PAUSED)
    assert overview_sentence(replace(FINE, lanes=(paused,))) == (
        "billing is paused; 20 deliveries wait. Breakwater itself is healthy."
    )
    idle = replace(paused, backlog=BoundedCount(0))
    assert not needs_attention(replace(FINE, lanes=(idle,)))


def test_a_database_that_cannot_be_written_comes_first() -> None:
    situation = replace(FINE, write_error="the disk is full", lanes=(lane("billing"),))
    assert overview_sentence(situation) == (
        "Breakwater cannot write to its database (the disk is full): new messages are refused for now, and "
        "finished results are kept until it can. One endpoint is failing: billing; nothing is held."
    )
    assert needs_attention(situation)


def test_a_loop_that_does_not_run_is_ours() -> None:
    loops = (TaskHealth("sweeper", False, 3, "OSError: nope"), TaskHealth("pruner", True, 0, None))
    situation = replace(FINE, tasks=loops)
    assert overview_sentence(situation) == (
        "Breakwater itself is not well: the sweeper does not run (OSError: nope)."
    )
    assert needs_attention(situation)


@pytest.mark.parametrize(
    ("situation", "sentence"),
    [
        (replace(FINE, endpoints=0), "There is no endpoint yet: make one, or send a message to a URL."),
        (replace(FINE, endpoints=1), "The one endpoint takes deliveries. 1,204 delivered in the last hour."),
        (
            replace(FINE, traffic=traffic(900, server_error=70, timeout=30)),
            (
                "Every circuit is closed, but 100 of 1,000 attempts of the last hour failed, most often: "
                "server error (5xx). 900 delivered in the last hour."
            ),
        ),
        (
            replace(FINE, traffic=traffic(18, server_error=1)),
            "All 14 endpoints take deliveries. 18 delivered in the last hour.",
        ),
    ],
)
def test_other_situations(situation: SystemStatus, sentence: str) -> None:
    assert overview_sentence(situation) == sentence
