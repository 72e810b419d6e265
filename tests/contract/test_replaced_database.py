"""A database file that was replaced beside the log of its former state is refused, and no crash is taken for that."""

import asyncio
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from breakwater.core.store.engine import Database
from breakwater.core.store.sqlite import store
from breakwater.core.store.sqlite.log_stamp import Header, is_stale
from tests.contract.commands import Add
from tests.contract.files import count_again, opened, refusal

SUFFIXES = ("", "-wal", "-shm")
WRITE_FOREVER = """
import asyncio, sys
from breakwater.core.store.engine import Database
from breakwater.core.store.sqlite import store
from tests.contract.commands import Add

store.CHECKPOINT_PAGES = 30
store.CHECKPOINT_PAUSE = 0.0

async def main():
    database = Database(sys.argv[1])
    await database.open()
    print("open", flush=True)
    for batch in range(1_000_000):
        await asyncio.gather(*(database.writer.submit(Add(f"{sys.argv[2]}-{batch}-{n}")) for n in range(20)))

asyncio.run(main())
"""


@pytest.fixture
def crashed_path(tmp_path: Path) -> Path:
    (tmp_path / "crashed").mkdir()
    return tmp_path / "crashed" / "breakwater.db"


async def add(database: Database, name: str, count: int = 50) -> None:
    await asyncio.gather(*(database.writer.submit(Add(f"{name}{n:05}")) for n in range(count)))


