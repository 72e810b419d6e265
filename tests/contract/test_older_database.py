"""A database of an older version opens, migrates, and delivers what it held."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.signing import sign
from breakwater.core.domain.states import DeliveryState, FailureClass, SignatureScheme
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.runtime import Runtime
from breakwater.core.store.schema import ATTEMPTS, CIRCUITS, DELIVERIES
from tests.delivery.running_engine import RunningEngine, settings_for
from tests.fakes import ManualClock, ScriptedSender

FOLDER = Path(__file__).parent.parent / "data" / "version_0_1"
CONTENTS: dict[str, Any] = json.loads((FOLDER / "contents.json").read_text())
HOUR = 3_600.0


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[RunningEngine]:
    """Start on a copy of the file, a second after the process that left it was killed."""
    path = tmp_path / "breakwater.db"
    path.write_bytes(gzip.decompress((FOLDER / "breakwater.db.gz").read_bytes()))
    key_file = tmp_path / "breakwater.key"
    key_file.write_bytes((FOLDER / "key.txt").read_bytes())
    settings = settings_for(
        tmp_path,
        database_url=f"sqlite+aiosqlite:///{path}",
        secret_key=None,
        key_file=key_file,
        drain_seconds=0,
    )
    clock, sender = ManualClock(CONTENTS["at"] + 1), ScriptedSender()
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        yield RunningEngine(runtime, clock, sender)


async def test_deliveries_in_flight_are_sent_again(engine: RunningEngine) -> None:
    for delivery_id in CONTENTS["in_flight"]:
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
        attempts = [row for row in await engine.rows(ATTEMPTS) if row["delivery_id"] == delivery_id]
        assert [(row["number"], row["failure_class"]) for row in attempts] == [
            (1, FailureClass.LOST),
            (2, None),
        ]


async def test_retries_held_deliveries_and_the_rest_of_a_replay_are_delivered(
    engine: RunningEngine,
) -> None:
    (before,) = [row for row in await engine.rows(CIRCUITS) if row["endpoint_id"] == endpoint("down")]
    assert (before["state"], before["failure_count"]) == (CircuitState.OPEN, 3)
    for _ in range(70):
        await engine.clock.advance(1)
        await engine.quiet()
    await engine.clock.advance(HOUR)
    for delivery_id in (CONTENTS["retrying"], *CONTENTS["failed"], *CONTENTS["held"]):
        await engine.reaches(delivery_id, DeliveryState.DELIVERED)
    replay = await engine.runtime.replays.get(CONTENTS["replay"])
    assert (replay.resent, replay.total.value) == (4, 4)
    (after,) = [row for row in await engine.rows(CIRCUITS) if row["endpoint_id"] == endpoint("down")]
    assert after["state"] == CircuitState.CLOSED
    left = {row["id"] for row in await engine.rows(DELIVERIES) if row["state"] == DeliveryState.PENDING}
    assert left == {CONTENTS["paused"]}


async def test_a_paused_endpoint_stays_paused_until_it_is_resumed(engine: RunningEngine) -> None:
    await engine.quiet()
    assert await engine.state(CONTENTS["paused"]) is DeliveryState.PENDING
    await engine.runtime.operations.endpoints.resume(endpoint("paused"), actor="person:ada")
    await engine.reaches(CONTENTS["paused"], DeliveryState.DELIVERED)
    await engine.runtime.operations.deliveries.resend(CONTENTS["cancelled"], actor="person:ada")
    await engine.reaches(CONTENTS["cancelled"], DeliveryState.DELIVERED)


async def test_stored_secrets_sign_and_both_secrets_of_a_rotation_do(engine: RunningEngine) -> None:
    await engine.reaches(CONTENTS["in_flight"][0], DeliveryState.DELIVERED)
    (request,) = engine.sender.sent_to("billing.example")
    headers = dict(request.headers)
    signatures = headers["webhook-signature"].split(" ")
    expected = sign(
        SignatureScheme.STANDARD,
        [CONTENTS["rotated_secret"]],
        webhook_id=headers["webhook-id"],
        timestamp=int(headers["webhook-timestamp"]),
        body=request.body,
    )
    assert dict(expected)["webhook-signature"] == signatures[0]
    assert len(signatures) == 2
    (request,) = engine.sender.sent_to("ed25519.example")
    assert dict(request.headers)["webhook-signature"].startswith("v1a,")


async def test_stored_idempotency_keys_api_keys_people_and_views_work(engine: RunningEngine) -> None:
    again = await engine.send(
        endpoint_ids=(endpoint("billing"),), idempotency_key="order-1", scope="ci", fingerprint="f" * 64
    )
    assert (again.replayed, again.id) == (True, CONTENTS["idempotent_message"])
    access = engine.runtime.access
    principal = await access.keys.find(CONTENTS["api_key"])
    assert principal is not None
    assert principal.actor == "key:ci"
    assert [person.name for person in await access.people.all()] == ["ada"]
    assert await access.people.check("ada", "correct horse battery staple") is not None
    assert [view.name for view in await engine.runtime.saved_views.list("person:ada")] == ["Failed"]


async def test_the_stored_history_is_listed(engine: RunningEngine) -> None:
    page = await engine.runtime.queries.deliveries.list(DeliveryFilter.from_query("status=failed"))
    assert {row.id for row in page.items} >= set(CONTENTS["failed"][1:])
    detail = await engine.detail(CONTENTS["failed"][1])
    assert [attempt.status_code for attempt in detail.attempts] == [404]


def endpoint(name: str) -> str:
    endpoint_id: str = CONTENTS["endpoints"][name]
    return endpoint_id
