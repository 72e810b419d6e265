"""Check that a change was requested by a page of this service, by `Sec-Fetch-Site` or `Origin`."""

from typing import Final

from breakwater.core.domain.errors import Forbidden
from breakwater.web.security.cookies import Connection, is_secure

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def check_same_origin(connection: Connection) -> None:
    """Raise Forbidden unless the browser reports that a page of this service sent the request.

    Browsers send `Sec-Fetch-Site` to trustworthy origins only; `Origin` comes with every POST, also over plain http.
    """
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    if site is None:
        allowed = origin in _own_origins(connection)
    else:
        # A proxy may use another host name than the browser, so that the origin is not comparable. Its scheme is.
        allowed = site == "same-origin" and not (is_secure(connection) and _is_plain(origin))
    if not allowed:
        raise Forbidden(
            "The request did not come from a page of this service. Reload the page and try again."
        )


def _own_origins(connection: Connection) -> set[str]:
    """Return the origins of this service. Behind https a page of plain http is not its own: others can change it."""
    base_url: str | None = connection.app.state.settings.base_url
    scheme = "https" if is_secure(connection) else "http"
    return {f"{scheme}://{connection.headers.get('host', '')}", *([base_url] if base_url else [])}


def _is_plain(origin: str | None) -> bool:
    return origin is not None and origin.startswith("http:")
