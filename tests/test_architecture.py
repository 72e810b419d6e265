"""The trail in docs/architecture.md: one webhook is sent, and the named files are called in the named order."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx

from breakwater.core.runtime import Runtime
from breakwater.web.app import create_app
from breakwater.web.receiver import Receiver
from tests.delivery.running_engine import settings_for
from tests.fakes import eventually

ROOT = Path(__file__).resolve().parent.parent
ATTEMPTS = 5
KEY = "bw_" + "k" * 40
LINK = re.compile(r"\]\(\.\./([^)]+\.py)\)")


def trail() -> list[str]:
    """Return the files of the table, row by row."""
    section = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("### The trail")[2]
    table = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [path for line in table for path in LINK.findall(line)]


@contextmanager
def recorded_files() -> Iterator[list[str]]:
    """Record the files of the repository whose functions are called in this thread, in the order of first calls."""
    files: dict[str, None] = {}

    def on_event(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            files.setdefault(frame.f_code.co_filename)

    called: list[str] = []
    sys.setprofile(on_event)
    try:
        yield called
    finally:
        sys.setprofile(None)
    paths = (Path(file).resolve() for file in files)
    called += [path.relative_to(ROOT).as_posix() for path in paths if path.is_relative_to(ROOT)]


async def test_one_webhook_takes_the_trail_of_the_architecture(tmp_path: Path) -> None:
    receiver = Receiver()
    await receiver.start()
    settings = settings_for(
        tmp_path,
        database_url=f"sqlite+aiosqlite:///{tmp_path}/breakwater.db",
        allowed_networks=(f"127.0.0.1/32:{receiver.port}",),
        bootstrap_key=KEY,
    )
    runtime = Runtime(settings)
    await runtime.open()
    await runtime.deliver()
    app = create_app(settings, runtime=runtime)

    async def send(client: httpx.AsyncClient, count: int) -> None:
        message = {"event_type": "order.created", "payload": {"n": 1}}
        assert (await client.post("/api/v1/messages", json=message)).status_code == 202
        await eventually(lambda: len(receiver.log.requests) == count and not runtime._dispatcher.in_flight)

    async with (
        app.lifespan(),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://127.0.0.1:8420",
            headers={"Authorization": f"Bearer {KEY}"},
        ) as client,
    ):
        await runtime.endpoints.create({"url": f"{receiver.url}/steady", "name": "shop"}, actor="person:ada")
        await send(client, 1)  # fills the caches, so that the next one takes the usual way
        expected = trail()
        recorded: list[str] = []
        # A background task that reads at the same moment calls some of the files out of turn.
        for count in range(2, 2 + ATTEMPTS):
            with recorded_files() as files:
                await send(client, count)
            recorded = [file for file in files if file in expected]
            if recorded == expected:
                break
    await runtime.stop()
    await receiver.stop()
    assert len(expected) > 20
    assert recorded == expected
