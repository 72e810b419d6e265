from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from breakwater.core.runtime import Runtime
from breakwater.web.app import create_app
from tests.delivery.running_engine import settings_for
from tests.fakes import ManualClock, ScriptedSender
from tests.web.running_app import BOOTSTRAP_KEY, RunningApp


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[RunningApp]:
    """The whole application on an in-memory database."""
    settings = settings_for(tmp_path, drain_seconds=0, bootstrap_key=BOOTSTRAP_KEY)
    clock, sender = ManualClock(), ScriptedSender()
    async with Runtime(settings, clock=clock, sender=sender, draw=lambda: 0.5) as runtime:
        async with RunningApp(runtime, clock, sender, create_app(settings, runtime=runtime)) as service:
            yield service
        sender.release()
