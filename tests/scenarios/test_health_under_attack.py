"""The service responds within 100 ms to a probe of its liveness, whatever its clients do at the same time."""

import multiprocessing
import time
from collections.abc import Iterator

import pytest

from tests.processes import ReceiverProcess, Service, running_receiver, running_service
from tests.scenarios import attackers
from tests.scenarios.attackers import ATTACKS, Aim
from tests.scenarios.responsiveness import Responsiveness
from tests.web.hostile_content import payloads

MAX_MS = 100.0
SECONDS = 3.0
"""Of each attack."""
NO_LIMIT = 100_000
"""Requests per second of one caller: the clients stand for many callers, which no limit holds back."""


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    with running_receiver(tmp_path_factory.mktemp("receiver")) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with running_service(
        folder, requests_per_second=NO_LIMIT, messages_per_second=NO_LIMIT, streams_per_caller=10_000
    ) as service:
        yield service


@pytest.fixture(scope="module")
def aim(service: Service, receiver: ReceiverProcess) -> Aim:
    """A service with hostile content: payloads, and what a receiver responded."""
    endpoint = service.endpoint(f"{receiver.url}/steady", event_types=["hostile.sent"])
    paths = ["/", "/deliveries", "/deliveries?q=x", "/circuits", "/audit", f"/endpoints/{endpoint}"]
    bodies = [
        b'{"event_type":"hostile.sent","payload":' + payload + b"}" for _name, payload in payloads(262_137)
    ]
    for body in bodies:
        response = service.api.post("/messages", content=body)
        assert response.status_code == 202, response.text
        message = response.json()
        delivery = message["deliveries"][0]["id"]
        paths += [f"/deliveries/{delivery}", f"/messages/{message['id']}", f"/api/v1/deliveries/{delivery}"]
    batch = b'{"messages":[' + b",".join(bodies * 4)[: 15 * 1024 * 1024].rpartition(b',{"event')[0] + b"]}"
    return Aim(int(service.url.rpartition(":")[2]), service.key, paths, bodies[:8], batch)


@pytest.mark.parametrize("name", ATTACKS)
def test_liveness_is_reported_in_time_during(name: str, service: Service, aim: Aim) -> None:
    # A thread that loses its processor while it holds the interpreter's lock delays the others, and no figure of the
    # kernel tells that apart from work. What the service causes itself happens in the second round, too.
    rounds = [measured(name, service, aim)]
    if max(rounds[0]) > MAX_MS:
        rounds.append(measured(name, service, aim))
    assert max(rounds[-1]) <= MAX_MS, [f"{sorted(figures)[-5:]} of {len(figures)}" for figures in rounds]


def measured(name: str, service: Service, aim: Aim) -> list[float]:
    """Return how many milliseconds each probe took during one round of an attack."""
    responsiveness = Responsiveness(service.popen.pid, aim.port)
    attack = multiprocessing.get_context("spawn").Process(target=attackers.run, args=(name, aim, SECONDS))
    attack.start()
    figures = []
    while attack.is_alive():
        figures.append(responsiveness.measure())
        time.sleep(0.01)
    attack.join()
    assert attack.exitcode == 0
    assert figures
    return figures
