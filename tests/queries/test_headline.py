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
        webhook_url=f"https://{name.replace(' ', '-')}.example/",
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


MINUTE = 29_000_000


def outcomes(name: str, url: str = "", **by_outcome: int) -> EndpointOutcomes:
    """Return attempts of which the last of each outcome was in the same minute."""
    url = url or f"https://{name.replace(' ', '-')}.example/"
    return EndpointOutcomes(f"ep_{name}", name, url, by_outcome, dict.fromkeys(by_outcome, MINUTE))


def at_minute(minute: int, entry: EndpointOutcomes, outcome: str) -> EndpointOutcomes:
    """Return the attempts with the last of `outcome` in another minute."""
    return replace(entry, last_minutes={**entry.last_minutes, outcome: minute})


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
    before = at_minute(MINUTE - 1, outcomes("d", success=9), "success")
    status = replace(FINE, outcomes=(*most, before))
    assert overview_sentence(status).startswith(sentence)
    assert "healthy" not in overview_sentence(status)


def test_one_host_that_refuses_connections_is_their_cause() -> None:
    refused = tuple(outcomes(name, "https://10.1.2.3/x", connect=5) for name in "abc")
    fine = tuple(outcomes(f"fine{number}", success=9) for number in range(8))
    status = replace(FINE, outcomes=(*refused, *fine))
    assert overview_sentence(status).startswith("3 endpoints are failing (a, b, c): connection failed.")
    (group,) = status.groups
    assert (group.host, group.is_ours) == ("10.1.2.3", False)


def test_one_host_with_several_endpoints_is_their_cause_although_few_endpoints_are_active() -> None:
    refused = tuple(outcomes(name, "https://api.acme.example/x", connect=5) for name in "abc")
    fine = tuple(
        at_minute(MINUTE - 1, outcomes(f"fine{number}", success=90), "success") for number in range(2)
    )
    status = replace(FINE, endpoints=200, outcomes=(*refused, *fine))
    assert overview_sentence(status) == (
        "3 endpoints are failing (a, b, c): connection failed. Breakwater is healthy."
    )
    alone = replace(FINE, endpoints=3, outcomes=refused)
    assert overview_sentence(alone).startswith("3 endpoints are failing (a, b, c): connection failed.")


@pytest.mark.parametrize("failure", ["connect", "timeout", "tls"])
@pytest.mark.parametrize("response", ["success", "client_error", "protocol"])
def test_a_response_after_the_failures_shows_that_the_network_works(failure: str, response: str) -> None:
    failing = tuple(outcomes(name, **{failure: 5}) for name in "abc")
    status = replace(FINE, endpoints=4, outcomes=(*failing, outcomes("d", **{response: 9})))
    assert not any(group.is_ours for group in status.groups)
    assert "this machine" not in overview_sentence(status)


def test_a_response_does_not_show_that_dns_works() -> None:
    failing = tuple(outcomes(name, dns=5) for name in "abc")
    status = replace(FINE, outcomes=(*failing, outcomes("d", success=9)))
    assert overview_sentence(status) == "DNS fails for 3 endpoints. Check the DNS of this machine."


def test_a_protocol_error_shows_that_the_network_works() -> None:
    status = replace(FINE, endpoints=4, outcomes=tuple(outcomes(name, protocol=8) for name in "abc"))
    assert overview_sentence(status) == (
        "3 endpoints are failing (a, b, c): protocol error. Breakwater is healthy."
    )


def test_breakwater_is_not_called_healthy_when_this_machine_is_suspected() -> None:
    status = replace(FINE, endpoints=4, circuits=tuple(circuit(name, 1) for name in "abc"))
    assert overview_sentence(status) == (
        "3 of 4 endpoints are failing at the same time. Check this machine's network and DNS first. "
        "3 deliveries are on hold."
    )


def test_open_circuits_of_one_host_do_not_point_at_this_machine() -> None:
    circuits = tuple(circuit(name, webhook_url=f"https://api.acme.example/{name}") for name in "abc")
    assert overview_sentence(replace(FINE, endpoints=4, circuits=circuits)).startswith(
        "3 endpoints are failing (a, b, c)."
    )


@pytest.mark.parametrize(("failures", "successes"), [(3, 1), (30, 30)])
def test_an_endpoint_that_succeeded_after_its_last_failure_is_not_failing(
    failures: int, successes: int
) -> None:
    shop = outcomes("shop", timeout=failures, success=successes)
    assert replace(FINE, outcomes=(shop,)).groups
    recovered = at_minute(MINUTE + 1, shop, "success")
    assert overview_sentence(replace(FINE, outcomes=(recovered,))).startswith("All 14 endpoints")
    still_open = replace(FINE, circuits=(circuit("shop", 2),), outcomes=(recovered,))
    assert [(group.cause, len(group.endpoints)) for group in still_open.groups] == [("timeout", 1)]


@pytest.mark.parametrize("state", [EndpointState.PAUSED, EndpointState.DISABLED])
def test_an_endpoint_that_is_not_enabled_is_named_once(state: EndpointState) -> None:
    stopped = circuit("billing", 20, state=CircuitState.CLOSED, endpoint_state=state)
    status = replace(FINE, circuits=(stopped,), outcomes=(outcomes("billing", gone=3),))
    assert overview_sentence(status) == (
        f"billing is {state.value}. 20 deliveries waiting. Breakwater is healthy."
    )


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
