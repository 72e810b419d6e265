"""The canonical form of host names: ASCII, lower case, read by every resolver and client in the same way."""

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
    name = ".".join(labels)
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"has a host longer than {MAX_NAME_LENGTH} characters")
    if _NUMBER.fullmatch(labels[-1]):
        # inet_aton takes 2130706433, 0x7f000001, 0177.0.0.1 and 127.1 for 127.0.0.1, and so do resolvers.
        raise ValueError(
            "has a number as its host, which could be read as an address; write the address as four decimal parts"
        )
    if len(labels) == 1:
        raise ValueError("has a host with only one label; use its full name, such as hooks.example.com")
    return name


def _canonical_label(label: str) -> str:
    if not label:
        raise ValueError("has an empty label in its host; remove the extra dot")
    lowered = label.lower() if label.isascii() else _punycoded(label)
    if len(lowered) > MAX_LABEL_LENGTH:
        raise ValueError(f"has a label longer than {MAX_LABEL_LENGTH} characters in its host")
    if not _LABEL.fullmatch(lowered):
        raise ValueError(
            f"has the label {label!r} in its host, which is not valid; use letters, digits and inner hyphens"
        )
    if lowered.startswith(_PUNYCODE) and not _is_punycode(lowered):
        raise ValueError(f"has the label {label!r} in its host, which is not valid IDNA; write it in Unicode")
    return lowered


def _punycoded(label: str) -> str:
    """Return the `xn--` form if it decodes to exactly this label.

    Full-width letters and digits, invisible characters and the letters on which the versions of IDNA disagree
    change in the conversion: two programs would connect to two different hosts.
    """
    plain = unicodedata.normalize("NFC", label).lower()
    try:
        encoded = idna.ToASCII(plain).decode("ascii")
        same = encoded.startswith(_PUNYCODE) and idna.ToUnicode(encoded) == plain
    except UnicodeError:
        same, encoded = False, ""
    if not same:
        raise ValueError(
            f"has the label {label!r} in its host, which programs read in different ways; write it in its xn-- form"
        )
    return encoded.lower()


def _is_punycode(label: str) -> bool:
    encoded = label.removeprefix(_PUNYCODE)
    try:
        decoded = encoded.encode("ascii").decode("punycode")
        idna.nameprep(decoded)  # raises for characters that no name may contain
        return decoded.encode("punycode").decode("ascii") == encoded
    except (UnicodeError, OverflowError, ValueError):
        return False
