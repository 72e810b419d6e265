"""The key file is lost: the start is refused, the doctor says why, and a reset offline brings the service back."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from standardwebhooks import Webhook

from tests.processes import ReceiverProcess, Service, running_service, service_variables, start


def breakwater(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command with the settings of the service; return its exit code and output."""
    process = start([*arguments], folder, service_variables(folder))
    return process.wait(), process.printed


def created(service: Service, url: str) -> tuple[str, str]:
    response = service.api.post("/endpoints", json={"url": url, "name": "Billing"})
    return response.json()["id"], response.json()["secret"]


def test_a_lost_key_file_is_replaced_by_a_reset(tmp_path: Path, receiver: ReceiverProcess) -> None:
    key_file = tmp_path / "breakwater.key"
    with running_service(tmp_path) as service:
        endpoint_id, secret = created(service, f"{receiver.url}/ok")
        headers = {"X-Api-Key": "k-123"}
        other_id = service.endpoint("https://other.example/", headers=headers, signature="ed25519")
        assert "The key opens all stored secrets (3)." in breakwater(tmp_path, "doctor")[1]
    key_file.unlink()

    for _ in range(2):
        code, printed = breakwater(tmp_path, "serve")
        assert code == 2
        assert printed.count("\n") == 1
        assert "breakwater secrets reset" in printed
        assert not key_file.exists()
    code, printed = breakwater(tmp_path, "doctor")
    assert code == 1
    assert "breakwater.key is missing" in printed
    code, printed = breakwater(tmp_path, "secrets", "reset")
    assert code == 1
    assert "Nothing was changed" in printed
    assert not key_file.exists()

    code, printed = breakwater(tmp_path, "secrets", "reset", "--yes", "--reason", "key lost")
    assert code == 0, printed
    (fresh,) = re.findall(r"^  new secret    (whsec_[A-Za-z0-9+/]+=*)$", printed, re.MULTILINE)
    assert fresh != secret
    assert re.search(
        r"^  new secret    whsk_[A-Za-z0-9+/]+=*\n  public key    whpk_\S+$", printed, re.MULTILINE
    )
    assert "  lost headers  X-Api-Key" in printed
    assert "Endpoints with lost headers are paused" in printed
    assert "Give each receiver the new secret" in printed
    with closing(sqlite3.connect(tmp_path / "breakwater.db")) as database:
        entries = database.execute(
            "SELECT subject, reason FROM audit_entries WHERE action = 'endpoint.reset_secret' ORDER BY subject"
        )
        assert entries.fetchall() == [(endpoint_id, "key lost"), (other_id, "key lost")]
    with running_service(tmp_path) as service:
        sent = service.send({"n": 1}, endpoint_ids=[endpoint_id])
        service.delivery_once(sent["deliveries"][0]["id"], "delivered")
        assert service.api.get(f"/endpoints/{other_id}").json()["state"] == "paused"
        (request,) = receiver.received("/ok")
        assert Webhook(fresh).verify(request["body"].encode(), request["headers"]) == {"n": 1}
        assert "endpoint.reset_secret" in service.api.get("/audit").text


def test_nothing_is_reset_while_the_service_runs(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        service.endpoint("https://billing.example/")
        code, printed = breakwater(tmp_path, "secrets", "reset", "--yes")
    assert code == 2
    assert "in use by another Breakwater process" in printed
