"""Host names in one form: ASCII, lower case, and read by every resolver and client in the same way."""

import re
import unicodedata
from encodings import idna
from typing import Final

MAX_NAME_LENGTH: Final = 253
MAX_LABEL_LENGTH: Final = 63

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FOREIGN_DOTS: Final = frozenset("\u3002\uff0e\uff61")
_PUNYCODE: Final = "xn--"


def canonical_name(host: str) -> str:
    """Return `host` as it is stored and dialled.

    Underscores are let through: names on private networks have them, and nothing reads them differently.

    Raises:
        ValueError: with reason and remedy, when `host` is no full name or could be read as something else.

    """
    if "%" in host:
        raise ValueError("a host is written without percent signs; spell it out")
    if _FOREIGN_DOTS & set(host):
        raise ValueError("the host has full-width dots; write them as '.'")
    labels = [_canonical_label(label) for label in host.removesuffix(".").split(".")]
    name = ".".join(labels)
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"the host is longer than {MAX_NAME_LENGTH} characters")
    if _NUMBER.fullmatch(labels[-1]):
        # inet_aton takes 2130706433, 0x7f000001, 0177.0.0.1 and 127.1 for 127.0.0.1, and so do resolvers.
        raise ValueError(
            "the host is a number that could be taken for an address; write it as four decimal parts"
        )
    if len(labels) == 1:
        raise ValueError("the host has only one part; use its full name, such as hooks.example.com")
    return name


def _canonical_label(label: str) -> str:
    if not label:
        raise ValueError("the host has an empty part; remove the extra dot")
    lowered = label.lower() if label.isascii() else _punycoded(label)
    if len(lowered) > MAX_LABEL_LENGTH:
        raise ValueError(f"a part of the host is longer than {MAX_LABEL_LENGTH} characters")
    if not _LABEL.fullmatch(lowered):
        raise ValueError(
            f"the host has a part that is no name: {label!r}; use letters, digits and inner hyphens"
        )
    if lowered.startswith(_PUNYCODE) and not _is_punycode(lowered):
        raise ValueError(f"{label!r} is no valid internationalised name; write it out")
    return lowered


def _punycoded(label: str) -> str:
    """Return the `xn--` form, when it stands for exactly this label.

    Full-width letters and digits, invisible characters and the letters on which the versions of IDNA disagree
    turn into something else on the way: two programs would call two hosts.
    """
    plain = unicodedata.normalize("NFC", label).lower()
    try:
        encoded = idna.ToASCII(plain).decode("ascii")
        same = encoded.startswith(_PUNYCODE) and idna.ToUnicode(encoded) == plain
    except UnicodeError:
        same, encoded = False, ""
    if not same:
        raise ValueError(
            f"{label!r} is read differently by different programs; write the host in its xn-- form"
        )
    return encoded.lower()


def _is_punycode(label: str) -> bool:
    encoded = label.removeprefix(_PUNYCODE)
    try:
        decoded = encoded.encode("ascii").decode("punycode")
        idna.nameprep(decoded)  # raises for what no name may hold
        return decoded.encode("punycode").decode("ascii") == encoded
    except (UnicodeError, OverflowError, ValueError):
        return False
