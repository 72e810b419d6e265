"""Check that a change was requested by a page of this service, by `Sec-Fetch-Site` or `Origin`."""

from typing import Final

from breakwater.core.domain.errors import Forbidden
from breakwater.web.security.cookies import Connection

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def check_same_origin(connection: Connection) -> None:
    """Raise Forbidden unless the browser reports that a page of this service sent the request.

    Browsers send `Sec-Fetch-Site` to trustworthy origins only; `Origin` comes with every POST, also over plain http.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        allowed = site == "same-origin"
    else:
        allowed = connection.headers.get("origin") in _own_origins(connection)
    if not allowed:
        raise Forbidden(
            "The request did not come from a page of this service. Reload the page and try again."
        )


def _own_origins(connection: Connection) -> set[str]:
    base_url: str | None = connection.app.state.settings.base_url
    host = connection.headers.get("host", "")
    return {f"{connection.scope['scheme']}://{host}", *([base_url] if base_url else [])}
