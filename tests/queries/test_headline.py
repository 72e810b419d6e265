"""The sentence at the top of the overview."""

from dataclasses import replace

import pytest

from breakwater.core.domain.circuit import CircuitBreakerConfig, CircuitState
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.shortage import Resource, shortage_text
from breakwater.core.domain.states import EndpointState
from breakwater.core.queries.circuits.model import CircuitView
from breakwater.core.queries.overview.failing import EndpointOutcomes
from breakwater.core.queries.overview.headline import SystemStatus, needs_attention, overview_sentence
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.traffic.model import Latency, Traffic


def traffic(successes: int, **failures: int) -> Traffic:
    by_outcome = {"success": successes} | failures
    return Traffic(60, sum(by_outcome.values()), successes, by_outcome, Latency(None, None, None), ())


def circuit(name: str, waiting: int = 0, **changes: object) -> CircuitView:
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


FINE = SystemStatus(endpoints=14, circuits=(), traffic=traffic(1204))


def test_a_healthy_service_is_reported_as_healthy() -> None:
    assert (
        overview_sentence(FINE)
        == "All 14 endpoints are accepting deliveries. 1,204 delivered in the last hour."
    )
    assert not needs_attention(FINE)


def test_one_failing_endpoint_is_named() -> None:
    status = replace(FINE, circuits=(circuit("billing.example", 312),))
    assert overview_sentence(status) == (
        "One endpoint is failing (billing.example). 312 deliveries are on hold. Breakwater is healthy."
    )
    assert needs_attention(status)


def test_several_failing_endpoints_are_named() -> None:
    status = replace(FINE, circuits=(circuit("a", backlog=BoundedCount(10_000, more=True)), circuit("b", 5)))
    assert overview_sentence(status) == (
        "2 endpoints are failing (a, b). 10,005+ deliveries are on hold. Breakwater is healthy."
    )


def test_most_endpoints_failing_together_point_at_this_machine() -> None:
    status = replace(FINE, circuits=tuple(circuit(f"e{n}", 1) for n in range(9)))
    assert overview_sentence(status).startswith(
        "9 of 14 endpoints are failing at the same time. Check this machine's network and DNS first. "
        "9 deliveries are on hold."
    )


def outcomes(name: str, url: str = "", **by_outcome: int) -> EndpointOutcomes:
    return EndpointOutcomes(f"ep_{name}", name, url or f"https://{name}.example/", by_outcome)


def test_an_endpoint_that_rejects_everything_is_failing_although_its_circuit_is_closed() -> None:
    status = replace(FINE, outcomes=(outcomes("Tax office", client_error=9), outcomes("fine", success=80)))
    assert overview_sentence(status) == (
        "One endpoint is failing (Tax office): client error (4xx). Breakwater is healthy."
    )
    assert needs_attention(status)


def test_an_open_circuit_does_not_hide_the_others() -> None:
    status = replace(
        FINE,
        circuits=(circuit("Print shop", 65),),
        outcomes=(outcomes("Print shop", server_error=12), outcomes("Tax office", client_error=9)),
    )
    assert overview_sentence(status) == (
        "2 endpoints are failing (Print shop, Tax office): 1 client error (4xx), 1 server error (5xx). "
        "65 deliveries are on hold. Breakwater is healthy."
    )


def test_addresses_that_our_configuration_blocks_are_our_cause() -> None:
    blocked = [outcomes(f"e{number}", blocked=6) for number in range(67)]
    status = replace(FINE, endpoints=200, circuits=(circuit("x", 3),), outcomes=tuple(blocked))
    assert overview_sentence(status) == (
        "Our configuration blocks the address of 67 endpoints. Correct their URLs, or set "
        "BREAKWATER_ALLOWED_NETWORKS. One endpoint is failing (x). 3 deliveries are on hold."
    )


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("dns", "DNS fails for 3 endpoints. Check the DNS of this machine."),
        ("connect", "Requests to 3 endpoints fail at the same time (connection failed)."),
        ("internal_error", "Breakwater has an internal error with 3 endpoints. See the service log."),
    ],
)
def test_a_cause_that_most_endpoints_share_is_ours(failure: str, sentence: str) -> None:
    most = tuple(outcomes(name, **{failure: 5}) for name in "abc")
    status = replace(FINE, outcomes=(*most, outcomes("d", success=9)))
    assert overview_sentence(status).startswith(sentence)
    assert "healthy" not in overview_sentence(status)


