"""One delivery and one message in full, with the sentence that explains the state."""

import pytest

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.errors import NotFound
from breakwater.core.domain.retry import SERVICE_SCHEDULE
from breakwater.core.domain.states import EndpointState, FailureClass, Trigger
from breakwater.core.queries import Queries
from breakwater.core.queries.deliveries.detail import MAX_BODY_BYTES, SHOWN_ATTEMPTS
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS
from tests.contract.stored import Stored, opened


async def test_a_delivery_is_read_with_all_details(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    delivery_id = await stored.delivery(
        endpoint_id, "delivered", payload=b'{"total":1}', attempt_count=2, status_code=200, budget_spent=2
    )
    refused = {"failure_class": "connect", "status_code": None, "error": "connection refused"}
    await stored.attempt(delivery_id, endpoint_id, 1, response_body=None, **refused)
    await stored.attempt(delivery_id, endpoint_id, 2, trigger="manual")
    detail = await queries.deliveries.get(delivery_id)
    assert detail.why == "Delivered on attempt 2, 500 ms after acceptance (200 OK)."
    assert detail.payload == b'{"total":1}'
    assert [attempt.number for attempt in detail.attempts] == [1, 2]
    assert [attempt.success for attempt in detail.attempts] == [False, True]
    first, second = detail.attempts
    assert (first.failure_class, first.response_body) == (FailureClass.CONNECT, None)
    assert (second.trigger, second.response_body) == (Trigger.MANUAL, b"ok")
    assert second.request_headers == (("webhook-id", "msg_1"),)
    assert detail.retry_delays == SERVICE_SCHEDULE.delays
    assert detail.budget_left == 9
    assert (detail.endpoint_state, detail.circuit_state) == (EndpointState.ENABLED, CircuitState.CLOSED)
    assert (detail.can_resend, detail.can_cancel) == (True, False)
    assert "may get it twice" in detail.resend_consequence


async def test_response_bodies_share_what_is_read_of_one_delivery(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    delivery_id = await stored.delivery(endpoint_id, "failed", attempt_count=8)
    share = MAX_BODY_BYTES // 8
    for number, body in enumerate((b"x" * (share + 1), b"\xff" * share, b"", None), start=1):
        await stored.attempt(delivery_id, endpoint_id, number, response_body=body)
    attempts = (await queries.deliveries.get(delivery_id)).attempts
    assert [attempt.response_body for attempt in attempts] == [b"x" * share, b"\xff" * share, b"", None]
    assert [attempt.response_truncated for attempt in attempts] == [True, False, False, False]


async def test_an_unknown_id_is_not_found_rather_than_empty(queries: Queries) -> None:
    for ask, kind in (
        (queries.deliveries.get, "delivery"),
        (queries.messages.get, "message"),
        (queries.endpoints.get, "endpoint"),
        (queries.circuits.get, "endpoint"),
    ):
        with pytest.raises(NotFound, match=f"There is no {kind} nothing"):
            await ask("nothing")


async def test_the_schedule_of_a_delivery_overrides_that_of_its_endpoint(
    stored: Stored, queries: Queries
) -> None:
    endpoint_id = await stored.endpoint(retry_delays=[5.0, 6.0])
    own = await stored.delivery(endpoint_id, retry_delays=[1.0])
    inherited = await stored.delivery(endpoint_id)
    assert (await queries.deliveries.get(own)).retry_delays == (1.0,)
    assert (await queries.deliveries.get(own)).budget_left == 2
    assert (await queries.deliveries.get(inherited)).retry_delays == (5.0, 6.0)


async def test_a_delivery_behind_an_open_circuit_is_explained_with_the_cause(
    stored: Stored, queries: Queries
) -> None:
    endpoint_id = await stored.endpoint("billing")
    delivery_id = await stored.delivery(endpoint_id)
    await stored.circuit(endpoint_id, opened(stored.now))
    await stored.transition(endpoint_id, "older")
    await stored.transition(endpoint_id, "5 consecutive failures")
    detail = await queries.deliveries.get(delivery_id)
    assert detail.why.startswith("Held: billing's circuit is open (5 consecutive failures). Next probe")
    assert detail.row.held
    assert detail.circuit_state is CircuitState.OPEN
    assert '"Send now" sends it as a probe' in detail.resend_consequence


async def test_the_actor_of_a_cancellation_or_resend_is_named(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    delivery_id = await stored.delivery(endpoint_id, "cancelled")
    await stored.audit_entry("delivery.resend", delivery_id, "person:eve")
    await stored.audit_entry("delivery.cancel", delivery_id, "key:ci", reason="sent by hand")
    await stored.audit_entry("delivery.cancel", "dlv_other", "person:mallory")
    assert "Cancelled by the key ci at" in (await queries.deliveries.get(delivery_id)).why
    assert "(sent by hand), before any attempt." in (await queries.deliveries.get(delivery_id)).why


async def test_the_actor_of_a_pause_is_named(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing", state="paused", state_reason="migration")
    delivery_id = await stored.delivery(endpoint_id)
    await stored.audit_entry("endpoint.pause", endpoint_id)
    assert (await queries.deliveries.get(delivery_id)).why == (
        "Held: billing is paused by ada (migration). It is sent when the endpoint is resumed."
    )


async def test_the_queue_of_a_lane_is_counted(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing", max_in_flight=2)
    for _ in range(3):
        await stored.delivery(endpoint_id)
    last = await stored.delivery(endpoint_id)
    await stored.delivery(endpoint_id)
    assert (await queries.deliveries.get(last)).why.endswith("3 deliveries to billing ahead.")
    for _ in range(2):
        await stored.delivery(endpoint_id, "in_flight", lease_until=stored.now + 25)
    assert (await queries.deliveries.get(last)).why.endswith("billing has 2 of 2 attempts in flight.")


async def test_an_attempt_in_flight_has_its_start_time(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    delivery_id = await stored.delivery(endpoint_id, "in_flight", lease_until=stored.now + 25)
    assert (await queries.deliveries.get(delivery_id)).why.startswith("Attempt 1 has been in flight since ")
    await stored.clock.advance(60)
    assert (await queries.deliveries.get(delivery_id)).why.startswith("The worker of attempt 1 was lost: ")


async def test_a_lost_attempt_is_shown(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    delivery_id = await stored.delivery(endpoint_id, "delivered", attempt_count=2)
    await stored.attempt(
        delivery_id, endpoint_id, 1, failure_class="lost", duration_ms=None, status_code=None
    )
    await stored.attempt(delivery_id, endpoint_id, 2)
    assert (await queries.deliveries.get(delivery_id)).why.endswith(
        "The worker of attempt 1 was lost: it may have been delivered too."
    )


async def test_the_newest_of_many_attempts_are_shown(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint()
    delivery_id = await stored.delivery(endpoint_id)
    for number in range(1, SHOWN_ATTEMPTS + 3):
        await stored.attempt(delivery_id, endpoint_id, number)
    attempts = (await queries.deliveries.get(delivery_id)).attempts
    assert (attempts[0].number, attempts[-1].number, len(attempts)) == (3, SHOWN_ATTEMPTS + 2, SHOWN_ATTEMPTS)


async def test_a_deleted_endpoint_keeps_its_history_readable(stored: Stored, queries: Queries) -> None:
    endpoint_id = await stored.endpoint("billing")
    delivery_id = await stored.delivery(endpoint_id, "cancelled")
    await stored.change(ENDPOINTS, endpoint_id, deleted_at=stored.now)
    detail = await queries.deliveries.get(delivery_id)
    assert detail.why == "Cancelled because the endpoint billing was deleted, before any attempt."
    assert not detail.can_resend
    assert [row.id for row in (await queries.messages.get(detail.row.message_id)).deliveries] == [delivery_id]


# --- messages


async def test_a_message_is_read_with_its_deliveries(stored: Stored, queries: Queries) -> None:
    first, second = await stored.endpoint("a"), await stored.endpoint("b")
    message_id = await stored.message(b"[1]", delivery_count=2, idempotency_key="k-1")
    ids = [await stored.delivery(endpoint_id, message_id=message_id) for endpoint_id in (first, second)]
    message = await queries.messages.get(message_id)
    assert [row.id for row in message.deliveries] == ids
    assert (message.payload, message.idempotency_key, message.note) == (b"[1]", "k-1", None)


async def test_a_message_without_deliveries_has_a_note(stored: Stored, queries: Queries) -> None:
    nowhere = await stored.message(delivery_count=0)
    assert (await queries.messages.get(nowhere)).note == (
        "No endpoint was subscribed to this event type, so nothing was delivered."
    )
    pruned = await stored.message(delivery_count=2)
    assert (await queries.messages.get(pruned)).note == (
        "Its deliveries are past the retention period and were deleted."
    )


async def test_hostile_text_is_stored_unchanged_and_sentences_stay_on_one_line(
    stored: Stored, queries: Queries
) -> None:
    hostile = "<script>\n\x1b[31m\u202e"
    endpoint_id = await stored.endpoint(name=hostile, url="https://x.example/")
    delivery_id = await stored.delivery(endpoint_id)
    await stored.change(DELIVERIES, delivery_id, failure_class="tls", error=hostile * 100, attempt_count=1)
    detail = await queries.deliveries.get(delivery_id)
    assert detail.row.endpoint_name == hostile
    assert "\n" not in detail.why
    assert "\x1b" not in detail.why
