"""Time-ordered identifiers such as `dlv_01jd3k…`, which sort by the millisecond of their creation."""

import os
import secrets
from collections.abc import Callable
from typing import Final

from breakwater.core.ports import Clock

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: text sorts like the number, and no letter looks like a digit."""
_RANDOM_BITS: Final = 80
_LENGTH: Final = 26
_LOW_BITS: Final = 30
"""Bits of the last six letters, which change from one identifier to the next."""
_MAX_MILLISECONDS: Final = (1 << 48) - 1


_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
"""Every two digits, so that encoding takes half the steps: each message needs four identifiers."""


def _encode(number: int) -> str:
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range((_LENGTH - 2) * 5, -1, -10)])


class Ids:
    """Creates identifiers of 48 bits of milliseconds and 80 random bits (the ULID layout), strictly increasing.

    Within one millisecond the random part is counted up, so that rows created together are neighbours in every index.
    """

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._last = 0
        self._high = -1
        """The upper bits of the latest identifier, which most identifiers of one millisecond share."""
        self._high_text = ""

    def make(self, prefix: str) -> str:
        """Return a new identifier such as `msg_01jd3k5v9x…`, greater than every earlier one of this factory."""
        fresh = int(self._clock.now() * 1000) << _RANDOM_BITS
        if fresh >> _RANDOM_BITS > self._last >> _RANDOM_BITS:
            self._last = fresh | int.from_bytes(self._random_bytes(_RANDOM_BITS // 8))
        else:
            self._last += 1
        high = self._last >> _LOW_BITS
        if high != self._high:
            self._high, self._high_text = high, _encode(high << _LOW_BITS)[: -_LOW_BITS // 5]
        low = self._last
        low_text = f"{_PAIRS[low >> 20 & 1023]}{_PAIRS[low >> 10 & 1023]}{_PAIRS[low & 1023]}"
        return f"{prefix}_{self._high_text}{low_text}"


def new_node_id() -> str:
    """Return a random name for this start of the process.

    A hostname with a process id does not identify a start: a restarted container keeps both.
    """
    return f"node_{_encode(secrets.randbits(_LENGTH * 5))}"


def floor_id(prefix: str, at: float) -> str:
    """Return the lowest id that can be created at `at`, in seconds since the epoch."""
    milliseconds = min(max(0, int(at * 1000)), _MAX_MILLISECONDS)
    return f"{prefix}_{_encode(milliseconds << _RANDOM_BITS)}"


def created_at(id_: str) -> float:
    """Return when an id was created, in seconds since the epoch, to the millisecond."""
    number = 0
    for letter in id_.rpartition("_")[2]:
        number = number << 5 | _ALPHABET.index(letter)
    return (number >> _RANDOM_BITS) / 1000


def id_range(prefix: str, beginning: str) -> tuple[str, str] | None:
    """Return the lowest and the highest id that starts with `prefix_` and `beginning`; None when there is none."""
    if len(beginning) > _LENGTH or any(letter not in _ALPHABET for letter in beginning):
        return None
    missing = _LENGTH - len(beginning)
    return f"{prefix}_{beginning}{'0' * missing}", f"{prefix}_{beginning}{'z' * missing}"
