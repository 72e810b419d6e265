"""The kinds of values that settings take; each refuses what it cannot mean and says what to write instead."""

import ipaddress
import re
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.target import AllowedNetworks
from breakwater.core.domain.target.host_names import AllowedHostNames

SQLITE: Final = "sqlite+aiosqlite:///"
POSTGRES: Final = "postgresql+asyncpg://"
_BOOTSTRAP_KEY: Final = re.compile(r"bw_[A-Za-z0-9_-]{32,128}")
_SECRET_KEY_MIN: Final = 32


def _split_words(value: object) -> object:
    if isinstance(value, str):
        return tuple(word for word in re.split(r"[\s,]+", value) if word)
    return value


def _database_url(value: str) -> str:
    if value.startswith(SQLITE) and len(value) > len(SQLITE):
        return value
    if value.startswith(POSTGRES) and _has_host_and_port(value):
        return value
    raise ValueError(
        f"is not a valid database URL. Use {SQLITE}path/to/file.db, {SQLITE}:memory: or {POSTGRES}user:password@host/db"
    )


def _has_host_and_port(url: str) -> bool:
    """Return whether the URL names a host, and a valid port if it names one."""
    try:
        url.encode()  # raises ValueError for bytes of the environment that are not UTF-8
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for a wrong one
    except ValueError:
        return False
    return bool(parts.hostname) and not parts.netloc.endswith(":")


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address("127.0.0.1" if value == "localhost" else value))
    except ValueError:
        raise ValueError(
            "is not a valid address of this machine: write an IP address such as 127.0.0.1 or 0.0.0.0"
        ) from None


def _split_origin(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises when it is none
    except ValueError:
        return None
    extras = parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/")
    return parts if parts.scheme in {"http", "https"} and parts.hostname and not extras else None


def _origin(value: str) -> str:
    parts = _split_origin(value)
    if parts is None:
        raise ValueError(
            "is not a valid origin: write http:// or https://, a host and at most a port, no path"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _proxies(value: tuple[str, ...]) -> tuple[str, ...]:
    for word in value:
        try:
            ipaddress.ip_network(word, strict=False)
        except ValueError:
            raise ValueError(
                f"{word!r} is not a valid address or network: write 10.0.0.5 or 10.0.0.0/24"
            ) from None
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        AllowedNetworks.parse(value)
    except InvalidInput as invalid:
        raise ValueError("; ".join(problem.message for problem in invalid.problems)) from None
    return value


def _host_names(value: tuple[str, ...]) -> tuple[str, ...]:
    AllowedHostNames.parse(value)
    return value


def _secret_key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SECRET_KEY_MIN:
        raise ValueError("is too short. Use at least 32 characters, such as `openssl rand -base64 32` prints")
    return value


def _bootstrap_key(value: SecretStr) -> SecretStr:
    if not _BOOTSTRAP_KEY.fullmatch(value.get_secret_value()):
        raise ValueError(
            "is not a valid key. Use bw_ and 32 to 128 letters, digits, - or _ (bw_$(openssl rand -hex 32))"
        )
    return value


def _header_value(value: str) -> str:
    if not value.isascii() or not value.isprintable() or not value.strip():
        raise ValueError("is not a valid header value. Use printable ASCII without line breaks")
    return value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_words)]
"""Several values in one variable, separated by commas or spaces."""
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
Address = Annotated[str, AfterValidator(_address)]
"""An IP address, canonical; `localhost` is 127.0.0.1."""
Origin = Annotated[str, AfterValidator(_origin)]
"""Scheme, host and port, without a trailing slash."""
Proxies = Annotated[Words, AfterValidator(_proxies)]
Networks = Annotated[Words, AfterValidator(_networks)]
HostNames = Annotated[Words, AfterValidator(_host_names)]
SecretKey = Annotated[SecretStr, AfterValidator(_secret_key)]
BootstrapKey = Annotated[SecretStr, AfterValidator(_bootstrap_key)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