def crash(path: Path, crashed: Path) -> None:
    """Copy what a killed process leaves: nothing is checkpointed or removed."""
    for suffix in SUFFIXES:
        shutil.copyfile(f"{path}{suffix}", f"{crashed}{suffix}")


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def backup(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as destination:
        source.backup(destination)


def vacuum_into(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source:
        source.execute("VACUUM INTO ?", (str(target),))


def dump(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as destination:
        destination.executescript("\n".join(source.iterdump()))


def contents(path: Path) -> list[bytes]:
    """Return the bytes of the file and of its log."""
    return [Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal")]


def remove(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        Path(f"{path}{suffix}").unlink()


def overwrite(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def log_size(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


async def check_refused_until_the_log_is_moved_away(path: Path, messages: int) -> None:
    """Check that the start is refused and leaves the files as they are, and that the remedy works."""
    before = contents(path)
    sentence = await refusal(url_of(path))
    assert sentence.startswith(f"{path} was replaced, and the log breakwater.db-wal of its former state")
    assert "move breakwater.db-wal and breakwater.db-shm away" in sentence
    assert contents(path) == before
    remove(path, "-wal", "-shm")
    assert await count_again(url_of(path)) == messages


@pytest.mark.parametrize("copy", [backup, vacuum_into, dump])
async def test_a_copy_made_while_the_service_ran_is_refused_beside_the_log_of_a_crash(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path, tmp_path: Path, copy: Callable[[Path, Path], None]
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    copy(sqlite_path, tmp_path / "copy.db")
    await add(database, "b")
    crash(sqlite_path, crashed_path)
    await database.close()
    shutil.copyfile(tmp_path / "copy.db", crashed_path)
    await check_refused_until_the_log_is_moved_away(crashed_path, 50)


@pytest.mark.parametrize("copy", [backup, vacuum_into])
async def test_so_is_a_copy_from_before_a_checkpoint(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path, tmp_path: Path, copy: Callable[[Path, Path], None]
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    copy(sqlite_path, tmp_path / "copy.db")
    await add(database, "b")
    await database._store._checkpoint()
    await add(database, "d")
    crash(sqlite_path, crashed_path)
    await database.close()
    shutil.copyfile(tmp_path / "copy.db", crashed_path)
    await check_refused_until_the_log_is_moved_away(crashed_path, 50)


async def test_so_is_a_plain_copy_from_a_clean_stop(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path, tmp_path: Path
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    await database.close()
    shutil.copyfile(sqlite_path, tmp_path / "copy.db")
    database = await opened(sqlite_url)
    await add(database, "b")
    crash(sqlite_path, crashed_path)
    await database.close()
    shutil.copyfile(tmp_path / "copy.db", crashed_path)
    await check_refused_until_the_log_is_moved_away(crashed_path, 50)


async def test_so_is_the_database_of_another_installation(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    database = await opened(url_of(other))
    await add(database, "x", 3)
    await database.close()
    database = await opened(sqlite_url)
    await add(database, "a")
    crash(sqlite_path, crashed_path)
    await database.close()
    shutil.copyfile(other, crashed_path)
    await check_refused_until_the_log_is_moved_away(crashed_path, 3)


async def test_what_is_no_database_is_refused_beside_a_log(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    crash(sqlite_path, crashed_path)
    await database.close()
    overwrite(crashed_path, b"a compressed backup, for example" * 200)
    assert "is not a SQLite database" in await refusal(url_of(crashed_path))


async def test_a_copy_that_replaces_a_file_without_a_log_is_accepted(
    sqlite_url: str, sqlite_path: Path, tmp_path: Path
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    backup(sqlite_path, tmp_path / "copy.db")
    await add(database, "b")
    await database.close()
    shutil.copyfile(tmp_path / "copy.db", sqlite_path)
    assert await count_again(sqlite_url) == 50
    assert await count_again(sqlite_url) == 50


async def test_a_restore_by_sqlite_itself_is_accepted_beside_a_log(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path, tmp_path: Path
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    backup(sqlite_path, tmp_path / "copy.db")
    await add(database, "b")
    crash(sqlite_path, crashed_path)
    await database.close()
    backup(tmp_path / "copy.db", crashed_path)
    assert await count_again(url_of(crashed_path)) == 50


async def test_a_crash_is_no_replacement_nor_are_file_and_log_copied_together(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path, tmp_path: Path
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    crash(sqlite_path, crashed_path)
    (tmp_path / "moved").mkdir()
    moved_path = tmp_path / "moved" / "other name.db"
    crash(sqlite_path, moved_path)
    remove(moved_path, "-shm")
    await database.close()
    assert await count_again(url_of(crashed_path)) == 50
    assert await count_again(url_of(moved_path)) == 50


async def test_file_and_log_copied_together_replace_those_of_another_state(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path, tmp_path: Path
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    earlier = tmp_path / "earlier.db"
    crash(sqlite_path, earlier)
    await database.close()
    database = await opened(sqlite_url)
    await add(database, "b")
    crash(sqlite_path, crashed_path)
    await database.close()
    crash(earlier, crashed_path)
    assert await count_again(url_of(crashed_path)) == 50


@pytest.mark.parametrize("checkpointed", [False, True])
async def test_a_vacuum_by_another_program_is_no_replacement(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path, checkpointed: bool
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
        other.execute("PRAGMA wal_autocheckpoint=0")
        other.execute("VACUUM")
        if checkpointed:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)")
    await add(database, "b")
    crash(sqlite_path, crashed_path)
    await database.close()
    assert await count_again(url_of(crashed_path)) == 100


async def test_a_vacuum_after_a_crash_is_no_replacement(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    crash(sqlite_path, crashed_path)
    await database.close()
    with closing(sqlite3.connect(crashed_path, isolation_level=None)) as other:
        other.execute("VACUUM")
        crash(crashed_path, sqlite_path)
    assert await count_again(sqlite_url) == 50
    assert await count_again(url_of(crashed_path)) == 50


async def test_a_database_that_was_never_stamped_is_accepted_with_its_log(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    await database.close()
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as older:
        older.execute("PRAGMA user_version=0")
        older.execute("PRAGMA application_id=0")
        older.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        older.execute("CREATE TABLE changes_the_schema (id)")
        crash(sqlite_path, crashed_path)
    assert await count_again(url_of(crashed_path)) == 50


def write_and_kill(url: str, name: str, share: float, *, during_start: bool) -> None:
    """Kill a process that writes and checkpoints all the time, up to 0.3 s after its start."""
    command = [sys.executable, "-c", WRITE_FOREVER, url, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writing:  # noqa: S603 - our own program
        assert writing.stdout is not None
        if during_start:
            time.sleep(0.3 + share * 0.5)
        else:
            assert writing.stdout.readline() == "open\n"
            time.sleep(share * 0.3)
        writing.send_signal(signal.SIGKILL)


@pytest.mark.slow
async def test_no_kill_is_taken_for_a_replacement(sqlite_url: str, sqlite_path: Path) -> None:
    chance = random.Random(7)
    before = 0
    for round_ in range(12):
        write_and_kill(sqlite_url, f"t{round_}", chance.random(), during_start=round_ % 3 == 0)
        if round_ % 2:
            count = await count_again(sqlite_url)
            assert count >= before
            before = count
    assert before > 0


async def test_a_long_log_is_emptied_by_the_next_write(
    sqlite_url: str, sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHECKPOINT_PAGES", 50)
    monkeypatch.setattr(store, "CHECKPOINT_PAUSE", 0)
    database = await opened(sqlite_url)
    longest = 0
    for batch in range(40):
        await add(database, f"b{batch}-", 20)
        longest = max(longest, log_size(sqlite_path))
    assert 50 * 4096 < longest < 120 * 4096
    async with database.read() as connection:  # a reader keeps its pages in the log
        await connection.exec_driver_sql("SELECT count(*) FROM messages")
        for batch in range(10):
            await add(database, f"c{batch}-", 20)
    await add(database, "d", 1)
    await add(database, "e", 1)
    assert log_size(sqlite_path) < 50 * 4096
    await database.close()
    assert await count_again(sqlite_url) == 40 * 20 + 10 * 20 + 2


async def test_another_program_that_closes_the_database_leaves_its_log(
    sqlite_url: str, sqlite_path: Path, crashed_path: Path
) -> None:
    database = await opened(sqlite_url)
    await add(database, "a")
    await asyncio.to_thread(read_in_another_process, sqlite_path)
    await add(database, "b")
    crash(sqlite_path, crashed_path)
    await database.close()
    assert await count_again(url_of(crashed_path)) == 100


def read_in_another_process(path: Path) -> None:
    program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM messages'); c.close()"
    subprocess.run([sys.executable, "-c", program, path], check=True)  # noqa: S603 - our own program


@pytest.mark.parametrize(
    ("file", "log", "stale"),
    [
        (Header(0, 0, 9), Header(0, 0, 12), False),
        (Header(5, 1, 9), Header(7, 5, 12), False),
        (Header(7, 5, 9), Header(7, 5, 9), False),
        (Header(7, 5, 1), Header(7, 5, 9), True),
        (Header(3, 1, 9), Header(7, 5, 9), True),
        (Header(0, 0, 9), Header(7, 5, 9), True),
        (Header(0, 0, 9), Header(7, 0, 9), False),
    ],
)
def test_the_stamps_decide(file: Header, log: Header, stale: bool) -> None:
    assert is_stale(file, log) is stale


def test_the_header_is_read_alike_from_the_file_and_by_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "any.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("PRAGMA user_version=2147483647")
        connection.execute("PRAGMA application_id=1234567")
        connection.commit()
        with path.open("rb") as file:
            header = Header.of_file(file.fileno())
        assert header == Header.of_connection(connection) == Header(2147483647, 1234567, 1)


MIGRATE_AND_DIE = """
import asyncio, os, signal, sys
from breakwater.core.store.engine import Database
from breakwater.core.store.sqlite import store
from breakwater.core.store.sqlite.driver import SqliteConnection

def migrate(connection, sealer=None):
    connection.exec_driver_sql("ALTER TABLE messages ADD COLUMN newer TEXT")

async def die(self):
    os.kill(os.getpid(), signal.SIGKILL)

store.upgrade = migrate
SqliteConnection.close = die
asyncio.run(Database(sys.argv[1]).open())
"""


async def test_a_kill_right_after_a_migration_is_not_taken_for_another_file(
    sqlite_path: Path, sqlite_url: str
) -> None:
    database = Database(sqlite_url)
    await database.open()
    await database.close()
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE_AND_DIE, sqlite_url)
    assert await child.wait() == -signal.SIGKILL
    assert sqlite_path.with_name(sqlite_path.name + "-wal").stat().st_size > 0
    database = Database(sqlite_url)
    await database.open()
    await database.close()
