from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from breakwater.core.runtime import Runtime
from breakwater.web.app import create_app
from tests.delivery.harbour import settings_for
from tests.fakes import ManualClock, ScriptedSender
from tests.web.quay import BOOTSTRAP_KEY, Quay


@pytest.fixture
async def quay(tmp_path: Path) -> AsyncIterator[Quay]:
    """The whole application on an in-memory database."""
    settings = settings_for(tmp_path, drain_seconds=0, bootstrap_key=BOOTSTRAP_KEY)
    clock, sender = ManualClock(), ScriptedSender()
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        async with Quay(runtime, clock, sender, create_app(settings, runtime=runtime)) as quay:
            yield quay
        sender.let_go()
