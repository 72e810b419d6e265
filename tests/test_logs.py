"""Any value in a log line keeps it one readable line without secrets."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from breakwater.core.logs import (
    MAX_LOGGED_LENGTH,
    LogFormat,
    clean_line,
    clean_text,
    clean_value,
    configure_logging,
    json_line,
)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines_of(log_format: LogFormat, level: str = "info", **fields: Any) -> str:
    stream = io.StringIO()
    configure_logging(log_format, level, stream)
    structlog.get_logger().info("delivery.attempted", **fields)
    return stream.getvalue()


def test_a_json_line_is_one_object_with_its_fields() -> None:
    line = json.loads(lines_of("json", endpoint_id="ep_1", status_code=503))
    assert line["event"] == "delivery.attempted"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
    assert (line["endpoint_id"], line["status_code"]) == ("ep_1", 503)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_break_in_a_field_forges_no_line(log_format: LogFormat) -> None:
    written = lines_of(log_format, error="oops\n2026-01-01 [info] all is well\r\n")
    assert written.count("\n") == 1
    assert "\r" not in written


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x07", "\x9b31m", "\u202e", "\u2028", "\ud800", "\x00"])
def test_control_characters_are_escaped(log_format: LogFormat, hostile: str) -> None:
    written = lines_of(log_format, error=f"before{hostile}after", headers={hostile: [hostile]})
    assert hostile not in written
    assert "before\\" in written
    assert written.isprintable() or written.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Authorization",
        "cookie",
        "set-cookie",
        "password",
        "secret",
        "api_key",
        "bootstrap_key",
    ],
)
def test_values_of_sensitive_names_are_masked(name: str) -> None:
    assert clean_value({name: "hunter2"}) == {name: "***"}
    assert clean_value([(name, "hunter2")]) == [[name, "***"]]
    assert "hunter2" not in lines_of("json", **{name: "hunter2"})


@pytest.mark.parametrize("name", ["status_code", "idempotency_key", "webhook_id", "claim_token"])
def test_ordinary_names_are_not_masked(name: str) -> None:
    assert clean_value({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "secret",
    [
        f"bw_{'k' * 43}",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsk_MfKQ9r8GKYqrTwjUPD8",
        "Bearer abcdefghijk",
    ],
)
def test_secrets_are_masked_wherever_they_are(secret: str) -> None:
    cleaned = clean_text(f"could not use {secret} today")
    assert secret not in cleaned
    assert cleaned.endswith("*** today")


def test_query_values_and_passwords_of_urls_are_masked() -> None:
    assert clean_text("POST https://a.example/hook?token=hunter2&x=1 failed") == (
        "POST https://a.example/hook?token=***&x=*** failed"
    )
    assert "hunter2" not in clean_text("cannot reach postgresql+asyncpg://me:hunter2@db/name")


def test_a_long_value_is_cut_with_a_note() -> None:
    cleaned = clean_text("x" * (MAX_LOGGED_LENGTH + 1_000))
    assert cleaned.endswith("… (1,000 more characters)")
    assert len(cleaned) < MAX_LOGGED_LENGTH + 40


def test_a_traceback_keeps_its_lines_and_shows_no_secret() -> None:
    stream = io.StringIO()
    configure_logging("console", "info", stream)
    try:
        int("no way to use whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n\x1b[2Jforged")
    except ValueError:
        structlog.get_logger().exception("loop.died")
    written = stream.getvalue()
    assert "  | Traceback (most recent call last):" in written
    assert "whsec_***" in written
    assert "\x1b" not in written


def test_lines_of_libraries_are_cleaned_too() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    logging.getLogger("some.library").warning("asked %s", "https://a.example/?key=hunter2\n")
    line = json.loads(stream.getvalue())
    assert line["event"] == "asked https://a.example/?key=***\\x0a"
    assert line["logger"] == "some.library"


def test_httpx_is_quiet_because_it_logs_whole_urls() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    logging.getLogger("httpx").info("HTTP Request: POST https://a.example/?key=hunter2")
    assert stream.getvalue() == ""


def test_less_important_lines_are_not_written() -> None:
    assert lines_of("json", level="warning") == ""


def test_a_closed_log_stream_breaks_nothing() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    stream.close()
    structlog.get_logger().info("delivery.attempted")
    logging.getLogger("some.library").warning("still here")


_WORDS = st.sampled_from(
    [
        "https://user:secret@host/?a=b",
        "bw_0123456789",
        "Bearer abcdefghijk",
        "\x7f",
        "\ud800",
        "\n",
        "é",
        '"',
        "x" * 2_001,
    ]
)
_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=9), _WORDS, st.lists(_WORDS, max_size=2)
)
_NAMES = st.sampled_from(
    ["event", "error", "authorization", "token", "claim_token", "delivery_id", "duration_ms"]
)


@settings(deadline=None)
@given(st.dictionaries(_NAMES, _VALUES))
def test_a_json_line_is_the_same_whether_or_not_its_whole_text_was_checked_at_once(
    line: dict[str, Any],
) -> None:
    cleaned = clean_line(None, "info", dict(line))
    assert json_line(None, "info", dict(line)) == msgspec.json.encode(cleaned).decode()
