"""Time-ordered identifiers: `dlv_01jd3k…`, sortable by the millisecond in which they were made."""

import os
import secrets
from collections.abc import Callable
from typing import Final

from breakwater.core.ports import Clock

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: sorts like the number, and has no letter that looks like a digit."""
_RANDOM_BITS: Final = 80
_LENGTH: Final = 26
_MAX_MILLISECONDS: Final = (1 << 48) - 1


_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
"""Two digits at a time: four identifiers are made for every webhook."""


def _encode(number: int) -> str:
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range((_LENGTH - 2) * 5, -1, -10)])


class Ids:
    """Makes identifiers of 48 bits of milliseconds and 80 random bits (the ULID layout), strictly increasing.

    Within one millisecond the random part is counted up, so that rows made together stay together in every index.
    """

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._last = 0

    def make(self, prefix: str) -> str:
        """Return a new identifier such as `msg_01jd3k5v9x…`, greater than every earlier one of this factory."""
        fresh = int(self._clock.now() * 1000) << _RANDOM_BITS
        if fresh >> _RANDOM_BITS > self._last >> _RANDOM_BITS:
            self._last = fresh | int.from_bytes(self._random_bytes(_RANDOM_BITS // 8))
        else:
            self._last += 1
        return f"{prefix}_{_encode(self._last)}"


def new_node_id() -> str:
    """Return a random name for this start of the process.

    A hostname with a process id will not do: a restarted container keeps both.
    """
    return f"node_{_encode(secrets.randbits(_LENGTH * 5))}"


def floor_id(prefix: str, at: float) -> str:
    """Return what every id made at `at` (seconds since the epoch) or later is not below, and every earlier one is."""
    milliseconds = min(max(0, int(at * 1000)), _MAX_MILLISECONDS)
    return f"{prefix}_{_encode(milliseconds << _RANDOM_BITS)}"


def made_at(id: str) -> float:  # noqa: A002 -- the field's own word, and nothing here needs the builtin
    """Return when an id was made, in seconds since the epoch, to the millisecond."""
    number = 0
    for letter in id.rpartition("_")[2]:
        number = number << 5 | _ALPHABET.index(letter)
    return (number >> _RANDOM_BITS) / 1000


def id_range(prefix: str, beginning: str) -> tuple[str, str] | None:
    """Return the lowest and the highest id that begins with `prefix_` and `beginning`; None when none can."""
    if len(beginning) > _LENGTH or any(letter not in _ALPHABET for letter in beginning):
        return None
    missing = _LENGTH - len(beginning)
    return f"{prefix}_{beginning}{'0' * missing}", f"{prefix}_{beginning}{'z' * missing}"