def test_one_host_that_refuses_connections_is_their_cause() -> None:
    refused = tuple(outcomes(name, "https://10.1.2.3/x", connect=5) for name in "abc")
    fine = tuple(outcomes(f"fine{number}", success=9) for number in range(8))
    status = replace(FINE, outcomes=(*refused, *fine))
    assert overview_sentence(status).startswith("3 endpoints are failing (a, b, c): connection failed.")
    (group,) = status.groups
    assert (group.host, group.is_ours) == ("10.1.2.3", False)


def test_a_few_failures_among_successes_are_no_failing_endpoint() -> None:
    status = replace(FINE, outcomes=(outcomes("a", success=50, timeout=4), outcomes("b", client_error=2)))
    assert status.groups == ()


def test_groups_keep_their_order_while_a_circuit_alternates() -> None:
    both = (outcomes("a", server_error=9), outcomes("b", server_error=9))
    for state in (CircuitState.OPEN, CircuitState.HALF_OPEN):
        circuits = (circuit("b", state=state), circuit("a", 9))
        assert "(a, b)" in overview_sentence(replace(FINE, circuits=circuits, outcomes=both))


def test_a_hold_is_not_a_failure() -> None:
    held = circuit("billing", 1, on_hold=True, held_by="person:ada")
    assert overview_sentence(replace(FINE, circuits=(held,))) == (
        "billing is held by ada. 1 delivery waiting. Breakwater is healthy."
    )


def test_paused_endpoints_are_mentioned_when_they_have_a_backlog() -> None:
    paused = circuit("billing", 20, state=CircuitState.CLOSED, endpoint_state=EndpointState.PAUSED)
    assert overview_sentence(replace(FINE, circuits=(paused,))) == (
        "billing is paused. 20 deliveries waiting. Breakwater is healthy."
    )
    idle = replace(paused, backlog=BoundedCount(0))
    assert not needs_attention(replace(FINE, circuits=(idle,)))


def test_a_database_that_cannot_be_written_comes_first() -> None:
    status = replace(FINE, write_error="the disk is full", circuits=(circuit("billing"),))
    assert overview_sentence(status) == (
        "Breakwater cannot write to its database (the disk is full). New messages are refused; "
        "results are kept until it can. One endpoint is failing (billing). No deliveries are on hold."
    )
    assert needs_attention(status)


def test_a_stopped_background_task_is_reported_as_a_degraded_service() -> None:
    loops = (TaskHealth("sweeper", False, 3, "OSError: nope"), TaskHealth("pruner", True, 0, None))
    status = replace(FINE, tasks=loops)
    assert overview_sentence(status) == (
        "Breakwater is degraded: the sweeper is not running (OSError: nope)."
    )
    assert needs_attention(status)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (replace(FINE, endpoints=0), "No endpoints yet. Create one to start receiving webhooks."),
        (
            replace(FINE, endpoints=1),
            "The endpoint is accepting deliveries. 1,204 delivered in the last hour.",
        ),
        (
            replace(FINE, traffic=traffic(900, server_error=70, timeout=30)),
            (
                "All circuits are closed, but 100 of 1,000 attempts failed in the last hour. "
                "Most frequent: server error (5xx). 900 delivered in the last hour."
            ),
        ),
        (
            replace(FINE, traffic=traffic(18, server_error=1)),
            "All 14 endpoints are accepting deliveries. 18 delivered in the last hour.",
        ),
    ],
)
def test_the_headline_covers_the_other_statuses(status: SystemStatus, sentence: str) -> None:
    assert overview_sentence(status) == sentence


def test_a_local_shortage_comes_before_the_endpoints_and_needs_attention() -> None:
    status = replace(FINE, shortage=shortage_text(Resource.FILE_DESCRIPTORS), circuits=(circuit("a"),))
    assert needs_attention(replace(status, circuits=()))
    assert overview_sentence(status).startswith(
        "Breakwater has run out of file descriptors. Raise the limit (`ulimit -n`, LimitNOFILE=) or lower "
        "BREAKWATER_MAX_IN_FLIGHT. Deliveries wait without using up retries. One endpoint is failing (a)."
    )
