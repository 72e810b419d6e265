"""The commands that talk to a running service, as a person at a terminal uses them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ReceiverProcess, Service, clean_environment, eventually


class Terminal:
    """Runs commands against one service."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._environment = clean_environment(BREAKWATER_URL=service.url, BREAKWATER_KEY=service.key)
        self._folder = folder

    def run(self, *arguments: str, code: int = 0, key: str | None = None) -> str:
        """Return what `breakwater ARGUMENTS` prints."""
        environment = {**self._environment, **({"BREAKWATER_KEY": key} if key else {})}
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "web.cli", *arguments],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def terminal(service: Service, tmp_path: Path) -> Terminal:
    return Terminal(service, tmp_path)


def test_send_waits_for_the_end_and_says_it(
    terminal: Terminal, service: Service, receiver: ReceiverProcess
) -> None:
    service.endpoint(f"{receiver.url}/steady", event_types=["order.paid"])
    told = terminal.run("send", "order.paid", '{"order": 1042}', "--wait", "10")
    assert "accepted msg_" in told
    assert "delivered" in told
    assert [request["body"] for request in receiver.received("/steady")] == ['{"order":1042}']


def test_send_fails_when_the_delivery_does(
    terminal: Terminal, service: Service, receiver: ReceiverProcess
) -> None:
    service.endpoint(f"{receiver.url}/status/422", event_types=["order.paid"])
    assert "failed" in terminal.run("send", "order.paid", "--wait", "10", code=1)


def test_send_says_when_nobody_subscribes(terminal: Terminal) -> None:
    assert "goes nowhere" in terminal.run("send", "order.paid")


def test_send_repeats_the_services_own_words_for_bad_input(terminal: Terminal) -> None:
    assert "event_type" in terminal.run("send", "not an event type", code=1)


def test_a_failed_delivery_is_found_shown_and_resent(
    terminal: Terminal, service: Service, receiver: ReceiverProcess
) -> None:
    service.endpoint(f"{receiver.url}/failing?status=400", event_types=["order.paid"])
    terminal.run("send", "order.paid", "--wait", "10", code=1)
    (found,) = json.loads(terminal.run("deliveries", "--status", "failed", "--json"))
    assert found["id"] in terminal.run("deliveries")
    assert "400" in terminal.run("deliveries", found["id"])
    receiver.order("/failing", "status=200")
    terminal.run("resend", found["id"], "--reason", "receiver fixed")
    service.delivery_once(found["id"], "delivered")


def test_a_circuit_is_listed_held_released_and_reset(
    terminal: Terminal, service: Service, receiver: ReceiverProcess
) -> None:
    endpoint_id = service.endpoint(
        f"{receiver.url}/failing",
        event_types=["order.paid"],
        circuit={"failure_threshold": 1},
        retry={"delays": [60], "jitter": 0},
    )
    assert "closed" in terminal.run("circuits")
    terminal.run("send", "order.paid")
    eventually(lambda: "open" in terminal.run("circuits", "list"))
    receiver.order("/failing", "status=200")
    assert terminal.run("circuits", "reset", endpoint_id, "--reason", "fixed")
    assert "closed" in terminal.run("circuits")
    assert terminal.run("circuits", "hold", endpoint_id, "--reason", "they are migrating")
    assert "held" in terminal.run("circuits")
    assert terminal.run("circuits", "release", endpoint_id)
    assert "half_open" in terminal.run("circuits")


def test_a_key_is_made_used_and_revoked(terminal: Terminal) -> None:
    key = terminal.run("keys", "create", "ci", "--scope", "read").strip()
    assert key.startswith("bw_")
    assert "ci" in terminal.run("keys")
    assert terminal.run("deliveries", key=key)
    key_id = next(word for word in terminal.run("keys").split() if word.startswith("key_"))
    terminal.run("keys", "revoke", key_id)
    assert "does not know this key" in terminal.run("deliveries", key=key, code=1)


def test_what_a_receiver_wrote_cannot_paint_the_terminal(terminal: Terminal, service: Service) -> None:
    service.send({"name": "\x1b[2J"}, event_type="order.paid")
    endpoint_id = service.endpoint("https://nobody.invalid/", name="\u202etrap", event_types=["nothing"])
    told = terminal.run("circuits")
    assert endpoint_id in told
    assert "\u202e" not in told


def test_the_doctor_finds_a_healthy_service_healthy(terminal: Terminal) -> None:
    told = terminal.run("doctor")
    assert "is ready" in told
    assert "takes BREAKWATER_KEY" in told
    assert "is sound" in told


def test_the_doctor_names_what_is_wrong(terminal: Terminal) -> None:
    assert "does not know BREAKWATER_KEY" in terminal.run("doctor", key="bw_wrong", code=1)
