"""Log lines: structured, on one line each, and safe to read.

Any field can contain text of a receiver, a caller or an operator. So every field of every line, also of the libraries,
is shortened, and loses its secrets, the query values of its URLs and its control characters: an ANSI escape in an error
must not control a terminal, and a line break must not forge a line.
"""

import logging
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, Literal, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from breakwater.core.domain.target import safe_url
from breakwater.core.text.credentials import is_credential

LogFormat = Literal["console", "json"]
MAX_LOGGED_LENGTH: Final = 2_000
"""Characters of one value; the rest is cut."""
_MASK: Final = "***"
"""ASCII, unlike the mask of pages: every terminal and collector shows it."""
_SENSITIVE_TEXT: Final = re.compile(
    r"\b(bw_|whsec_|whsk_|(?:bearer|basic)\s+)[A-Za-z0-9+/_=.~-]{8,}", re.IGNORECASE
)
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SUSPECT_PARTS: Final = ("://", "bw_", "whs", "bearer", "basic")
_SUSPECT: Final = re.compile(f"{_CONTROL.pattern}|{'|'.join(_SUSPECT_PARTS)}", re.IGNORECASE)
"""A cheap first check: most values need no change, and there can be thousands of lines per second."""
_PLAIN_TYPES: Final = frozenset({str, int, float, bool, type(None)})
_encoder: Final = msgspec.json.Encoder()
_QUIET_LOGGERS: Final = (
    "httpx",
    "httpcore",
    "sqlalchemy.engine",
    "alembic",
    "aiosqlite",
    "asyncio",
    "uvicorn",
)
"""At INFO they log what Breakwater logs itself, or whole URLs."""


def _visible(character: re.Match[str]) -> str:
    code = ord(character[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - the end of Latin-1


def clean_text(text: str) -> str:
    """Return `text` on one line, bounded, without secrets, URL query values and control characters."""
    if len(text) > MAX_LOGGED_LENGTH:
        text = f"{text[:MAX_LOGGED_LENGTH]}… ({len(text) - MAX_LOGGED_LENGTH:,} more characters)"
    if _SUSPECT.search(text) is None:
        return text
    text = _URL.sub(lambda url: safe_url(url[0]), text)
    text = _SENSITIVE_TEXT.sub(rf"\1{_MASK}", text)
    return _CONTROL.sub(_visible, text)


def clean_value(value: object) -> object:
    """Return `value` safe to log, to any depth: text cleaned, and values with a sensitive name masked."""
    match value:
        case str():
            return clean_text(value)
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {clean_text(str(name)): _clean_field(str(name), inner) for name, inner in value.items()}
        case (str() as name, inner) if is_credential(name):
            return [clean_text(name), _clean_field(name, inner)]
        case list() | tuple() | set() | frozenset():
            return [clean_value(inner) for inner in value]
        case _:
            return clean_text(str(value))


def _clean_field(name: str, value: object) -> object:
    return _MASK if value and is_credential(name) else clean_value(value)


def clean_line(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Clean every field of a line; a structlog processor, to run after the exception was formatted."""
    trace = line.pop("exception", None)
    cleaned = {name: _clean_field(name, value) for name, value in line.items()}
    if trace is not None:  # it keeps its line breaks; the margin marks its lines
        cleaned["exception"] = "\n".join(f"  | {clean_text(row)}" for row in str(trace).splitlines())
    return cleaned


class _Unbreakable:
    """A stream whose reader may be gone. A log line that cannot be written must not fail a delivery."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


def json_line(logger: WrappedLogger, method: str, line: EventDict) -> str:
    """Return the clean line as JSON; a structlog processor, the last one.

    There can be thousands of lines per second. Most have only short plain values, and their whole text is checked at
    once.
    """
    if _PLAIN_TYPES.issuperset(map(type, line.values())) and not _any_credential(tuple(line)):
        with suppress(ValueError):  # a lone surrogate cannot be encoded before it is replaced
            text = _encoder.encode(line).decode()
            if len(text) <= MAX_LOGGED_LENGTH and _needs_no_change(text):
                return text
    return _encoder.encode(clean_line(logger, method, line)).decode()


@lru_cache(maxsize=1_024)
def _any_credential(names: tuple[str, ...]) -> bool:
    return any(is_credential(name) for name in names)


def _needs_no_change(text: str) -> bool:
    """Return whether JSON text has nothing that `clean_text` changes: encoding escapes control characters."""
    if not text.isascii() or "\\" in text or "\x7f" in text:
        return False
    lowered = text.lower()
    for part in _SUSPECT_PARTS:  # noqa: SIM110  # a generator would cost more than the comparisons
        if part in lowered:
            return False
    return True


def line_processors(log_format: LogFormat, *, colors: bool = False) -> list[Processor]:
    """Return the processors that turn an event into one clean line of `log_format`."""
    if log_format == "json":
        return [structlog.processors.format_exc_info, json_line]
    renderer = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    return [structlog.processors.format_exc_info, clean_line, renderer]


def configure_logging(log_format: LogFormat, log_level: str, stream: TextIO | None = None) -> None:
    """Write every line of this process and its libraries to `stream` (stderr) in `log_format`."""
    target = stream or sys.stderr
    level = logging.getLevelNamesMapping()[log_level.upper()]
    stamp: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    lines = line_processors(log_format, colors=target.isatty())
    output: Any = _Unbreakable(target)
    structlog.configure(
        processors=[*stamp, *lines],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=output),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*stamp, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *lines],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
