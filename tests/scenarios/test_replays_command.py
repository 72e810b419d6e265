"""`breakwater replays`: tried, started, followed to its end, and turned."""

import json

from tests.processes import ReceiverProcess, Service
from tests.scenarios.test_command_line import Terminal


def failed(service: Service, receiver: ReceiverProcess, count: int) -> list[str]:
    """Return so many deliveries that failed for good, to a receiver that is well again."""
    endpoint = service.endpoint(f"{receiver.url}/failing/shop", name="shop", event_types=["order.paid"])
    receiver.order("/failing/shop", "status=422")
    sent = [
        service.send({"n": n}, event_type="order.paid", endpoint_ids=[endpoint])["deliveries"][0]["id"]
        for n in range(count)
    ]
    for delivery in sent:
        service.delivery_once(delivery, "failed")
    receiver.order("/failing/shop", "status=200")
    return sent


def test_failed_deliveries_are_tried_first_and_then_resent_to_the_end(
    service: Service, receiver: ReceiverProcess
) -> None:
    terminal = Terminal(service)
    assert "Nothing was resent in bulk yet" in terminal.run("replays")
    ids = failed(service, receiver, 3)
    told = terminal.run("replays", "start", "--status", "failed", "--dry-run")
    assert "3 would be resent: failed deliveries" in told
    assert "shop" in told
    assert json.loads(terminal.run("replays", "list", "--json")) == []

    followed = terminal.run(
        "replays", "start", "--status", "failed", "--yes", "--follow", "--reason", "up again"
    )
    assert "is finished: 3 of 3 resent" in followed
    for delivery in ids:
        service.delivery_once(delivery, "delivered")
    (replay,) = json.loads(terminal.run("replays", "list", "--json"))
    assert replay["reason"] == "up again"
    assert "3 delivered" in terminal.run("replays", "show", replay["id"])


def test_it_is_confirmed_paused_and_cancelled(service: Service, receiver: ReceiverProcess) -> None:
    terminal = Terminal(service)
    failed(service, receiver, 3)
    assert "say which deliveries are meant" in terminal.run("replays", "start", code=2)
    assert "Aborted" in terminal.run("replays", "start", "--status", "failed", code=1)  # nobody answers
    assert json.loads(terminal.run("replays", "list", "--json")) == []
    terminal.run("replays", "start", "--status", "failed", "--yes", "--pace", "0.001")
    (replay,) = json.loads(terminal.run("replays", "list", "--json"))
    assert "Paused" in terminal.run("replays", "pause", replay["id"])
    assert "is paused" in terminal.run("replays", "show", replay["id"], "--follow")
    assert "Cancelled" in terminal.run("replays", "cancel", replay["id"])
    assert "cancelled" in terminal.run("replays", "resume", replay["id"], code=1)
