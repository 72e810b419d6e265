"""What an operator can set: each is a `BREAKWATER_*` variable and a flag of `breakwater serve`.

The descriptions here are the help of the command line and the table in the README.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from breakwater.core.distribution import installed_version
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.outcome import RESPONSE_BODY_CAP, RESPONSE_HEADERS_CAP
from breakwater.core.settings.problems import Contradiction, problem_of
from breakwater.core.settings.service_links import is_link_address, service_links
from breakwater.core.settings.types import (
    SQLITE,
    Address,
    BootstrapKey,
    DatabaseUrl,
    HeaderValue,
    HostNames,
    Networks,
    Origin,
    Proxies,
    SecretKey,
    Words,
)

ENV_PREFIX: Final = "BREAKWATER_"
CLIENT_VARIABLES: Final = frozenset({"BREAKWATER_URL", "BREAKWATER_KEY"})
"""Read by the commands that talk to a running service, not by the service."""
LAST_PORT: Final = 65_535


def _user_agent() -> str:
    version = installed_version()
    return f"Breakwater/{version}" if version else "Breakwater"


def _sqlite_path(url: object) -> Path | None:
    """Return the file of a SQLite URL; None for another database and for one in memory."""
    if not isinstance(url, str) or not url.lstrip().startswith(SQLITE):
        return None
    path = url.lstrip().removeprefix(SQLITE).partition("?")[0]
    return Path(path) if path.strip() and path.strip() != ":memory:" else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False


def _refuse_former_name(former: Path | None, path: Path) -> None:
    """Refuse to start empty beside a database whose name ends in white space, as earlier versions created it."""
    if former is not None and former != path and _exists(former) and not _exists(path):
        raise Contradiction(
            "database_url",
            f"ends in white space, and a database of that name exists: rename {former!r} to {path}",
        )


class Settings(BaseSettings):
    """The service's settings, validated; every description names the unit."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True
    )

    database_url: DatabaseUrl = Field(
        default=f"{SQLITE}breakwater.db",
        description="The database: sqlite+aiosqlite:///path or postgresql+asyncpg://user:password@host/db.",
    )
    host: Address = Field(
        default="127.0.0.1",
        description="Address to listen on. A public address is refused until a credential exists.",
    )
    port: int = Field(
        default=8420, ge=0, le=LAST_PORT, description="TCP port to listen on; 0 picks a free one."
    )
    base_url: Origin | None = Field(
        default=None,
        description="How people reach the service: https://hooks.example.com. Default: the address and port.",
    )
    allowed_hosts: Words = Field(
        default=(),
        description="Further host names to accept, besides those of the base URL and of loopback.",
    )
    trusted_proxies: Proxies = Field(
        default=(), description="Addresses or networks of proxies whose X-Forwarded-* headers are trusted."
    )
    allowed_networks: Networks = Field(
        default=(),
        description="Networks to allow for endpoints although they are not public: CIDR or CIDR:port.",
    )
    allowed_host_names: HostNames = Field(
        default=(),
        description="Host names to allow with one label, such as billing, or below a domain: .corp.local.",
    )
    secret_key: SecretKey | None = Field(
        default=None,
        description="Encrypts endpoint secrets at rest; at least 32 characters. Default: the key file's.",
    )
    key_file: Path = Field(
        default=Path("breakwater.key"),
        description="File of the key that the first start creates. Default: beside the database.",
    )
    bootstrap_key: BootstrapKey | None = Field(
        default=None,
        description="An API key with every scope, for automation: bw_ and 32 to 128 letters, digits, - or _.",
    )
    example_endpoint: bool = Field(
        default=False,
        description="Run a test receiver on loopback and, on an empty database, create an endpoint for it.",
    )
    example_receiver_port: int | None = Field(
        default=None,
        ge=0,
        le=LAST_PORT,
        description="TCP port of that test receiver on 127.0.0.1. Default: the service's port plus 1000.",
    )
    max_in_flight: int = Field(
        default=4096,
        ge=1,
        le=100_000,
        description="Concurrent attempts in the whole process. Fewer where the process may open few files.",
    )
    lane_max_in_flight: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Concurrent attempts to one endpoint without its own limit.",
    )
    attempt_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=300,
        allow_inf_nan=False,
        description="Timeout of one attempt in seconds, from DNS to the response. Endpoints can have their own.",
    )
    drain_seconds: float = Field(
        default=20.0,
        ge=0,
        le=600,
        allow_inf_nan=False,
        description="Seconds that attempts in flight may take after SIGTERM before they are released.",
    )
    reuse_connections: bool = Field(
        default=True,
        description="Keep connections for the next attempt: fast, but a receiver that sends a second response late can "
        "have it taken for the next attempt's. Off: one connection for each attempt.",
    )
    payload_cap: int = Field(
        default=256 * 1024,
        ge=1,
        le=16 * 1024 * 1024,
        description="Bytes of the largest payload that is accepted.",
    )
    response_headers_cap: int = Field(
        default=RESPONSE_HEADERS_CAP,
        ge=0,
        le=1024 * 1024,
        description="Bytes of the response headers that are stored, 200 headers at most; further ones are left out.",
    )
    response_body_cap: int = Field(
        default=RESPONSE_BODY_CAP,
        ge=0,
        le=1024 * 1024,
        description="Bytes of a response body that are stored; the rest is not read.",
    )
    retention_days: float = Field(
        default=30.0,
        gt=0,
        le=3650,
        allow_inf_nan=False,
        description="Days that finished deliveries and their history are stored.",
    )
    audit_retention_days: float = Field(
        default=365.0,
        gt=0,
        le=3650,
        allow_inf_nan=False,
        description="Days that audit entries are stored.",
    )
    session_hours: float = Field(
        default=12.0,
        gt=0,
        le=24 * 90,
        allow_inf_nan=False,
        description="Hours until a person has to sign in again.",
    )
    messages_per_second: float = Field(
        default=5_000,
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="Messages that one API key may send per second, with bursts of ten seconds' worth; 0: no limit.",
    )
    requests_per_second: float = Field(
        default=500,
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="Other requests of one API key or person per second, with bursts as above; 0: no limit.",
    )
    streams_per_caller: int = Field(
        default=50,
        ge=1,
        le=10_000,
        description="Event streams that one person or API key may have open. An open page has one.",
    )
    max_streams: int = Field(
        default=400,
        ge=1,
        le=10_000,
        description="Event streams of all callers; at most half of the connections that may be open.",
    )
    adhoc_endpoints_per_sender: int = Field(
        default=1_000,
        ge=0,
        le=1_000_000,
        description="Endpoints that the messages of one sender to a `url` may create. Unused ones expire.",
    )
    max_adhoc_endpoints: int = Field(
        default=10_000,
        ge=0,
        le=1_000_000,
        description="Endpoints that the messages of all senders to a `url` may create.",
    )
    log_format: Literal["console", "json"] = Field(
        default="console",
        description="Format of log lines. With json, a first start writes its sign-in link to a file.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level that is logged."
    )
    user_agent: HeaderValue = Field(
        default_factory=_user_agent,
        description="The User-Agent of every attempt. Default: Breakwater and its version.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_values(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Drop white space around values: a line end from Windows must not name another database.

        A secret key is taken exactly as it is: another key would not open what is stored. A `BREAKWATER_PORT` that
        comes from a service link is not a setting. The key file stands beside the database by default, so that a start
        from another directory finds both or neither.
        """
        stripped = {
            name: value.strip() if isinstance(value, str) and name != "secret_key" else value
            for name, value in values.items()
            if name != "port" or not is_link_address(value)
        }
        path = _sqlite_path(stripped.get("database_url"))
        if path is not None:
            _refuse_former_name(_sqlite_path(values["database_url"]), path)
            if stripped.get("key_file") is None:
                stripped["key_file"] = path.with_name("breakwater.key")
        return stripped

    @model_validator(mode="after")
    def _no_contradiction(self) -> "Settings":
        if self.lane_max_in_flight > self.max_in_flight:
            raise Contradiction(
                "lane_max_in_flight",
                f"is {self.lane_max_in_flight}, more than max_in_flight ({self.max_in_flight}) lets through: "
                "lower it or raise the other",
            )
        if self.example_endpoint and self.port and self.example_receiver_port == self.port:
            raise Contradiction(
                "example_receiver_port", f"is the service's own port {self.port}: choose another one"
            )
        return self

    @property
    def public_url(self) -> str:
        """Return the origin that people use: `base_url`, or this machine's address and port."""
        if self.base_url is not None:
            return self.base_url
        address = ipaddress.ip_address(self.host)
        if isinstance(address, ipaddress.IPv6Address):
            return f"http://[{'::1' if address.is_unspecified else address}]:{self.port}"
        return f"http://{'127.0.0.1' if address.is_unspecified else address}:{self.port}"

    @property
    def loopback_only(self) -> bool:
        """Return whether nobody but this machine can reach the listening address."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def example_port(self) -> int:
        """Return the port of the example receiver; 0 means a free one."""
        if self.example_receiver_port is not None:
            return self.example_receiver_port
        return self.port + 1_000 if 0 < self.port <= LAST_PORT - 1_000 else 0


def load_settings(flags: Mapping[str, object] | None = None) -> Settings:
    """Return the settings: `flags`, by field name, before the environment's.

    Raises `InvalidInput` with every problem at once; each names its setting and the remedy.
    """
    try:
        return Settings(**dict(flags or {}))  # type: ignore[arg-type]  # pydantic judges the values
    except ValidationError as invalid:
        raise InvalidInput(tuple(problem_of(error, ENV_PREFIX) for error in invalid.errors())) from None


def unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the `BREAKWATER_*` variables that nothing reads: a misspelt one would otherwise be silent."""
    known_names = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | CLIENT_VARIABLES
    known_names |= set(service_links(environ))
    return tuple(sorted(name for name in environ if name.startswith(ENV_PREFIX) and name not in known_names))
