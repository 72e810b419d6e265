from dataclasses import replace

from breakwater.core.domain.states import FailureClass, Trigger
from breakwater.core.queries.deliveries.model import AttemptView
from breakwater.web.pages.changes import changes_between

FIRST = AttemptView(
    id="att_1",
    number=1,
    trigger=Trigger.SCHEDULE,
    started_at=0.0,
    duration_ms=40,
    failure_class=FailureClass.SERVER_ERROR,
    status_code=503,
    error="503 Service Unavailable",
    request_headers=(("webhook-id", "msg_1"), ("webhook-timestamp", "1"), ("X-Env", "a")),
    response_headers=(("Server", "nginx"), ("Date", "today")),
    response_body=b"busy",
    response_truncated=False,
)


def changes(**after: object) -> list[str]:
    second = replace(FIRST, id="att_2", number=2, **after)  # type: ignore[arg-type]
    return changes_between([FIRST, second])["att_2"]


def test_equal_attempts_have_no_changes_and_the_first_has_no_predecessor() -> None:
    assert (
        changes(request_headers=(("webhook-id", "msg_1"), ("webhook-timestamp", "2"), ("X-Env", "a"))) == []
    )
    assert changes_between([FIRST]) == {}


def test_another_status_comes_first() -> None:
    assert changes(failure_class=None, status_code=200, response_body=b"thanks")[0] == "Status 503 → 200"
    assert changes(failure_class=FailureClass.TIMEOUT, status_code=None)[0] == "Result 503 → timed out"


def test_added_removed_and_changed_headers_are_listed() -> None:
    assert changes(response_headers=(("server", "envoy"), ("Retry-After", "5"))) == [
        "Response header retry-after: added, 5",
        "Response header server: nginx → envoy",
    ]
    assert changes(request_headers=(("webhook-id", "msg_1"),)) == ["Request header x-env: removed"]


def test_long_values_are_cut_and_many_changed_headers_are_counted() -> None:
    listed = changes(response_headers=tuple((f"x-{number:03}", "v" * 5_000) for number in range(300)))
    assert len(listed) == 21
    assert listed[-1] == "181 more response headers changed"
    assert max(map(len, listed)) < 300


def test_a_much_slower_response_is_listed_and_a_few_milliseconds_are_not() -> None:
    assert changes(duration_ms=4_000) == ["Duration 40 ms → 4.00 s"]
    assert changes(duration_ms=130) == []


def test_a_changed_body_is_listed_with_its_sizes_or_with_one_size_if_they_are_equal() -> None:
    assert changes(response_body=b"overloaded") == ["Response body 4 bytes → 10 bytes"]
    assert changes(response_body=b"gone") == ["Response body changed (4 bytes)"]
