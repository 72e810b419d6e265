"""The commands that use a running service."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from breakwater.web.cli import main
from tests.processes import ReceiverProcess, Service, eventually


class Terminal:
    """Runs commands with one service."""

    def __init__(self, service: Service) -> None:
        self._environment = {"BREAKWATER_URL": service.url, "BREAKWATER_KEY": service.key}
        self._environment["BREAKWATER_DATABASE_URL"] = (
            f"sqlite+aiosqlite:///{service.output.parent}/breakwater.db"
        )

    def run(self, *arguments: str, code: int = 0, key: str | None = None, stdin: bytes = b"") -> str:
        """Return what `breakwater ARGUMENTS` prints."""
        environment = {**self._environment, **({"BREAKWATER_KEY": key} if key else {})}
        done = CliRunner(env=environment).invoke(main, list(arguments), input=stdin)
        assert done.exit_code == code, done.output
        return done.output

    def circuit(self, endpoint_id: str) -> str:
        """Return the line of one circuit."""
        (line,) = (line for line in self.run("circuits").splitlines() if line.startswith(endpoint_id))
        return line


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


@pytest.fixture
def terminal(service: Service) -> Terminal:
    return Terminal(service)


def test_send_waits_for_the_result_and_prints_it(
    terminal: Terminal, service: Service, receiver: ReceiverProcess
) -> None:
    service.endpoint(f"{receiver.url}/steady", event_types=["order.paid"])
    output = terminal.run("send", "order.paid", '{"order": 1042}', "--wait", "20")
    assert "accepted msg_" in output
    assert "delivered" in output
    assert [request["body"] for request in receiver.received("/steady")] == ['{"order": 1042}']


EXACT = '{"price":12345678901234567.89, "t":1.10,"e":1E5,\n "u":"\\u00e9é"}'
"""A parser that writes this again changes numbers, spaces and escapes."""


@pytest.mark.parametrize("way", ["argument", "file", "standard input"])
def test_send_delivers_the_exact_bytes(
    terminal: Terminal, service: Service, receiver: ReceiverProcess, tmp_path: Path, way: str
) -> None:
    event_type = f"exact.{way.replace(' ', '_')}"
    service.endpoint(f"{receiver.url}/steady?{event_type}", event_types=[event_type])
    file = tmp_path / "payload.json"
    file.write_bytes(EXACT.encode())
    payload = {"argument": EXACT, "file": f"@{file}", "standard input": "-"}[way]
    terminal.run("send", event_type, payload, "--wait", "20", stdin=EXACT.encode())
    assert receiver.received("/steady")[-1]["body"] == EXACT


def test_send_fails_when_the_delivery_does(
    terminal: Terminal, service: Service, receiver: ReceiverProcess
) -> None:
    service.endpoint(f"{receiver.url}/status/422", event_types=["order.refused"])
    assert "failed" in terminal.run("send", "order.refused", "--wait", "20", code=1)


def test_send_prints_when_there_is_no_subscriber(terminal: Terminal) -> None:
    assert "No endpoint subscribes" in terminal.run("send", "order.unheard")


def test_send_prints_the_message_of_the_service_for_invalid_input(terminal: Terminal) -> None:
    assert "event_type" in terminal.run("send", "not an event type", code=1)


def test_a_failed_delivery_is_listed_shown_and_resent(
    terminal: Terminal, service: Service, receiver: ReceiverProcess
) -> None:
    endpoint_id = service.endpoint(f"{receiver.url}/failing?status=400", event_types=["order.lost"])
    terminal.run("send", "order.lost", "--wait", "20", code=1)
    output = terminal.run("deliveries", "--status", "failed", "--endpoint", endpoint_id, "--json")
    (delivery,) = json.loads(output)
    assert delivery["id"] in terminal.run("deliveries")
    assert "400" in terminal.run("deliveries", delivery["id"])
    receiver.override("/failing", "status=200")
    terminal.run("resend", delivery["id"], "--reason", "receiver fixed")
    service.delivery_once(delivery["id"], "delivered")


def test_a_circuit_is_listed_held_released_and_reset(
    terminal: Terminal, service: Service, receiver: ReceiverProcess
) -> None:
    endpoint_id = service.endpoint(
        f"{receiver.url}/failing",
        event_types=["order.stuck"],
        circuit={"failure_threshold": 1},
        retry={"delays": [60], "jitter": 0},
    )
    assert "closed" in terminal.circuit(endpoint_id)
    terminal.run("send", "order.stuck")
    eventually(lambda: "open" in terminal.circuit(endpoint_id))
    receiver.override("/failing", "status=200")
    assert terminal.run("circuits", "reset", endpoint_id, "--reason", "fixed")
    assert "closed" in terminal.circuit(endpoint_id)
    assert terminal.run("circuits", "hold", endpoint_id, "--reason", "they are migrating")
    assert "held" in terminal.circuit(endpoint_id)
    assert terminal.run("circuits", "release", endpoint_id)
    assert "half_open" in terminal.circuit(endpoint_id)


def test_a_key_is_created_used_and_revoked(terminal: Terminal) -> None:
    key = terminal.run("keys", "create", "ci", "--scope", "read").strip()
    assert key.startswith("bw_")
    assert "ci" in terminal.run("keys")
    assert terminal.run("deliveries", key=key)
    key_id = next(word for word in terminal.run("keys").split() if word.startswith("key_"))
    terminal.run("keys", "revoke", key_id)
    assert "does not accept this key" in terminal.run("deliveries", key=key, code=1)


def test_a_rotated_key_works_beside_the_first_and_names_its_sender(terminal: Terminal) -> None:
    first = terminal.run("keys", "create", "blue", "--scope", "read", "--sender", "billing").strip()
    line = next(line for line in terminal.run("keys").splitlines() if "blue" in line)
    assert "billing" in line
    second = terminal.run("keys", "rotate", line.split()[0]).strip()
    assert second.startswith("bw_")
    assert second != first
    for key in (first, second):
        assert terminal.run("deliveries", key=key)
    lines = [line for line in terminal.run("keys").splitlines() if "blue" in line]
    assert ["billing" in line for line in lines] == [True, True]


def test_untrusted_text_cannot_control_the_terminal(terminal: Terminal, service: Service) -> None:
    endpoint_id = service.endpoint("https://nobody.example/", name="\u202etrap", event_types=["nothing"])
    output = terminal.run("circuits")
    assert endpoint_id in output
    assert "\u202e" not in output


def test_the_doctor_reports_a_healthy_service(terminal: Terminal) -> None:
    output = terminal.run("doctor")
    assert "is ready" in output
    assert "accepts BREAKWATER_KEY" in output
    assert "is intact" in output


def test_the_doctor_reports_problems(terminal: Terminal) -> None:
    assert "does not accept BREAKWATER_KEY" in terminal.run("doctor", key="bw_wrong", code=1)
