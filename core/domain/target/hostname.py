"""The canonical form of host names: ASCII, lower case, read by every resolver and client in the same way."""

import re
from typing import Final

from breakwater.core.domain.target import idn
from breakwater.core.domain.target.host_names import NO_HOST_NAMES, SETTING, AllowedHostNames

MAX_NAME_LENGTH: Final = 253
MAX_LABEL_LENGTH: Final = 63

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FOREIGN_DOTS: Final = frozenset("\u3002\uff0e\uff61")


def canonical_name(host: str, allowed: AllowedHostNames = NO_HOST_NAMES) -> str:
    """Return `host` as it is stored and resolved.

    Underscores are allowed: names on private networks have them, and all programs read them in the same way.

    Raises:
        ValueError: with reason and remedy, when `host` is not a full name or could be read as another host.

    """
    if "%" in host:
        raise ValueError("has a percent sign in its host; write the character itself")
    if _FOREIGN_DOTS & set(host):
        raise ValueError("has full-width dots in its host; write them as '.'")
    labels = [_canonical_label(label) for label in host.removesuffix(".").split(".")]
    _check_direction(labels)
    name = ".".join(labels)
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"has a host longer than {MAX_NAME_LENGTH} characters")
    if _NUMBER.fullmatch(labels[-1]):
        # inet_aton takes 2130706433, 0x7f000001, 0177.0.0.1 and 127.1 for 127.0.0.1, and so do resolvers.
        raise ValueError(
            "has a number as its host, which could be read as an address; write the address as four decimal parts"
        )
    if len(labels) == 1 and not allowed.allows(name):
        raise ValueError(
            "has a host with only one label; use its full name, such as hooks.example.com, "
            f"or let an operator allow the name with {SETTING}"
        )
    return name


def _canonical_label(label: str) -> str:
    if not label:
        raise ValueError("has an empty label in its host; remove the extra dot")
    lowered = label.lower() if label.isascii() else _from_unicode(label)
    if len(lowered) > MAX_LABEL_LENGTH:
        raise ValueError(f"has a label longer than {MAX_LABEL_LENGTH} characters in its host")
    if not _LABEL.fullmatch(lowered):
        raise ValueError(
            f"has the label {label!r} in its host, which is not valid; use letters, digits and inner hyphens"
        )
    if lowered.startswith(idn.PREFIX) and not _is_valid(lowered):
        raise ValueError(f"has the label {label!r} in its host, which is not valid IDNA; write it in Unicode")
    return lowered


def _from_unicode(label: str) -> str:
    """Return the `xn--` form, unless programs could read the label in different ways.

    Full-width letters and digits and invisible characters change in the conversion: two programs would connect to two
    different hosts.
    """
    try:
        return idn.to_ascii(label)
    except ValueError:
        raise ValueError(
            f"has the label {label!r} in its host, which programs read in different ways; write it in its xn-- form"
        ) from None


def _check_direction(labels: list[str]) -> None:
    if not any(label.startswith(idn.PREFIX) for label in labels):
        return
    try:
        idn.check_direction(
            [idn.to_unicode(label) if label.startswith(idn.PREFIX) else label for label in labels]
        )
    except ValueError:
        raise ValueError(
            "mixes directions of writing in its host, which no HTTP client accepts; correct the name"
        ) from None


def _is_valid(label: str) -> bool:
    try:
        idn.to_unicode(label)
    except ValueError:
        return False
    return True
