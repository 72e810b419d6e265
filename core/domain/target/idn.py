"""Internationalised labels: IDNA 2008 with the rules of UTS 46, by the `idna` library.

Symbols such as emoji are accepted although IDNA 2008 excludes them: UTS 46 allows them, registries have sold them, and
resolvers and HTTP clients reach them.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

import idna

PREFIX: Final = "xn--"
_JOINERS: Final = frozenset("\u200c\u200d")


def to_ascii(label: str) -> str:
    """Return the `xn--` form of a label that is not ASCII.

    Raises:
        ValueError: it is not valid, or mapping changes more than its case: programs would read different hosts.

    """
    # Letter by letter, as UTS 46 maps: of a whole word, Python makes a final capital sigma another letter.
    plain = "".join(letter.lower() for letter in unicodedata.normalize("NFC", label))
    _check(plain)
    return PREFIX + plain.encode("punycode").decode("ascii")


def to_unicode(label: str) -> str:
    """Return what a label in `xn--` form stands for. Raises ValueError when it is not valid."""
    try:
        decoded = label.removeprefix(PREFIX).encode("ascii").decode("punycode")
    except (UnicodeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    _check(decoded)
    if PREFIX + decoded.encode("punycode").decode("ascii") != label:
        raise ValueError("it is not in canonical form")
    return decoded


def check_direction(labels: Sequence[str]) -> None:
    """Check the labels of a host (in Unicode) against the Bidi rule. Raises ValueError."""
    if any(unicodedata.bidirectional(letter) in {"R", "AL", "AN"} for label in labels for letter in label):
        for label in labels:
            idna.check_bidi(label, check_ltr=True)


def _check(label: str) -> None:
    if label.startswith(PREFIX):
        raise ValueError("it is encoded twice")
    if label.isascii() or idna.uts46_remap(label, std3_rules=False, transitional=False) != label:
        raise ValueError("it is changed by mapping")
    # Not `idna.check_label`: it also refuses hyphens in the third and fourth place, which HTTP clients accept.
    idna.check_nfc(label)
    idna.check_initial_combiner(label)
    idna.check_bidi(label)
    if any(
        letter in _JOINERS and not idna.valid_contextj(label, place) for place, letter in enumerate(label)
    ):
        raise ValueError("it has a joiner where none is allowed")
