"""The installed distribution: its version, and what to install for a part that needs more than the base package."""

from functools import cache
from typing import Final

DISTRIBUTION: Final = "breakwater-webhooks"


@cache
def installed_version() -> str | None:
    """Return the version, or None in a checkout that was never installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # slow, and seldom needed

    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return None


def install_hint(part: str, error: ModuleNotFoundError, extra: str = "server") -> str:
    """Return the sentence for `part` whose import failed with `error`.

    Raises the error itself when a module of Breakwater is missing: that is a fault of the package, not of the caller.
    """
    if error.name is None or error.name.partition(".")[0] == "breakwater":
        raise error
    return f"{part} needs the package {error.name}: pip install '{DISTRIBUTION}[{extra}]'"
