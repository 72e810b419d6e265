"""Any unusable database URL refuses the start with one sentence."""

from pathlib import Path

import pytest

from tests.contract.files import refusal


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://user:s3cr3t@./name",
        "postgresql+asyncpg://127.0.0.1:1/name",
        "postgresql+asyncpg://127.0.0.1:/name",
        "postgresql+asyncpg://127.0.0.1:99999999/name",
        f"postgresql+asyncpg://{'h' * 300}/name",
    ],
)
async def test_a_postgres_url_that_cannot_be_used(url: str) -> None:
    sentence = await refusal(url)
    assert sentence.startswith(("Cannot use the database", "The database URL is not valid"))
    assert "s3cr3t" not in sentence


async def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    assert "cannot be reached (File name too long)" in await refusal(
        f"sqlite+aiosqlite:///{tmp_path}/{'n' * 300}"
    )
