"""Static files. Their URLs carry a digest of their content, so that browsers may cache them indefinitely."""

import mimetypes
from functools import cache
from hashlib import sha256
from typing import Any, Final

from litestar import Request, Router
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import NotFoundException
from litestar.static_files import create_static_files_router

from breakwater.web.assets import STATIC
from breakwater.web.security.guards import PUBLIC

_A_YEAR: Final = 31_536_000

mimetypes.add_type("font/woff2", ".woff2")  # unknown to Python 3.11; browsers are told not to guess (nosniff)


@cache
def asset(name: str) -> str:
    """Return the URL of `static/<name>`, with a digest of its content. Raises FileNotFoundError."""
    return f"/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


@cache
def _names() -> frozenset[str]:
    return frozenset(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())


def _require_known_name(request: Request[Any, Any, Any]) -> None:
    """Refuse every name that is not a file of `static/` before the file system sees it. Raises NotFoundException."""
    if str(request.path_params["file_path"]).lstrip("/") not in _names():
        raise NotFoundException


def static_router() -> Router:
    """Serve `static/` at `/static` without a credential, as immutable."""
    return create_static_files_router(
        path="/static",
        directories=[STATIC],
        cache_control=CacheControlHeader(max_age=_A_YEAR, public=True, immutable=True),
        opt=dict(PUBLIC),
        before_request=_require_known_name,
    )
