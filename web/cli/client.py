"""Asks a running service over its API, and turns what can go wrong into one sentence."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Final, Self
from urllib.parse import urlsplit

import click
import httpx

from breakwater.core.logs import clean_text

DEFAULT_SERVICE: Final = "http://127.0.0.1:8420"
_TIMEOUT_SECONDS: Final = 30.0
_UNAUTHORIZED: Final = 401

Json = dict[str, Any]


class Failed(click.ClickException):
    """The service could not be asked, or would not do it; exit code 1."""

    def show(self, file: Any = None) -> None:
        """Print the sentence to stderr."""
        click.echo(f"breakwater: {self.format_message()}", err=True, file=file)


class Client:
    """The API of one service."""

    def __init__(self, url: str, key: str | None, transport: httpx.BaseTransport | None = None) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Failed(f"{url!r} is no address of a service: set BREAKWATER_URL to {DEFAULT_SERVICE}")
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Json:
        """Return the answer to a GET; query values of None are left out."""
        return self._ask(
            "GET", path, params={name: value for name, value in query.items() if value is not None}
        )

    def post(self, path: str, body: Mapping[str, object] | None = None, **headers: str) -> Json:
        """Return the answer to a POST of JSON; fields of None are left out."""
        fields = {name: value for name, value in (body or {}).items() if value is not None}
        return self._ask("POST", path, json=fields, headers=headers)

    def delete(self, path: str) -> Json:
        """Return the answer to a DELETE."""
        return self._ask("DELETE", path)

    def everything(self, path: str, *, limit: int, **query: Any) -> Iterator[Json]:
        """Yield up to `limit` items of a list, page by page."""
        cursor: str | None = None
        while limit > 0:
            page = self.get(path, cursor=cursor, limit=min(limit, 100), **query)
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _ask(self, method: str, path: str, **settings: Any) -> Json:
        try:
            response = self._http.request(method, path, **settings)
        except httpx.HTTPError as failed:
            raise Failed(
                f"No answer from {self.url} ({clean_text(str(failed)) or type(failed).__name__}): "
                "is `breakwater serve` running there? BREAKWATER_URL says where to ask."
            ) from None
        if response.is_success:
            return response.json() if response.content else {}
        raise Failed(_sentence(response))


def _sentence(response: httpx.Response) -> str:
    """Return what a problem document says."""
    if response.status_code == _UNAUTHORIZED:
        return "The service does not know this key: set BREAKWATER_KEY to one of its API keys (bw_...)."
    try:
        problem = response.json()
        told = problem["detail"] or problem["title"]
    except (ValueError, KeyError, TypeError):
        told = f"The service answered {response.status_code}, which is no answer of Breakwater's."
    return clean_text(str(told))


def asks(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which service to ask, and a `Client` of it as first argument."""

    @click.option(
        "--service",
        envvar="BREAKWATER_URL",
        default=DEFAULT_SERVICE,
        metavar="URL",
        help=f"Where the service is.  [BREAKWATER_URL; {DEFAULT_SERVICE}]",
    )
    @click.option("--key", envvar="BREAKWATER_KEY", metavar="KEY", help="API key.  [BREAKWATER_KEY]")
    @wraps(function)
    def command(service: str, key: str | None, **arguments: Any) -> None:
        with Client(service, key) as client:
            function(client, **arguments)

    return command
