"""The headers that identify Breakwater to receivers."""

from typing import Final

from breakwater.core.distribution import installed_version
from breakwater.core.domain.outcome import Headers

USER_AGENT: Final = f"Breakwater/{installed_version() or 'unreleased'}"
"""An endpoint's own `User-Agent` header replaces it."""

COMMON_HEADERS: Final[Headers] = (
    ("Accept", "*/*"),
    # Without it a receiver may compress its response, and a compressed error page is unreadable in the history.
    ("Accept-Encoding", "identity"),
)
"""Headers of every request. An endpoint's own header of the same name replaces one."""
