"""Variables that Kubernetes sets for a service named `breakwater`, which are not settings.

Each pod gets `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT[_...]` and Docker-style links such as
`NAME_PORT=tcp://10.96.0.12:8420` for every service of its namespace, unless `enableServiceLinks` is false.
"""

import re
from collections.abc import Mapping
from typing import Final

_NAME: Final = re.compile(r"BREAKWATER_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://\S+")


def is_link_address(value: object) -> bool:
    """Return whether `value` is what a link puts into `BREAKWATER_PORT`: `tcp://10.96.0.12:8420`."""
    return isinstance(value, str) and _ADDRESS.fullmatch(value.strip()) is not None


def service_links(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables of `environ` that come from a service link."""
    return tuple(
        sorted(
            name
            for name, value in environ.items()
            if _NAME.fullmatch(name) or (name == "BREAKWATER_PORT" and is_link_address(value))
        )
    )
