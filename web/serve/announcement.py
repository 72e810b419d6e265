"""Announces a start: on the terminal for a person, or as a log line with the secrets in a file.

Logs that are JSON are usually collected. A sign-in link or a key does not belong there, and text between the lines
breaks their readers.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from breakwater.core.settings import Settings
from breakwater.web.serve.banner import banner
from breakwater.web.serve.first_start import Welcome

FILE_NAME: Final = "breakwater-first-start.txt"


def announce(welcome: Welcome, settings: Settings) -> None:
    """Say on stdout that the service accepts requests, and where, whatever the level of the log."""
    if settings.log_format == "console":
        click.echo(banner(welcome))
        return
    fields = {"url": welcome.url}
    if welcome.sign_in is not None or welcome.key is not None:
        fields |= _file_fields(welcome, settings.key_file.with_name(FILE_NAME))
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    click.echo(json.dumps({**fields, "event": "service.started", "level": "info", "timestamp": now}))


def _file_fields(welcome: Welcome, path: Path) -> dict[str, str]:
    """Write the secrets of the start to `path`, and return what the log says about it."""
    try:
        _write_privately(path, banner(welcome))
    except OSError as error:
        return {
            "note": f"cannot write {path} ({error.strerror}): nobody knows the sign-in link of this start",
            "remedy": "make its folder writable and start again, or start once with BREAKWATER_LOG_FORMAT=console",
        }
    return {
        "first_start_file": str(path),
        "note": "the file has a sign-in link that expires in 10 minutes; delete it after use",
    }


def _write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner can read. A file of another owner or mode is replaced, not written into."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
