"""Scripts: how a path responds, according to its name and query. No I/O."""

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
/hanging        never responds
/dropping       closes the connection without a response
/recovering     `status` (503) for `after` seconds (20) from the first request, then 200;
                with `every` it fails again that many seconds after it last began to fail
/retry-after    each webhook gets `status` (429) with Retry-After `seconds` (5) once, then 200
/status/418     418

Parameters of every path
  status=500,500,200   one status per request of a webhook; the last one repeats
  ms=250               milliseconds before the response
  seconds=5            Retry-After on every response that is not 2xx
"""
"""The scripts in the help text."""


class InvalidScript(ValueError):  # noqa: N818 - bad input, in line with InvalidInput
    """A query that is not valid; the message names the parameter and the remedy."""


@unique
class Behaviour(StrEnum):
    """What happens to a request."""

    RESPOND = "respond"
    HANG = "hang"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Script:
    """How one path responds."""

    statuses: tuple[int, ...] = (200,)
    """One status per request of a webhook; the last one repeats."""
    delay_seconds: float = 0.0
    retry_after: str | None = None
    """Header of every response that is not 2xx."""
    behaviour: Behaviour = Behaviour.RESPOND
    down_seconds: float | None = None
    """From its first request the path responds with its first status for this long, then with 200."""
    every_seconds: float | None = None
    """Period after which the path fails again."""

    def status_at(self, *, earlier_requests: int, age: float) -> int:
        """Return the status for a webhook with `earlier_requests`, `age` seconds after the path's first request."""
        if self.down_seconds is not None:
            age = age % self.every_seconds if self.every_seconds else age
            return self.statuses[0] if age < self.down_seconds else 200
        return self.statuses[min(earlier_requests, len(self.statuses) - 1)]


_STATUS_RANGE: Final = range(100, 1000)
_MAX_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class _Query:
    """The parameters of a request."""

    values: Mapping[str, str]
    subpath: str
    """The path after its first segment."""

    def number(self, name: str, default: float, limit: float = 3_600_000) -> float:
        try:
            value = float(self.values.get(name, default))
        except ValueError:
            value = -1.0
        if not 0 <= value <= limit:
            raise InvalidScript(
                f"{name} {self.values[name]!r} is not valid: use a number from 0 to {limit:g}"
            )
        return value

    def statuses(self, *default: int) -> tuple[int, ...]:
        return _statuses(self.values["status"]) if "status" in self.values else default

    def retry_after(self, default: str | None = None) -> str | None:
        value = self.values.get("seconds", default)
        if value is not None and not (value.isascii() and value.isprintable()):
            raise InvalidScript("seconds is not a valid header value: use printable ASCII")
        return value


def _statuses(text: str) -> tuple[int, ...]:
    codes = text.split(",")
    if len(codes) > _MAX_STEPS or not all(code.isascii() and code.isdigit() for code in codes):
        raise InvalidScript(f"status {text!r} is not valid: use up to {_MAX_STEPS} codes such as 500,500,200")
    statuses = tuple(int(code) for code in codes)
    if not all(status in _STATUS_RANGE for status in statuses):
        raise InvalidScript(f"status {text!r} is not valid: use codes from 100 to 999")
    return statuses


def _plain(query: _Query, *default: int, delay_ms: float = 0) -> Script:
    return Script(query.statuses(*default), query.number("ms", delay_ms) / 1000, query.retry_after())


def _flaky(query: _Query) -> Script:
    failures = int(query.number("fail", 2, _MAX_STEPS))
    return replace(_plain(query), statuses=(*query.statuses(500)[:1] * failures, 200))


def _recovering(query: _Query) -> Script:
    every = query.number("every", 0) or None
    return replace(_plain(query, 503), down_seconds=query.number("after", 20), every_seconds=every)


def _throttling(query: _Query) -> Script:
    statuses = (*query.statuses(429)[:1], 200)
    return replace(_plain(query), statuses=statuses, retry_after=query.retry_after("5"))


_SCRIPTS: Final[dict[str, Callable[[_Query], Script]]] = {
    "slow": lambda query: _plain(query, 200, delay_ms=500),
    "flaky": _flaky,
    "failing": lambda query: _plain(query, 503),
    "hanging": lambda _query: Script(behaviour=Behaviour.HANG),
    "dropping": lambda query: replace(_plain(query, 200), behaviour=Behaviour.DROP),
    "recovering": _recovering,
    "retry-after": _throttling,
    "status": lambda query: _plain(query, *_statuses(query.subpath or "200")),
}


def script_for(path: str, query: str) -> Script:
    """Return the script of `path` with `query`. Raises `InvalidScript`."""
    name, _, subpath = path.strip("/").partition("/")
    parameters = _Query(dict(parse_qsl(query, keep_blank_values=True)), subpath)
    return _SCRIPTS[name](parameters) if name in _SCRIPTS else _plain(parameters, 200)
