"""An HTTP client for the API of a running service. Every failure becomes one sentence."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Final, Self

import click
import httpx
import msgspec

from breakwater.core.logs import clean_text
from breakwater.web.cli.errors import CommandError, CommandRefusedError

DEFAULT_SERVICE: Final = "http://127.0.0.1:8420"
_TIMEOUT_SECONDS: Final = 30.0
_PAGE_SIZE: Final = 100
_UNAUTHORIZED: Final = 401

Json = dict[str, Any]


class Client:
    """The API of one service."""

    def __init__(self, url: str, key: str | None, transport: httpx.BaseTransport | None = None) -> None:
        if not _is_service_url(url):
            raise CommandRefusedError(
                f"{url!r} is not a valid service URL. Set BREAKWATER_URL to a URL such as {DEFAULT_SERVICE}."
            )
        if key is not None and not (key.isascii() and key.isprintable()):
            raise CommandRefusedError(
                "The API key is not valid: it has characters that no key has. Set BREAKWATER_KEY to bw_..."
            )
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
        """Return the response to a GET; parameters that are None are left out."""
        parameters = {name: value for name, value in query.items() if value is not None}
        return self._request("GET", path, params=parameters)

    def post(self, path: str, body: Mapping[str, object] | None = None, **headers: str) -> Json:
        """Return the response to a POST of JSON; fields that are None are left out, `msgspec.Raw` is sent as it is."""
        fields = {name: value for name, value in (body or {}).items() if value is not None}
        headers["content-type"] = "application/json"
        try:
            content = msgspec.json.encode(fields)
        except UnicodeError:
            raise CommandRefusedError("An argument is not valid Unicode text.") from None
        return self._request("POST", path, content=content, headers=headers)

    def delete(self, path: str) -> Json:
        """Return the response to a DELETE."""
        return self._request("DELETE", path)

    def list_items(self, path: str, *, limit: int, **query: Any) -> Iterator[Json]:
        """Yield up to `limit` items of a list, page by page."""
        cursor: str | None = None
        while limit > 0:
            page = self.get(path, cursor=cursor, limit=min(limit, _PAGE_SIZE), **query)
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _request(self, method: str, path: str, **options: Any) -> Json:
        try:
            response = self._http.request(method, path, **options)
        except (httpx.InvalidURL, UnicodeError):
            raise CommandRefusedError(
                "An argument has characters that no id, filter or URL can have."
            ) from None
        except httpx.HTTPError as error:
            reason = clean_text(str(error)) or type(error).__name__
            raise CommandError(
                f"No response from {self.url} ({reason}). Start `breakwater serve` there, "
                "or set BREAKWATER_URL to the service's address."
            ) from None
        if response.is_success:
            return _json_of(response, self.url)
        raise CommandError(_sentence(response))


def _sentence(response: httpx.Response) -> str:
    """Return the detail of a problem document."""
    if response.status_code == _UNAUTHORIZED:
        return "The service does not accept this key. Set BREAKWATER_KEY to one of its API keys (bw_...)."
    try:
        problem = response.json()
        sentence = problem["detail"] or problem["title"]
    except (ValueError, KeyError, TypeError):
        sentence = f"The response {response.status_code} is not from Breakwater. Check the address in BREAKWATER_URL."
    return clean_text(str(sentence))


def _json_of(response: httpx.Response, url: str) -> Json:
    try:
        content: Json = response.json() if response.content else {}
    except ValueError:
        raise CommandError(f"{url} is not a Breakwater service: its response is not JSON.") from None
    return content


def _is_service_url(url: str) -> bool:
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return False
    return parts.scheme in {"http", "https"} and bool(parts.host)


def with_client(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options --service and --key to a command, and pass a `Client` as its first argument."""

    @click.option(
        "--service",
        envvar="BREAKWATER_URL",
        default=DEFAULT_SERVICE,
        metavar="URL",
        help=f"URL of the service.  [BREAKWATER_URL; {DEFAULT_SERVICE}]",
    )
    @click.option("--key", envvar="BREAKWATER_KEY", metavar="KEY", help="API key.  [BREAKWATER_KEY]")
    @wraps(function)
    def command(service: str, key: str | None, **arguments: Any) -> None:
        with Client(service, key) as client:
            function(client, **arguments)

    return command
