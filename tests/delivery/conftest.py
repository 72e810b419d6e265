from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from breakwater.core.runtime import Runtime
from tests.delivery.running_engine import RunningEngine, settings_for
from tests.fakes import ManualClock, ScriptedSender


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[RunningEngine]:
    clock, sender = ManualClock(), ScriptedSender()
    runtime = Runtime(settings_for(tmp_path, drain_seconds=0), clock=clock, sender=sender, draw=lambda: 0.5)
    async with runtime:
        yield RunningEngine(runtime, clock, sender)
        sender.release()
