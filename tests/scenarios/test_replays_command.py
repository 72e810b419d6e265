"""`breakwater replays`: dry run, start, follow, pause and cancel."""

import json

from tests.processes import ReceiverProcess, Service
from tests.scenarios.test_command_line import Terminal


def failed_deliveries(service: Service, receiver: ReceiverProcess, count: int) -> list[str]:
    """Return the ids of `count` failed deliveries to a receiver that accepts everything from now on."""
    endpoint = service.endpoint(f"{receiver.url}/failing/shop", name="shop", event_types=["order.paid"])
    receiver.override("/failing/shop", "status=422")
    ids = [
        service.send({"n": n}, event_type="order.paid", endpoint_ids=[endpoint])["deliveries"][0]["id"]
        for n in range(count)
    ]
    for delivery_id in ids:
        service.delivery_once(delivery_id, "failed")
    receiver.override("/failing/shop", "status=200")
    return ids


def test_a_dry_run_resends_nothing_and_a_start_resends_every_match(
    service: Service, receiver: ReceiverProcess
) -> None:
    terminal = Terminal(service)
    assert "No replays yet" in terminal.run("replays")
    ids = failed_deliveries(service, receiver, 3)
    plan = terminal.run("replays", "start", "--status", "failed", "--dry-run")
    assert "3 would be resent: failed deliveries" in plan
    assert "shop" in plan
    assert json.loads(terminal.run("replays", "list", "--json")) == []

    output = terminal.run(
        "replays", "start", "--status", "failed", "--yes", "--follow", "--reason", "up again"
    )
    assert "is finished: 3 of 3 resent" in output
    for delivery_id in ids:
        service.delivery_once(delivery_id, "delivered")
    (replay,) = json.loads(terminal.run("replays", "list", "--json"))
    assert replay["reason"] == "up again"
    assert "3 delivered" in terminal.run("replays", "show", replay["id"])


def test_a_start_needs_a_filter_and_a_confirmation_and_can_be_paused_and_cancelled(
    service: Service, receiver: ReceiverProcess
) -> None:
    terminal = Terminal(service)
    failed_deliveries(service, receiver, 3)
    assert "Select deliveries with a filter" in terminal.run("replays", "start", code=2)
    unconfirmed = terminal.run("replays", "start", "--status", "failed", code=1)
    assert "Resend 3 deliveries?" in unconfirmed
    assert "Aborted" in unconfirmed
    assert json.loads(terminal.run("replays", "list", "--json")) == []
    terminal.run("replays", "start", "--status", "failed", "--yes", "--pace", "0.001")
    (replay,) = json.loads(terminal.run("replays", "list", "--json"))
    terminal.run("replays", "pause", replay["id"])
    assert "is paused" in terminal.run("replays", "show", replay["id"], "--follow")
    terminal.run("replays", "cancel", replay["id"])
    assert "is cancelled" in terminal.run("replays", "show", replay["id"])
    assert "cancelled" in terminal.run("replays", "resume", replay["id"], code=1)
