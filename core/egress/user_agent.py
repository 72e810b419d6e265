"""How Breakwater names itself to receivers."""

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
    # Said outright, because silence means "any", and nobody can read a compressed error page in the history.
    ("Accept-Encoding", "identity"),
)
"""What every request carries beside its own headers; an endpoint's own header of the name replaces it."""
