"""SQLite files that are refused at the start: in use, damaged, too new, or unreachable."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from breakwater.core.store.sqlite import check
from tests.contract.commands import Add
from tests.contract.files import count_again, opened, refusal

NOBODY = 65534
HOLD_OPEN = """
import asyncio, sys
from breakwater.core.store.sqlite import check
from breakwater.core.store.engine import Database

async def main():
    database = Database(sys.argv[1])
    await database.open()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def contents(path: Path) -> bytes:
    return path.read_bytes()


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b" if path.exists() else "wb") as file:
        file.seek(at)
        file.write(data)


async def test_a_second_process_is_refused_with_the_name_of_the_first(
    sqlite_url: str, sqlite_path: Path
) -> None:
    with another_process(sqlite_url) as other:
        sentence = await refusal(sqlite_url)
        assert sentence.startswith(f"{sqlite_path} is in use by another Breakwater process (pid {other.pid})")
    assert await count_again(sqlite_url) == 0


async def test_a_killed_process_leaves_no_lock(sqlite_url: str) -> None:
    with another_process(sqlite_url) as other:
        other.kill()
    assert await count_again(sqlite_url) == 0


@contextmanager
def another_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process have the database open within the block."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", HOLD_OPEN, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        yield other
        if other.stdin is not None:
            other.stdin.close()


async def test_the_same_file_by_another_name_is_refused(sqlite_url: str, sqlite_path: Path) -> None:
    database = await opened(sqlite_url)
    alias = sqlite_path.with_name("alias.db")
    alias.symlink_to(sqlite_path)
    assert f"(pid {os.getpid()})" in await refusal(f"sqlite+aiosqlite:///{alias}")
    await database.close()


async def test_a_newer_schema_is_refused(sqlite_url: str, sqlite_path: Path) -> None:
    await (await opened(sqlite_url)).close()
    with closing(sqlite3.connect(sqlite_path)) as connection:
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "The database has schema 9999, and this Breakwater knows schemas up to" in await refusal(
        sqlite_url
    )
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", version)
        connection.commit()
    assert await count_again(sqlite_url) == 0


async def test_a_file_that_is_not_a_database_is_refused_and_unchanged(
    sqlite_url: str, sqlite_path: Path
) -> None:
    notes = "these are the notes of the last incident\n" * 100
    overwrite(sqlite_path, 0, notes.encode())
    assert await refusal(sqlite_url) == (
        f"{sqlite_path} is not a SQLite database: give another path, or move that file away."
    )
    assert contents(sqlite_path) == notes.encode()


async def test_a_damaged_file_is_refused(sqlite_url: str, sqlite_path: Path) -> None:
    database = await opened(sqlite_url)
    await asyncio.gather(*(database.writer.submit(Add(f"m{n:05}")) for n in range(2000)))
    await database.close()
    overwrite(sqlite_path, 40_960, os.urandom(40_960))
    sentence = await refusal(sqlite_url)
    assert sentence.startswith(f"{sqlite_path} is damaged (")
    assert sentence.endswith("): restore it from a backup.")


async def test_a_file_cut_short_is_refused(sqlite_url: str, sqlite_path: Path) -> None:
    database = await opened(sqlite_url)
    await asyncio.gather(*(database.writer.submit(Add(f"m{n:05}")) for n in range(2000)))
    await database.close()
    os.truncate(sqlite_path, 40_960)
    assert f"{sqlite_path} is damaged" in await refusal(sqlite_url)


async def test_the_check_for_damage_is_bounded(
    sqlite_url: str, sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await opened(sqlite_url)
    await asyncio.gather(*(database.writer.submit(Add(f"m{n:05}")) for n in range(5000)))
    await database.close()
    monkeypatch.setattr(check, "CHECK_SECONDS", -1.0)
    monkeypatch.setattr(check, "_STEPS", 100)
    assert await count_again(sqlite_url) == 5000


async def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "missing"
    sentence = await refusal(f"sqlite+aiosqlite:///{folder}/breakwater.db")
    assert sentence == f"Cannot open the database: there is no directory {folder}; create it first."


async def test_a_directory_in_the_files_place_is_refused(tmp_path: Path) -> None:
    assert f"{tmp_path} is a directory" in await refusal(f"sqlite+aiosqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("mode", "restricted", "sentence"),
    [
        (0o500, "directory", "is not writable"),
        (0o400, "file", "is not readable and writable for this user"),
        (0o200, "file", "is not readable and writable for this user"),
    ],
)
async def test_a_file_without_permissions_is_refused(
    sqlite_url: str, sqlite_path: Path, mode: int, restricted: str, sentence: str
) -> None:
    await (await opened(sqlite_url)).close()
    path = sqlite_path if restricted == "file" else sqlite_path.parent
    with an_ordinary_user_who_owns(sqlite_path):
        path.chmod(mode)
        try:
            assert sentence in await refusal(sqlite_url)
        finally:
            path.chmod(0o700)


async def test_an_unreachable_path_is_refused(sqlite_url: str, sqlite_path: Path) -> None:
    await (await opened(sqlite_url)).close()
    with an_ordinary_user_who_owns(sqlite_path):
        sqlite_path.parent.chmod(0)
        try:
            assert "cannot be reached (Permission denied)" in await refusal(sqlite_url)
        finally:
            sqlite_path.parent.chmod(0o700)


@contextmanager
def an_ordinary_user_who_owns(path: Path) -> Iterator[None]:
    """Act within the block as a user with no privileges: permissions mean nothing to root, who often runs tests."""
    if os.geteuid() != 0:
        yield
        return
    for owned in (path, path.parent):
        os.chown(owned, NOBODY, NOBODY)
    for folder in path.parent.parents:
        folder.chmod(folder.stat().st_mode | 0o011)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_file_that_another_program_has_locked_is_refused(sqlite_url: str, sqlite_path: Path) -> None:
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        assert await refusal(sqlite_url) == f"{sqlite_path} is locked by another program: close it first."
    assert await count_again(sqlite_url) == 0
