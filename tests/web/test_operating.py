"""docs/operating.md names metrics, settings and commands that exist."""

import re
from pathlib import Path

import click

from breakwater.core.settings import Settings
from breakwater.web.cli import main
from breakwater.web.cli.options import variable_of
from tests.web.running_app import RunningApp

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")


async def test_the_metrics_of_the_page_are_those_of_the_service(service: RunningApp) -> None:
    text = (await service.api.get("/metrics")).text
    served = {
        f"{name}_total" if kind == "counter" and not name.endswith("_total") else name
        for name, kind in re.findall(r"^# TYPE (breakwater_\w+) (\w+)", text, re.MULTILINE)
        if not name.endswith("_created")
    }
    table = set(re.findall(r"^\| `(breakwater_\w+)", DOCUMENT, re.MULTILINE))
    assert table == served
    alerts = set(
        re.findall(r"breakwater_[a-z_]+", DOCUMENT.partition("Alert on these")[2].partition("##")[0])
    )
    assert alerts <= served


def test_every_setting_of_the_page_exists() -> None:
    variables = {variable_of(name) for name in Settings.model_fields}
    assert set(re.findall(r"BREAKWATER_[A-Z_]+", DOCUMENT)) <= variables


def test_every_command_of_the_page_exists() -> None:
    for block in re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL):
        for line in block.splitlines():
            words = line.split()
            if not words or words[0] != "breakwater":
                continue
            command: click.Command | None = main
            for word in words[1:]:
                if not isinstance(command, click.Group):
                    break
                command = command.get_command(click.Context(command), word)
                assert command is not None, line
            options = (
                {option for parameter in command.params for option in parameter.opts} if command else set()
            )
            assert {word for word in words if word.startswith("--")} <= options, line
