"""The outcomes of deliveries in the API, with a receiver in another process."""

import socket

import pytest

from tests.processes import ReceiverProcess, Service, eventually


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


def audited(service: Service, action: str, subject: str) -> list[str | None]:
    """Return the reasons of the audit entries of a subject."""
    entries = service.api.get("/audit", params={"limit": 100}).json()["items"]
    return [entry["reason"] for entry in entries if (entry["action"], entry["subject"]) == (action, subject)]


def sent_to(service: Service, url: str, payload: object = None, **fields: object) -> str:
    """Create an endpoint, send one message to it, and return the id of the delivery."""
    endpoint_id = service.endpoint(url, **fields)
    accepted = service.send(payload, endpoint_ids=[endpoint_id])
    (delivery,) = accepted["deliveries"]
    assert delivery["endpoint_id"] == endpoint_id
    return str(delivery["id"])


def test_500_500_200_gets_three_attempts_one_and_two_seconds_apart(
    service: Service, receiver: ReceiverProcess
) -> None:
    delivery_id = sent_to(service, f"{receiver.url}/hook?status=500,500,200", {"n": 1})
    delivery = service.delivery_once(delivery_id, "delivered")
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [500, 500, 200]
    assert [attempt["success"] for attempt in delivery["attempts"]] == [False, False, True]
    requests = receiver.received("/hook")
    assert len({request["webhook_id"] for request in requests}) == 1
    assert [request["body"] for request in requests] == ['{"n":1}'] * 3
    first, second, third = (request["at"] for request in requests)
    assert second - first == pytest.approx(1.0, abs=0.35)
    assert third - second == pytest.approx(2.0, abs=0.5)


def test_a_refused_connection_is_retried_and_reported(service: Service) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/hook"
        delivery_id = sent_to(service, url, retry={"delays": [0.2], "jitter": 0})
        delivery = service.delivery_once(delivery_id, "failed")
    assert [attempt["failure_class"] for attempt in delivery["attempts"]] == ["connect", "connect"]
    assert delivery["failure_class"] == "connect"
    assert "refused" in delivery["attempts"][0]["error"]


def test_a_name_that_does_not_resolve_is_retried_and_reported(service: Service) -> None:
    delivery_id = sent_to(
        service, "https://nobody.example/hook", retry={"delays": [0.2], "jitter": 0}, timeout_seconds=5
    )
    delivery = service.delivery_once(delivery_id, "failed", within=30)
    assert {attempt["failure_class"] for attempt in delivery["attempts"]} == {"dns"}
    assert len(delivery["attempts"]) == 2


def test_an_attempt_ends_at_its_deadline(service: Service, receiver: ReceiverProcess) -> None:
    delivery_id = sent_to(
        service, f"{receiver.url}/slow?ms=20000", retry={"delays": [0.2], "jitter": 0}, timeout_seconds=1
    )
    delivery = service.delivery_once(delivery_id, "failed")
    assert [attempt["failure_class"] for attempt in delivery["attempts"]] == ["timeout", "timeout"]
    assert all(900 <= attempt["response_time_ms"] <= 2_000 for attempt in delivery["attempts"])


@pytest.mark.parametrize(("payload", "body"), [({}, "{}"), ([], "[]"), (None, "{}"), ("", '""')])
def test_an_empty_payload_is_delivered_unchanged(
    service: Service, receiver: ReceiverProcess, payload: object, body: str
) -> None:
    fields = {} if payload is None else {"payload": payload}
    endpoint_id = service.endpoint(f"{receiver.url}/empty")
    response = service.api.post(
        "/messages", json={"event_type": "test.sent", "payload": {}, "endpoint_ids": [endpoint_id], **fields}
    )
    assert response.status_code == 202, response.text
    service.delivery_once(response.json()["deliveries"][0]["id"], "delivered")
    assert [request["body"] for request in receiver.received("/empty")] == [body]


def test_a_client_error_is_not_retried(service: Service, receiver: ReceiverProcess) -> None:
    delivery = service.delivery_once(sent_to(service, f"{receiver.url}/status/422"), "failed")
    assert [attempt["failure_class"] for attempt in delivery["attempts"]] == ["client_error"]


def test_a_failed_delivery_is_resent_and_leaves_an_audit_entry(
    service: Service, receiver: ReceiverProcess
) -> None:
    delivery_id = sent_to(service, f"{receiver.url}/failing?status=400")
    service.delivery_once(delivery_id, "failed")
    receiver.override("/failing", "status=200")
    response = service.api.post(f"/deliveries/{delivery_id}/resend", json={"reason": "receiver fixed"})
    assert response.is_success, response.text
    delivery = service.delivery_once(delivery_id, "delivered")
    assert [attempt["attempt_number"] for attempt in delivery["attempts"]] == [1, 2]
    assert delivery["attempts"][1]["trigger"] == "manual"
    assert audited(service, "delivery.resend", delivery_id) == ["receiver fixed"]


def test_a_reset_sends_the_held_deliveries_of_an_open_circuit(
    service: Service, receiver: ReceiverProcess
) -> None:
    circuit = {"failure_threshold": 2, "timeout_seconds": 600}
    endpoint_id = service.endpoint(
        f"{receiver.url}/failing", circuit=circuit, retry={"delays": [0.1, 0.1, 0.1], "jitter": 0}
    )
    sent = [service.send({"n": number}, endpoint_ids=[endpoint_id]) for number in range(5)]
    ids = [accepted["deliveries"][0]["id"] for accepted in sent]

    def state() -> str:
        return str(service.api.get(f"/circuits/{endpoint_id}").json()["state"])

    eventually(lambda: state() == "open")
    receiver.override("/failing", "status=200")
    response = service.api.post(f"/circuits/{endpoint_id}/reset", json={"reason": "fixed"})
    assert response.is_success, response.text
    for delivery_id in ids:
        service.delivery_once(delivery_id, "delivered")
    assert state() == "closed"
    assert audited(service, "circuit.reset", endpoint_id) == ["fixed"]
