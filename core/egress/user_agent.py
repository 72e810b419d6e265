"""The headers that identify Breakwater to receivers."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from breakwater.core.domain.outcome import Headers


def _version() -> str:
    try:
        return version("breakwater-webhooks")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unreleased"


USER_AGENT: Final = f"Breakwater/{_version()}"
"""An endpoint's own `User-Agent` header replaces it."""

COMMON_HEADERS: Final[Headers] = (
    ("Accept", "*/*"),
    # Without it a receiver may compress its response, and a compressed error page is unreadable in the history.
    ("Accept-Encoding", "identity"),
)
"""Headers of every request. An endpoint's own header of the same name replaces one."""
