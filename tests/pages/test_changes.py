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


def test_attempts_that_met_the_same_changed_in_nothing_and_the_first_has_none_before_it() -> None:
    assert (
        changes(request_headers=(("webhook-id", "msg_1"), ("webhook-timestamp", "2"), ("X-Env", "a"))) == []
    )
    assert changes_between([FIRST]) == {}


def test_another_status_is_named_first() -> None:
    assert changes(failure_class=None, status_code=200, response_body=b"thanks")[0] == "503 became 200"
    assert changes(failure_class=FailureClass.TIMEOUT, status_code=None)[0] == "503 became timed out"


def test_headers_that_came_went_or_changed_are_named() -> None:
    assert changes(response_headers=(("server", "envoy"), ("Retry-After", "5"))) == [
        "response header retry-after: new, 5",
        "response header server: nginx became envoy",
    ]
    assert changes(request_headers=(("webhook-id", "msg_1"),)) == ["request header x-env: gone"]


def test_a_much_slower_answer_is_named_and_a_few_milliseconds_are_not() -> None:
    assert changes(duration_ms=4_000) == ["40 ms became 4.00 s"]
    assert changes(duration_ms=130) == []
