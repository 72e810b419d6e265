"""Statistics, audit, health and metrics, and the responses of unknown URLs."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from breakwater.core.domain.descriptors import plan_descriptors
from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.shortage import Resource
from tests.web.running_app import PROBLEM, RunningApp, problems


async def test_stats_count_attempts_by_outcome(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    await service.sent(1)
    await service.quiet()
    for query in ({}, {"endpoint": endpoint, "minutes": 5}):
        stats = await service.get("/stats", **query)
        assert (stats["attempts"], stats["by_outcome"], stats["success_share"]) == (1, {"success": 1}, 1.0)
        assert sum(point["successes"] for point in stats["series"]) == 1
        assert len(stats["series"]) == stats["minutes"] / stats["step_minutes"]


@pytest.mark.parametrize("query", ["minutes=0", "minutes=x", "minutes=44641", "hours=1"])
async def test_invalid_parameters_of_stats_are_refused_by_name(service: RunningApp, query: str) -> None:
    assert query.partition("=")[0] in problems(await service.api.get(f"/api/v1/stats?{query}"), 400)


async def test_stats_of_an_unknown_endpoint_are_not_found(service: RunningApp) -> None:
    for endpoint in ("nonsense", f"ep_{'0' * 26}"):
        problems(await service.api.get("/api/v1/stats", params={"endpoint": endpoint}), 404)


async def test_the_audit_is_listed_by_pages_and_filtered(service: RunningApp) -> None:
    endpoints = [await service.endpoint(f"e{place}.example") for place in range(3)]
    first = await service.get("/audit", limit=2)
    second = await service.get("/audit", limit=2, cursor=first["next_cursor"])
    assert [item["subject"] for item in (*first["items"], *second["items"])] == endpoints[::-1]
    assert (await service.get("/audit", actor="person:eve"))["items"] == []
    assert len((await service.get("/audit", action="endpoint.create"))["items"]) == 3
    assert "who" in problems(await service.api.get("/api/v1/audit?who=ada"), 400)
    assert "cursor" in problems(await service.api.get("/api/v1/audit?cursor=x"), 400)
    assert "actor" in problems(await service.api.get("/api/v1/audit?actor=%00"), 400)
    assert (await service.api.get("/audit?actor=%00")).status_code == 200


async def test_a_process_is_live_and_with_running_background_tasks_ready(service: RunningApp) -> None:
    assert (await service.anonymous.get("/health/live")).json()["status"] == "alive"
    ready = await service.anonymous.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert {loop["name"] for loop in ready.json()["loops"]} >= {"dispatcher", "sweeper", "writer", "reading"}


async def test_readiness_names_the_background_task_that_does_not_run(service: RunningApp) -> None:
    service.runtime.health = lambda: (TaskHealth("sweeper", False, 3, "boom"),)  # type: ignore[method-assign]
    response = await service.anonymous.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["loops"][0] == {
        "name": "sweeper",
        "healthy": False,
        "restarts": 3,
        "last_error": "boom",
    }


async def test_metrics_cover_requests_deliveries_circuits_and_background_tasks(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    await service.api.get(f"/api/v1/endpoints/{endpoint}")
    await service.api.get("/nowhere/at/all")
    text = (await service.api.get("/metrics")).text
    for line in (
        'breakwater_http_requests_total{method="POST",route="/api/v1/messages",status="202"} 1.0',
        'breakwater_http_requests_total{method="GET",route="unknown",status="404"} 1.0',
        'breakwater_circuits{state="closed"} 1.0',
        'breakwater_task_healthy{task="writer"} 1.0',
        'breakwater_deliveries{state="pending"} 0.0',
    ):
        assert line in text
    assert endpoint not in text


async def test_metrics_count_messages_attempts_and_writes_of_this_process(service: RunningApp) -> None:
    await service.endpoint()
    service.sender.script("billing.example", Response(500))
    for key in ("a", "a", "b"):  # the repetition accepts nothing
        headers = {"idempotency-key": key}
        body = {"event_type": "a", "payload": 1}
        assert (await service.api.post("/api/v1/messages", json=body, headers=headers)).status_code == 202
    await service.sent(2)
    await service.quiet()
    samples = await scrape(service)
    assert samples["breakwater_messages_accepted_total", ()] == 2
    assert samples["breakwater_attempts_total", (("outcome", "success"),)] == 1
    assert samples["breakwater_attempts_total", (("outcome", "server_error"),)] == 1
    assert samples["breakwater_attempts_total", (("outcome", "timeout"),)] == 0
    assert samples["breakwater_attempt_duration_seconds_count", ()] == 2
    assert samples["breakwater_attempt_duration_seconds_bucket", (("le", "+Inf"),)] == 2
    assert samples["breakwater_write_duration_seconds_count", ()] > 0
    assert samples["breakwater_write_batch_size_sum", ()] >= 4, "two messages and two attempts"
    assert samples["breakwater_database_bytes", ()] > 0


async def test_metrics_tell_a_late_delivery_from_a_held_one(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    await service.post(f"/endpoints/{endpoint}/pause", {"reason": "maintenance"})
    await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    service.later(60)
    samples = await scrape(service)
    assert samples["breakwater_deliveries", (("state", "held"),)] == 1
    assert samples["breakwater_oldest_due_delivery_age_seconds", ()] == 0


async def test_metrics_follow_the_conventions_of_prometheus(service: RunningApp) -> None:
    """The rules of `promtool check metrics`."""
    text = (await service.api.get("/metrics")).text
    for family in text_string_to_metric_families(text):
        if not family.name.startswith("breakwater"):
            continue
        assert family.documentation
        assert not re.search(r"_(ms|milliseconds|minutes|hours|kilobytes)$", family.name)
        assert family.type != "untyped"
        if family.type == "gauge":
            assert not family.name.endswith(("_total", "_count", "_sum", "_bucket"))
            assert not any("quantile" in sample.labels for sample in family.samples)
        for sample in family.samples:
            assert family.type != "counter" or sample.name.endswith(("_total", "_created"))


async def scrape(service: RunningApp) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the value of each sample by name and labels."""
    text = (await service.api.get("/metrics")).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_an_unavailable_database_is_reported_with_retry_after(service: RunningApp) -> None:
    async def locked(_message: object) -> None:
        raise StoreUnavailable(
            "The database is unavailable: another program holds a lock on it", retry_after=3
        )

    service.runtime.intake.accept = locked  # type: ignore[assignment, method-assign]
    response = await service.api.post("/api/v1/messages", json={"event_type": "a", "payload": 1})
    problems(response, 503)
    assert response.headers["retry-after"] == "3"


