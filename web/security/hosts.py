"""Which Host headers are answered: a page elsewhere must not reach the service under a name of its own."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from breakwater.core.settings import Settings

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")


class Hosts:
    """The names of this service: loopback, the listening address, that of the base URL, and those allowed.

    DNS rebinding needs a name. So where the service listens on every address, any address is answered as well:
    probes and scrapers use them.
    """

    def __init__(self, settings: Settings) -> None:
        listening = ipaddress.ip_address(settings.host)
        self._any_address = listening.is_unspecified
        named = [host.lower() for host in settings.allowed_hosts]
        if settings.base_url:
            named.append(urlsplit(settings.base_url).hostname or "")
        self._names = _LOOPBACK | {str(listening), *named}

    def problem(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Return what is wrong with the request's host, in one sentence, or None."""
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            return f"A request names one host; this one names {len(hosts)}."
        match = _HOST.fullmatch(hosts[0].decode("latin-1"))
        name = (match[1] or match[2]).lower() if match else None
        if name is None or not (name in self._names or (self._any_address and _is_address(name))):
            return (
                "This service does not go by that name. If it should, add the name to BREAKWATER_ALLOWED_HOSTS, "
                "or set BREAKWATER_BASE_URL."
            )
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
