"""`kill -9` during commits: confirmed writes are stored and the file is intact."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from breakwater.core.store.engine import Database
from tests.contract.commands import names

WRITE_UNTIL_KILLED = """
import asyncio, sys
from breakwater.core.store.engine import Database
from tests.contract.commands import Add

async def caller(database, prefix):
    for n in range(1_000_000):
        await database.writer.submit(Add(f"{prefix}-{n}"))
        print(f"{prefix}-{n}", flush=True)

async def main():
    database = Database(sys.argv[1])
    await database.open()
    await asyncio.gather(*(caller(database, f"{sys.argv[2]}-{n}") for n in range(40)))

asyncio.run(main())
"""
ROUNDS = 4


@pytest.mark.slow
async def test_confirmed_writes_survive_kill_9(sqlite_url: str, sqlite_path: Path) -> None:
    draw = random.Random(8420)
    confirmed: set[str] = set()
    for round_ in range(ROUNDS):
        fresh = confirmed_before_kill(sqlite_url, str(round_), after=draw.randrange(1, 600))
        assert fresh
        confirmed |= fresh
        assert integrity(sqlite_path) == "ok"
        database = Database(sqlite_url)
        await database.open()
        there = set(await names(database))
        await database.close()
        assert confirmed <= there
    assert integrity(sqlite_path) == "ok"


def confirmed_before_kill(url: str, prefix: str, *, after: int) -> set[str]:
    """Kill a writing process once it has confirmed `after` writes; return all that it confirmed."""
    command = [sys.executable, "-c", WRITE_UNTIL_KILLED, url, prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:  # noqa: S603 - our own program
        assert writer.stdout is not None
        confirmed = [line for line, _ in zip(writer.stdout, range(after), strict=False)]
        writer.kill()
        confirmed += list(writer.stdout)
    return {line.strip() for line in confirmed if line.endswith("\n")}


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
