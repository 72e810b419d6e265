"""The checks of `breakwater doctor`. Each result is one sentence, with the remedy if something is wrong."""

import asyncio
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

from breakwater.core.domain.descriptors import plan_descriptors
from breakwater.core.domain.errors import StartRefused, StoreUnavailable
from breakwater.core.settings import Settings, unknown_variables
from breakwater.core.settings.types import SQLITE
from breakwater.web.serve.descriptors import reachable_descriptor_limit

_LOW_DISK_BYTES: Final = 500 * 1024 * 1024
"""A busy service can write this much within hours."""
_TIMEOUT_SECONDS: Final = 5.0
_OK, _UNAUTHORIZED, _FORBIDDEN, _UNAVAILABLE = 200, 401, 403, 503


@unique
class Grade(StrEnum):
    """The severity of a finding."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

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
    """Yield the findings of every check, of this machine and of the running service."""
    yield _good("versions", f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}.")
    yield from _variables(environ)
    yield from _database(settings)
    yield _descriptors(settings)
    yield from _key_file(settings)
    yield from _service(service, key)


def _variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    unknown = unknown_variables(environ)
    if unknown:
        yield _bad(
            "settings", f"Unknown settings: {', '.join(unknown)}. `breakwater serve --help` lists the names."
        )
    else:
        yield _good("settings", "Every setting is valid.")


def _database(settings: Settings) -> Iterator[Finding]:
    if not settings.database_url.startswith(SQLITE):
        yield _note("database", "PostgreSQL; the service checks it at start.")
        return
    name = settings.database_url.removeprefix(SQLITE).partition("?")[0]
    if name == ":memory:":
        yield _note("database", "In memory: all data is lost when the service stops.")
        return
    path = Path(name).absolute()
    try:
        yield _folder(path.parent)
        yield (
            _file(path)
            if path.exists()
            else _note("database", f"{path} does not exist yet; the first start creates it.")
        )
    except OSError as error:  # such as a name that is too long
        yield _bad("database", f"{path} cannot be reached ({error.strerror}): set BREAKWATER_DATABASE_URL.")


def _folder(folder: Path) -> Finding:
    if not folder.is_dir():
        return _bad("folder", f"{folder} is not a folder: create it, or set BREAKWATER_DATABASE_URL.")
    if not os.access(folder, os.W_OK | os.X_OK):
        return _bad(
            "folder",
            f"This user cannot write to {folder}, which SQLite needs for its journal: allow it.",
        )
    free = shutil.disk_usage(folder).free
    sentence = f"{free / 1024**3:.1f} GB free in {folder}"
    if free > _LOW_DISK_BYTES:
        return _good("folder", f"{sentence}.")
    return _bad("folder", f"Only {sentence}: free some disk space.")


def _file(path: Path) -> Finding:
    """Check the file through a read-only connection, which never checkpoints or disturbs a running service."""
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT_SECONDS)
        ) as database:
            result: str = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        return _bad("database", f"{path} cannot be read ({error}): restore it from a backup.")
    size = f"{path.stat().st_size / 1024**2:.1f} MB"
    if result != "ok":
        return _bad("database", f"{path} is damaged ({result}): restore it from a backup.")
    return _good("database", f"{path} is intact ({size}).")


def _descriptors(settings: Settings) -> Finding:
    """Check the limit of this shell; that of a service manager can differ."""
    budget = plan_descriptors(reachable_descriptor_limit(), settings.max_in_flight)
    if budget.notice is not None:
        return _note("files", f"A service started from here would be limited. {budget.notice}")
    return _good("files", f"{budget.limit:,} files may be open, enough for {budget.attempts:,} attempts.")


def _key_file(settings: Settings) -> Iterator[Finding]:
    path = settings.key_file
    if _exists(path) and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield _bad("key file", f"Other users can read {path}: run chmod 600 {path}")
    if _has_stored_secrets(settings.database_url):
        yield _opens_secrets(settings)


def _opens_secrets(settings: Settings) -> Finding:
    from breakwater.core.endpoints.key_check import examine_key  # noqa: PLC0415 - help needs no database

    try:
        check = asyncio.run(examine_key(settings))
    except StartRefused as refused:
        return _bad("key file", str(refused))
    except StoreUnavailable as error:
        return _note("key file", f"The key was not checked. {error}")
    return _bad("key file", check.sentence) if check.unreadable else _good("key file", check.sentence)


def _has_stored_secrets(database_url: str) -> bool:
    """Return whether there can be a database with secrets that the key has to open."""
    if not database_url.startswith(SQLITE):
        return True
    name = database_url.removeprefix(SQLITE).partition("?")[0]
    return name != ":memory:" and _exists(Path(name))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False


def _service(url: str, key: str | None) -> Iterator[Finding]:
    try:
        health = httpx.get(f"{url}/health/ready", timeout=_TIMEOUT_SECONDS, trust_env=False)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        yield _bad("service", f"{url!r} is not a valid service URL: set BREAKWATER_URL to its address.")
        return
    except httpx.HTTPError:
        yield _note("service", f"No service is running at {url}. Set BREAKWATER_URL to its address.")
        return
    yield _readiness(url, health)
    yield from (_note("service", notice) for notice in _notices(health))
    if key is None:
        yield _note("key", "BREAKWATER_KEY is not set; commands that call the API need it.")
        return
    if not (key.isascii() and key.isprintable()):
        yield _bad("key", "BREAKWATER_KEY has characters that no key has: set it to bw_...")
        return
    headers = {"authorization": f"Bearer {key}"}
    status = httpx.get(
        f"{url}/api/v1/circuits", headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False
    ).status_code
    if status == _OK:
        yield _good("key", "The service accepts BREAKWATER_KEY.")
    elif status == _UNAUTHORIZED:
        yield _bad("key", f"{url} does not accept BREAKWATER_KEY: create an API key in Settings.")
    elif status == _FORBIDDEN:
        yield _note("key", "The service accepts BREAKWATER_KEY, but the key lacks the scope read.")
    else:
        yield _note("key", f"The service responds {status} to a request with BREAKWATER_KEY.")


def _readiness(url: str, health: httpx.Response) -> Finding:
    if health.status_code == _OK:
        return _good("service", f"{url} is ready.")
    if health.status_code != _UNAVAILABLE:
        return _bad(
            "service",
            f"The server at {url} is not Breakwater (status {health.status_code}).",
        )
    return _bad(
        "service", f"{url} is not ready: {_unhealthy_tasks(health) or 'the response gives no reason'}."
    )


def _notices(health: httpx.Response) -> list[str]:
    try:
        return [str(notice) for notice in health.json().get("notices", ())]
    except (ValueError, TypeError, AttributeError):  # the server is not Breakwater
        return []


def _unhealthy_tasks(health: httpx.Response) -> str:
    try:
        body: Any = health.json()
        loops = body.get("loops", ())
        return "; ".join(f"{loop['name']}: {loop.get('last_error')}" for loop in loops if not loop["healthy"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
