"""What the browser tests look at: an endpoint that fails on command, its failed deliveries, its open circuit."""

from dataclasses import dataclass
from itertools import count

from playwright.sync_api import Locator, Page

from tests.processes import ReceiverProcess, Service, eventually

_numbers = count(1)
NEVER_AGAIN = {"delays": [3600.0], "jitter": 0}
"""A schedule whose next attempt no test waits for."""


@dataclass(frozen=True)
class Scene:
    """An endpoint of its own, named so that no other test's is taken for it."""

    service: Service
    receiver: ReceiverProcess
    name: str
    path: str
    endpoint_id: str

    def answers(self, query: str) -> None:
        """Let the receiver answer by this script from now on: `status=200`."""
        self.receiver.override(self.path, query)

    def send(self, event_type: str | None = None) -> str:
        """Send one message here and return the id of its delivery."""
        event = event_type or f"{self.name}.sent"
        accepted = self.service.send({"from": self.name}, event_type=event, endpoint_ids=[self.endpoint_id])
        return str(accepted["deliveries"][0]["id"])

    def delivered(self) -> str:
        """Send a message that arrives, and return the id of its delivery."""
        self.answers("status=200")
        delivery = self.send()
        self.service.delivery_once(delivery, "delivered")
        return delivery

    def failed(self) -> str:
        """Send a message that fails for good, and return the id of its delivery."""
        self.answers("status=422")
        delivery = self.send()
        self.service.delivery_once(delivery, "failed")
        return delivery

    def open_circuit(self, held: int = 3) -> list[str]:
        """Fail until the circuit opens, then let `held` deliveries wait behind it; return the ids of all of them."""
        self.answers("status=500")
        first = [self.send() for _ in range(self.threshold)]
        eventually(lambda: self.circuit()["state"] == "open")
        return first + [self.send() for _ in range(held)]

    def circuit(self) -> dict[str, object]:
        """Return the circuit as the API tells it."""
        found: dict[str, object] = self.service.api.get(f"/circuits/{self.endpoint_id}").json()
        return found

    threshold = 2


def scene(service: Service, receiver: ReceiverProcess, **fields: object) -> Scene:
    """Make an endpoint whose circuit opens after two failures and stays open for an hour, unless `fields` say else."""
    name = f"scene{next(_numbers)}"
    circuit = {"failure_threshold": Scene.threshold, "timeout_seconds": 3600.0, "max_timeout_seconds": 3600.0}
    chosen = {
        "name": name,
        "event_types": [f"{name}.sent"],
        "retry": NEVER_AGAIN,
        "circuit": circuit,
        **fields,
    }
    endpoint_id = service.endpoint(f"{receiver.url}/failing/{name}", **chosen)
    return Scene(service, receiver, name, f"/failing/{name}", endpoint_id)


def row(page: Page, delivery_id: str) -> Locator:
    """Return the row of a delivery in a list."""
    return page.locator(f"tr#{delivery_id}")


def circuit_of(page: Page, scene: Scene) -> Locator:
    """Return the circuit of the scene on the board, or on its endpoint's page."""
    return page.locator(f"#circuit-{scene.endpoint_id}")


def audit_actions(service: Service, subject: str) -> list[str]:
    """Return what was done to `subject`, newest first."""
    items = service.api.get("/audit", params={"subject": subject}).json()["items"]
    return [str(item["action"]) for item in items]