async def test_an_unexpected_error_is_a_problem_without_details(service: RunningApp) -> None:
    async def broken(_message: object) -> None:
        raise RuntimeError("secret detail")

    service.runtime.intake.accept = broken  # type: ignore[assignment, method-assign]
    response = await service.api.post("/api/v1/messages", json={"event_type": "a", "payload": 1})
    problems(response, 500)
    assert "secret detail" not in response.text


async def test_an_unknown_url_and_a_wrong_method_are_problems(service: RunningApp) -> None:
    problems(await service.api.get("/api/v1/nowhere"), 404)
    problems(await service.api.get("/api/v2/messages"), 404)
    response = await service.api.put("/api/v1/messages")
    problems(response, 405)
    assert set(response.headers["allow"].split(", ")) == {"OPTIONS", "POST"}
    page = await service.api.get("/nowhere")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_every_get_route_also_serves_head(service: RunningApp) -> None:
    await service.endpoint()
    for path in (
        "/",
        "/sign-in",
        "/health/live",
        "/api/v1/endpoints",
        "/schema",
        "/static/app.css",
        "/api/v1/nowhere",
    ):
        get, head = await service.api.get(path), await service.api.head(path)
        assert head.status_code == get.status_code
        assert head.content == b""
        assert head.headers["content-type"] == get.headers["content-type"]
        if path != "/":
            assert head.headers["content-length"] == str(len(get.content))


async def test_a_head_request_for_an_endless_stream_ends(service: RunningApp) -> None:
    head = await service.api.head("/events?on=deliveries")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")


async def test_pages_return_errors_as_html_and_the_api_as_problems(service: RunningApp) -> None:
    browser = await service.browser("viewer")
    page = await browser.get(f"/deliveries/dlv_{'0' * 26}")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    response = await browser.get(f"/api/v1/deliveries/dlv_{'0' * 26}")
    assert response.headers["content-type"] == PROBLEM


async def test_a_local_shortage_is_a_notice_of_health_a_metric_and_the_headline(service: RunningApp) -> None:
    await service.endpoint()
    service.sender.script("billing.example", TransportFailure.local_shortage(Resource.PORTS))
    await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    await service.sent(1)
    await service.quiet()
    ready = await service.anonymous.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    (notice,) = ready.json()["notices"]
    assert notice.startswith("Breakwater has run out of local ports. ")
    metrics = (await service.api.get("/metrics")).text
    assert 'breakwater_attempts_postponed_total{resource="ports"} 1.0' in metrics
    assert 'breakwater_attempts_postponed_total{resource="memory"} 0.0' in metrics
    page = (await (await service.browser()).get("/")).text
    assert "Breakwater has run out of local ports" in page


async def test_the_settings_page_says_when_file_descriptors_limit_the_concurrency(
    service: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await service.browser()
    assert "4,096 attempts, 64 per endpoint" in (await admin.get("/settings")).text
    budget = plan_descriptors(128, 4096)
    monkeypatch.setattr(service.runtime, "budget", budget)
    monkeypatch.setattr(service.runtime, "max_in_flight", budget.attempts)
    page = (await admin.get("/settings")).text
    assert "36 attempts (4,096 configured; limited by file descriptors), 64 per endpoint" in page
    assert "At most 36 attempts run concurrently instead of 4,096" in (await admin.get("/")).text
