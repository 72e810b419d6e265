"""The Host headers that the service accepts, as protection against DNS rebinding."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from breakwater.core.settings import Settings

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")


class AllowedHosts:
    """The names of this service: loopback, the listening address, the host of the base URL, and the allowed hosts.

    A service that listens on every address also accepts any IP address, for probes and scrapers. This is safe,
    because DNS rebinding needs a name.
    """

    def __init__(self, settings: Settings) -> None:
        listening = ipaddress.ip_address(settings.host)
        self._any_address = listening.is_unspecified
        names = [host.lower() for host in settings.allowed_hosts]
        if settings.base_url:
            names.append(urlsplit(settings.base_url).hostname or "")
        self._names = _LOOPBACK | {str(listening), *names}

    def problem(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Return one sentence about what is wrong with the request's host, or None when it is accepted."""
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            return f"A request must have exactly one Host header; this one has {len(hosts)}."
        match = _HOST.fullmatch(hosts[0].decode("latin-1"))
        name = (match[1] or match[2]).lower() if match else None
        if name is None or not (name in self._names or (self._any_address and _is_address(name))):
            return "This host name is not allowed. Add it to BREAKWATER_ALLOWED_HOSTS, or set BREAKWATER_BASE_URL."
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
