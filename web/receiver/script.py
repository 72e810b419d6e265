"""What a path answers, said by its name and its query. No I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import Final
from urllib.parse import parse_qsl

GUIDE: Final = """\
/steady         200; so does every path that is not listed here
/slow           200 after `ms` milliseconds (500)
/flaky          each webhook fails `fail` times (2) with `status` (500), then 200
/failing        `status` (503)
/hanging        never answers
/dropping       closes the connection without a word
/recovering     `status` (503) for `after` seconds (20) from the first request, then 200;
                with `every` down again that many seconds after it went down
/retry-after    each webhook gets `status` (429) with Retry-After `seconds` (5) once, then 200
/status/418     418

Any path takes
  status=500,500,200   one after the other for each webhook, the last one from then on
  ms=250               milliseconds before the answer
  seconds=5            a Retry-After on every answer that is no success
"""
"""What each path answers, for people."""


class BadScript(ValueError):  # noqa: N818 - the caller is told what is wrong, nothing broke
    """A query that says nothing sensible; the message names the parameter."""


@unique
class Behaviour(StrEnum):
    """How a request ends."""

    ANSWER = "answer"
    HANG = "hang"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Script:
    """The answers of one path."""

    statuses: tuple[int, ...] = (200,)
    """One after the other for each webhook; the last one from then on."""
    delay_seconds: float = 0.0
    retry_after: str | None = None
    """Goes with every answer that is no success."""
    manner: Behaviour = Behaviour.ANSWER
    down_seconds: float | None = None
    """The path answers its first status for this long from its first request, then 200."""
    every_seconds: float | None = None
    """It goes down again this long after it went down."""

    def status_at(self, *, seen: int, age: float) -> int:
        """Return the status of a webhook seen `seen` times before, `age` seconds into the path's life."""
        if self.down_seconds is not None:
            age = age % self.every_seconds if self.every_seconds else age
            return self.statuses[0] if age < self.down_seconds else 200
        return self.statuses[min(seen, len(self.statuses) - 1)]


_STATUS_RANGE: Final = range(100, 1000)
_MOST_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query, read."""

    words: Mapping[str, str]
    rest: str
    """What follows the path's first segment."""

    def number(self, name: str, default: float, limit: float = 3_600_000) -> float:
        try:
            value = float(self.words.get(name, default))
        except ValueError:
            value = -1.0
        if not 0 <= value <= limit:
            raise BadScript(f"{name} is {self.words[name]!r}: write a number from 0 to {limit:g}")
        return value

    def statuses(self, *otherwise: int) -> tuple[int, ...]:
        return _statuses(self.words["status"]) if "status" in self.words else otherwise

    def retry_after(self, otherwise: str | None = None) -> str | None:
        value = self.words.get("seconds", otherwise)
        if value is not None and not (value.isascii() and value.isprintable()):
            raise BadScript("seconds takes printable ASCII: a Retry-After, be it sensible or not")
        return value


def _statuses(text: str) -> tuple[int, ...]:
    words = text.split(",")
    if len(words) > _MOST_STEPS or not all(word.isascii() and word.isdigit() for word in words):
        raise BadScript(f"status is {text!r}: write up to {_MOST_STEPS} codes such as 500,500,200")
    statuses = tuple(int(word) for word in words)
    if not all(status in _STATUS_RANGE for status in statuses):
        raise BadScript(f"status is {text!r}: write codes from 100 to 999")
    return statuses


def _plain(asked: _Asked, *otherwise: int, delay_ms: float = 0) -> Script:
    return Script(asked.statuses(*otherwise), asked.number("ms", delay_ms) / 1000, asked.retry_after())


def _flaky(asked: _Asked) -> Script:
    failures = int(asked.number("fail", 2, _MOST_STEPS))
    return replace(_plain(asked), statuses=(*asked.statuses(500)[:1] * failures, 200))


def _recovering(asked: _Asked) -> Script:
    every = asked.number("every", 0) or None
    return replace(_plain(asked, 503), down_seconds=asked.number("after", 20), every_seconds=every)


def _throttling(asked: _Asked) -> Script:
    statuses = (*asked.statuses(429)[:1], 200)
    return replace(_plain(asked), statuses=statuses, retry_after=asked.retry_after("5"))


_BEHAVIOURS: Final[dict[str, Callable[[_Asked], Script]]] = {
    "slow": lambda asked: _plain(asked, 200, delay_ms=500),
    "flaky": _flaky,
    "failing": lambda asked: _plain(asked, 503),
    "hanging": lambda _asked: Script(manner=Behaviour.HANG),
    "dropping": lambda asked: replace(_plain(asked, 200), manner=Behaviour.DROP),
    "recovering": _recovering,
    "retry-after": _throttling,
    "status": lambda asked: _plain(asked, *_statuses(asked.rest or "200")),
}


def script_for(path: str, query: str) -> Script:
    """Return what `path` answers under `query`. Raises `BadScript`."""
    name, _, rest = path.strip("/").partition("/")
    asked = _Asked(dict(parse_qsl(query, keep_blank_values=True)), rest)
    return _BEHAVIOURS[name](asked) if name in _BEHAVIOURS else _plain(asked, 200)
