"""Endpoints whose receiver is scripted, with failed deliveries or an open circuit."""

import re
from dataclasses import dataclass
from itertools import count

from playwright.sync_api import Locator, Page

from tests.processes import ReceiverProcess, Service, eventually

_numbers = count(1)
NEVER_AGAIN = {"delays": [3600.0], "jitter": 0}
"""A schedule whose next attempt no test waits for."""


@dataclass(frozen=True)
class ScriptedEndpoint:
    """An endpoint of one test, with a unique name and a receiver path of its own."""

    service: Service
    receiver: ReceiverProcess
    name: str
    path: str
    endpoint_id: str

    def respond_with(self, query: str) -> None:
        """Make the receiver respond by this script from now on: `status=200`."""
        self.receiver.override(self.path, query)

    def send(self, event_type: str | None = None) -> str:
        """Send one message here and return the id of its delivery."""
        event = event_type or f"{self.name}.sent"
        accepted = self.service.send({"from": self.name}, event_type=event, endpoint_ids=[self.endpoint_id])
        return str(accepted["deliveries"][0]["id"])

    def delivered(self) -> str:
        """Send a message that is delivered, and return the id of its delivery."""
        self.respond_with("status=200")
        delivery = self.send()
        self.service.delivery_once(delivery, "delivered")
        return delivery

    def failed(self) -> str:
        """Send a message that fails without a retry, and return the id of its delivery."""
        self.respond_with("status=422")
        delivery = self.send()
        self.service.delivery_once(delivery, "failed")
        return delivery

    def open_circuit(self, held: int = 3) -> list[str]:
        """Fail until the circuit opens, then send `held` more deliveries; return the ids of all of them."""
        self.respond_with("status=500")
        first = [self.send() for _ in range(self.threshold)]
        eventually(lambda: self.circuit()["state"] == "open")
        return first + [self.send() for _ in range(held)]

    def circuit(self) -> dict[str, object]:
        """Return the circuit from the API."""
        circuit: dict[str, object] = self.service.api.get(f"/circuits/{self.endpoint_id}").json()
        return circuit

    threshold = 2


def scripted_endpoint(service: Service, receiver: ReceiverProcess, **fields: object) -> ScriptedEndpoint:
    """Create an endpoint whose circuit opens after two failures for an hour; `fields` override its settings."""
    name = f"scripted{next(_numbers)}"
    circuit = {
        "failure_threshold": ScriptedEndpoint.threshold,
        "timeout_seconds": 3600.0,
        "max_timeout_seconds": 3600.0,
    }
    settings = {
        "name": name,
        "event_types": [f"{name}.sent"],
        "retry": NEVER_AGAIN,
        "circuit": circuit,
        **fields,
    }
    endpoint_id = service.endpoint(f"{receiver.url}/failing/{name}", **settings)
    return ScriptedEndpoint(service, receiver, name, f"/failing/{name}", endpoint_id)


def row(page: Page, delivery_id: str) -> Locator:
    """Return the row of a delivery in a list."""
    return page.locator(f"tr#{delivery_id}")


def circuit_of(page: Page, endpoint: ScriptedEndpoint) -> Locator:
    """Return the circuit of the endpoint on the board or on its page."""
    return page.locator(f"#circuit-{endpoint.endpoint_id}")


def reset_button(place: Locator) -> Locator:
    """Open the confirmation of a reset in this row, and return its button."""
    place.locator("summary").filter(has_text="Reset").click()
    return place.get_by_role("button", name=re.compile("^Reset "))


def audit_actions(service: Service, subject: str) -> list[str]:
    """Return the audited actions on `subject`, newest first."""
    items = service.api.get("/audit", params={"subject": subject}).json()["items"]
    return [str(item["action"]) for item in items]
