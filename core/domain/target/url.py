"""Which URLs may be requested.

A URL is parsed once, by this parser. A URL that another parser could read differently is refused, and an accepted one
is stored in canonical form. So the host that is checked is the host that is connected to.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from breakwater.core.domain.errors import TargetRefused
from breakwater.core.domain.target.hostname import canonical_name
from breakwater.core.domain.target.networks import (
    NONE,
    Address,
    AllowedNetworks,
    address_refusal,
    is_allowed_port,
)
from breakwater.core.domain.target.special_names import special_name_reason

MAX_URL_LENGTH: Final = 2048
"""Characters. Servers and proxies on the way cut or refuse longer ones."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_URL: Final = re.compile(r"(https?)://([^/?]+)(/[^?]*)?(\?.*)?", re.IGNORECASE)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_INVISIBLE: Final = re.compile(
    r"[\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]"
)
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOT_SEGMENT: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_TO_ENCODE: Final = re.compile("[\"'<>^`{|}]")

_AMBIGUITIES: Final = (
    (
        _INVISIBLE,
        "has a space, a control or an invisible character; remove it, or write %20 for a space",
    ),
    (re.compile(r"\\"), "has a backslash, which some programs read as a slash; write / or %5C"),
    (re.compile("#"), "has a fragment, which is never sent; remove '#' and the rest"),
    (_STRAY_PERCENT, "has a '%' that does not start an escape; write %25"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, in canonical form. Only `parse_target` creates it."""

    url: str
    scheme: str
    """`http` or `https`."""
    host: str
    """ASCII, lower case, without a final dot; an IPv6 address without its brackets."""
    port: int
    path: str
    """The target of the request line: the path, at least `/`, and the query."""

    @property
    def origin(self) -> str:
        """`https://hooks.example.com:8443`, without the port where it is the scheme's default."""
        return _origin(self.scheme, self.host, self.port)

    @property
    def literal(self) -> Address | None:
        """The address in the URL, or None when it has a host name."""
        return _literal(self.host)


def parse_target(url: str, allowed: AllowedNetworks = NONE) -> Target:
    """Parse and check `url`, including an address in it, against what the operator allows.

    Raises:
        TargetRefused: with the reason and the remedy.

    """
    scheme, authority, path = _split(url)
    name, port = _split_authority(authority, scheme)
    host = _host(name, allowed)
    literal = _literal(host)
    if literal is not None and (reason := address_refusal(literal, port, allowed)):
        raise _refused(reason)
    return Target(_origin(scheme, host, port) + path, scheme, host, port, path)


def parse_endpoint_url(url: str, allowed: AllowedNetworks = NONE) -> Target:
    """Parse the URL of an endpoint that is being saved: like `parse_target`, but special host names are refused too.

    Endpoints that were saved with such a name by an earlier version are still sent to. Their addresses are checked.

    Raises:
        TargetRefused: with the reason and the remedy.

    """
    target = parse_target(url, allowed)
    if reason := special_name_reason(target.host, allowed.host_names):
        raise _refused(
            f'has the host "{target.host}", which cannot be an endpoint: {reason}; use the public name of the receiver'
        )
    return target


def safe_url(url: str) -> str:
    """Return `url` for a log: user, password and query values masked, without the fragment. Never raises."""
    location, question_mark, query = url.partition("#")[0].partition("?")
    scheme = match[0] if (match := _SCHEME.match(location)) else ""
    authority, slash, path = location.removeprefix(scheme).partition("/")
    _, at, host = authority.rpartition("@")
    masked = "&".join(_masked(pair) for pair in query.split("&")) if query else ""
    return f"{scheme}{'***@' if at else ''}{host}{slash}{path}{question_mark}{masked}"


def _masked(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}=***" if equals else "***"


def _refused(reason: str) -> TargetRefused:
    return TargetRefused.of("url", reason)


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, authority, and path with query."""
    if len(url) > MAX_URL_LENGTH:
        raise _refused(f"has {len(url)} characters; at most {MAX_URL_LENGTH} are allowed")
    for pattern, reason in _AMBIGUITIES:
        if pattern.search(url):
            raise _refused(reason)
    match = _URL.fullmatch(url)
    if match is None:
        raise _refused("is not a valid http or https URL; write it as https://hooks.example.com/path")
    scheme, authority, path, query = match.groups(default="")
    return scheme.lower(), authority, _path(path or "/") + _encoded(query)


def _path(path: str) -> str:
    if _DOT_SEGMENT.search(path):
        raise _refused("has '.' or '..' as a path segment; write the resulting path")
    return _encoded(path)


def _encoded(part: str) -> str:
    """Percent-encode the few characters that clients encode in different ways."""
    if not part.isascii():
        raise _refused("has characters beyond ASCII in its path or query; percent-encode them as UTF-8")
    return _TO_ENCODE.sub(lambda match: f"%{ord(match[0]):02X}", part)


def _split_authority(authority: str, scheme: str) -> tuple[str, int]:
    """Return the host, with its brackets if it has them, and the port."""
    if "@" in authority:
        raise _refused("has a user name or password; send credentials in a custom header instead")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise _refused("has no valid host and port; write them as hooks.example.com:8443")
    port = int(match[2]) if match[2] else _DEFAULT_PORTS[scheme]
    if not is_allowed_port(port):
        raise _refused(f"has port {port}, which is not allowed; use 80, 443 or a port from 1024 to 65535")
    return match[1], port


def _host(name: str, allowed: AllowedNetworks) -> str:
    try:
        if name.startswith("["):
            return _ipv6(name[1:-1])
        return name if _literal(name) else canonical_name(name, allowed.host_names)
    except ValueError as error:
        raise _refused(str(error)) from None


def _ipv6(text: str) -> str:
    if "%" in text:
        raise ValueError("has an address with a zone; remove '%' and the rest")
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise ValueError("has no valid IPv6 address in its brackets; write it as [2606:4700::1]") from None


def _literal(host: str) -> Address | None:
    if not (host[-1:].isdigit() or ":" in host):
        return None
    try:
        return ip_address(host)
    except ValueError:
        return None


def _origin(scheme: str, host: str, port: int) -> str:
    shown_host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown_host}{'' if port == _DEFAULT_PORTS[scheme] else f':{port}'}"
