"""Commands that only call a service do not import the parts of a service."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

import breakwater
from breakwater.web.cli import main

ROOT = Path(__file__).resolve().parents[2]
UNUSED = ("alembic", "asyncpg", "httpx")
HEAVY = ("litestar", "sqlalchemy", "sqlmodel", "uvicorn", "cryptography", "pyreqwest")


def imported_by(lines: str) -> set[str]:
    """Return which of the heavy packages a fresh interpreter has after `lines`."""
    output = (
        f"{lines}\nimport json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", output], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "command", ["serve", "send", "deliveries", "resend", "replays", "circuits", "keys", "secrets", "doctor"]
)
def test_a_command_and_its_help_import_neither_framework_nor_database(command: str) -> None:
    assert (
        imported_by(
            f"from breakwater.web.cli import main; main(['{command}', '--help'], standalone_mode=False)"
        )
        == set()
    )


def test_the_list_of_commands_imports_none_of_them() -> None:
    assert (
        imported_by("from breakwater.web.cli import main; main(['--help'], standalone_mode=False)") == set()
    )


def test_the_list_of_commands_has_the_first_sentence_of_each_help() -> None:
    context = click.Context(main)
    own = {name: _first_sentence(main.get_command(context, name)) for name in main.list_commands(context)}
    assert {name: entry.summary for name, entry in main.entries.items()} == own


def _first_sentence(command: click.Command | None) -> str:
    assert command is not None
    return command.get_short_help_str(limit=200)


def test_the_circuit_breaker_alone_imports_no_third_party_module() -> None:
    lines = "from breakwater import CircuitBreaker, CircuitBreakerConfig, RetryPolicy; CircuitBreaker()"
    program = (
        f"import sys; before = set(sys.modules); {lines}; print(*(set(sys.modules) - before), sep='\\n')"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert "breakwater" in packages
    assert packages - sys.stdlib_module_names == {"breakwater"}


def test_a_start_on_a_current_sqlite_database_imports_no_part_that_it_does_not_use(
    tmp_path: Path,
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'breakwater.db'}"
    program = (
        "import asyncio, sys\nimport breakwater.web.serve.process\n"
        "from breakwater.core.runtime import Runtime\nfrom breakwater.core.settings import Settings\n"
        "async def start():\n"
        f"    async with Runtime(Settings(database_url={url!r})):\n"
        "        pass\n"
        "asyncio.run(start())\n"
        f"print(*[name for name in {UNUSED!r} if name in sys.modules])"
    )
    first, second = [
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        ).stdout.split()
        for _ in range(2)
    ]
    assert "alembic" in first, "the first start migrates"
    assert second == []


def test_every_public_name_is_there_and_one_imported_later_is_the_one_that_its_module_has() -> None:
    for name in breakwater.__all__:
        assert getattr(breakwater, name) is not None
        assert name in dir(breakwater)
    for name, home in breakwater._LAZY_MODULES.items():
        assert name in breakwater.__all__
        assert getattr(breakwater, name) is getattr(importlib.import_module(home), name)


def test_a_name_that_is_not_public_is_refused_as_by_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'breakwater' has no attribute 'Dispatcher'"):
        _ = breakwater.Dispatcher  # type: ignore[attr-defined]
