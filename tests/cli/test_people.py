"""An administrator who lost the password gets in again, with access to the machine and a stopped service."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from breakwater.core.domain.errors import BreakwaterError
from breakwater.core.runtime import Runtime
from breakwater.core.settings import Settings
from breakwater.web.cli import main

PASSWORD = "correct horse battery staple"


def url_of(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'breakwater.db'}"


def settings_for(folder: Path) -> Settings:
    return Settings(database_url=url_of(folder), key_file=folder / "breakwater.key", drain_seconds=0)


def invite(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run `breakwater people invite` and return its exit code and output."""
    result = CliRunner().invoke(main, ["people", "invite", *arguments, "--database-url", url_of(folder)])
    return result.exit_code, result.stdout + result.stderr


def test_the_link_lets_the_administrator_set_a_new_password(tmp_path: Path) -> None:
    async def first_start() -> None:
        async with Runtime(settings_for(tmp_path)) as runtime:
            code = await runtime.access.bootstrap()
            await runtime.access.welcome(str(code), "the password that is lost", source="127.0.0.1")

    async def next_start(code: str) -> None:
        async with Runtime(settings_for(tmp_path)) as runtime:
            await runtime.access.welcome(code, PASSWORD, source="127.0.0.1")
            await runtime.access.sign_in("admin", PASSWORD, source="127.0.0.1")
            with pytest.raises(BreakwaterError):
                await runtime.access.sign_in("admin", "the password that is lost", source="127.0.0.1")
            entries = (await runtime.queries.audit.list(limit=5)).items
            assert any(entry.action == "person.invite" and "command line" in entry.actor for entry in entries)

    asyncio.run(first_start())
    code, output = invite(tmp_path)
    assert code == 0, output
    link = output.split()[0]
    assert link.startswith("http://127.0.0.1:8420/welcome#")
    asyncio.run(next_start(link.partition("#")[2]))


def test_the_link_works_after_the_next_start_when_no_administrator_can_sign_in(tmp_path: Path) -> None:
    async def first_start() -> None:
        async with Runtime(settings_for(tmp_path)) as runtime:
            assert await runtime.access.bootstrap()

    async def next_start(code: str) -> None:
        async with Runtime(settings_for(tmp_path)) as runtime:
            assert await runtime.access.bootstrap() is None
            await runtime.access.welcome(code, PASSWORD, source="127.0.0.1")
            await runtime.access.sign_in("admin", PASSWORD, source="127.0.0.1")

    asyncio.run(first_start())
    code, output = invite(tmp_path)
    assert code == 0, output
    asyncio.run(next_start(output.split()[0].partition("#")[2]))


def test_a_missing_database_is_refused_and_not_created(tmp_path: Path) -> None:
    code, output = invite(tmp_path)
    assert code == 2
    assert "There is no database" in output
    assert list(tmp_path.iterdir()) == []


def test_a_running_service_is_refused_with_the_remedy(tmp_path: Path) -> None:
    async def while_running() -> tuple[int, str]:
        async with Runtime(settings_for(tmp_path)):
            return await asyncio.to_thread(invite, tmp_path)

    code, output = asyncio.run(while_running())
    assert code == 2
    assert "another process" in output.lower() or "in use" in output.lower()


def test_a_name_that_nobody_can_have_is_refused(tmp_path: Path) -> None:
    async def start() -> None:
        async with Runtime(settings_for(tmp_path)):
            pass

    asyncio.run(start())
    code, output = invite(tmp_path, "no spaces allowed")
    assert code == 2
    assert "name" in output
