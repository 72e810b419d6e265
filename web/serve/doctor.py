"""What `breakwater doctor` looks at: each check says in one sentence what it found, and the remedy where it is bad."""

import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Any, Final

import httpx

from breakwater.core.settings import Settings, unknown_variables
from breakwater.core.settings.types import SQLITE

_LOW_DISK_BYTES: Final = 500 * 1024 * 1024
"""Bytes. A busy service writes that in hours."""
_ASK_SECONDS: Final = 5.0
_OK, _UNAUTHORIZED, _UNAVAILABLE = 200, 401, 503


@unique
class Grade(StrEnum):
    """How a finding is."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    subject: str
    grade: Grade
    sentence: str


def _good(subject: str, sentence: str) -> Finding:
    return Finding(subject, Grade.GOOD, sentence)


def _note(subject: str, sentence: str) -> Finding:
    return Finding(subject, Grade.NOTE, sentence)


def _bad(subject: str, sentence: str) -> Finding:
    return Finding(subject, Grade.BAD, sentence)


def examine(
    settings: Settings, environ: Mapping[str, str], service: str, key: str | None
) -> Iterator[Finding]:
    """Yield what each check finds on this machine and at the running service."""
    yield _good("versions", f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}.")
    yield from _variables(environ)
    yield from _database(settings)
    yield from _key_file(settings.key_file)
    yield from _service(service, key)


def _variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    unknown = unknown_variables(environ)
    if unknown:
        yield _bad(
            "settings", f"Nothing reads {', '.join(unknown)}: `breakwater serve --help` lists the names."
        )
    else:
        yield _good("settings", "Every setting is valid.")


def _database(settings: Settings) -> Iterator[Finding]:
    if not settings.database_url.startswith(SQLITE):
        yield _note("database", "It is PostgreSQL, which the service checks when it starts.")
        return
    name = settings.database_url.removeprefix(SQLITE).partition("?")[0]
    if name == ":memory:":
        yield _note("database", "It is in memory: everything is lost when the service ends.")
        return
    path = Path(name).absolute()
    yield _folder(path.parent)
    yield _file(path) if path.exists() else _note("database", f"{path} will be made at the first start.")


def _folder(folder: Path) -> Finding:
    if not folder.is_dir():
        return _bad("folder", f"{folder} is no folder: make it, or set BREAKWATER_DATABASE_URL.")
    if not os.access(folder, os.W_OK | os.X_OK):
        return _bad("folder", f"{folder} cannot be written by this user: SQLite keeps its journal there.")
    free = shutil.disk_usage(folder).free
    words = f"{free / 1024**3:.1f} GB are free in {folder}"
    return (
        _good("folder", f"{words}.")
        if free > _LOW_DISK_BYTES
        else _bad("folder", f"Only {words}: make room.")
    )


def _file(path: Path) -> Finding:
    """Read-only, which neither checkpoints nor disturbs a service that has the file open."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_ASK_SECONDS)) as database:
            found: str = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as broken:
        return _bad("database", f"{path} cannot be read ({broken}): restore it from a backup.")
    size = f"{path.stat().st_size / 1024**2:.1f} MB"
    if found != "ok":
        return _bad("database", f"{path} is damaged ({found}): restore it from a backup.")
    return _good("database", f"{path} is sound ({size}).")


def _key_file(path: Path) -> Iterator[Finding]:
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield _bad("key file", f"{path} can be read by others: chmod 600 {path}")


def _service(url: str, key: str | None) -> Iterator[Finding]:
    try:
        health = httpx.get(f"{url}/health/ready", timeout=_ASK_SECONDS, trust_env=False)
    except httpx.HTTPError:
        yield _note("service", f"None answers at {url}; BREAKWATER_URL says where to ask.")
        return
    yield _readiness(url, health)
    if key is None:
        yield _note("key", "BREAKWATER_KEY is not set, so commands cannot ask the service.")
        return
    headers = {"authorization": f"Bearer {key}"}
    status = httpx.get(
        f"{url}/api/v1/circuits", headers=headers, timeout=_ASK_SECONDS, trust_env=False
    ).status_code
    if status == _UNAUTHORIZED:
        yield _bad("key", f"{url} does not know BREAKWATER_KEY: make one on the page Settings.")
    elif status == _OK:
        yield _good("key", "The service takes BREAKWATER_KEY.")
    else:
        yield _note(
            "key", f"The service answers BREAKWATER_KEY with {status}: its scopes do not reach everything."
        )


def _readiness(url: str, health: httpx.Response) -> Finding:
    if health.status_code == _OK:
        return _good("service", f"{url} is ready.")
    if health.status_code != _UNAVAILABLE:
        return _bad("service", f"What answers at {url} is no Breakwater ({health.status_code}).")
    return _bad("service", f"{url} is not ready: {_ailing(health) or 'it does not say why'}.")


def _ailing(health: httpx.Response) -> str:
    try:
        body: Any = health.json()
        loops = body.get("loops", ())
        return "; ".join(f"{one['name']}: {one.get('last_error')}" for one in loops if not one["healthy"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
