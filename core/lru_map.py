"""A map of bounded size: beyond it, the entry that was used longest ago is evicted."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruMap(Generic[K, V]):
    """At most `size` values by key. Entries that expire carry their own time; the map knows no clock."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the value of `key` and count it as used now; None where there is none."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def values(self) -> tuple[V, ...]:
        """Return every value, the one that was used longest ago first."""
        return tuple(self._entries.values())

    def pop(self, key: K) -> V | None:
        """Remove `key` and return its value; None where there is none."""
        return self._entries.pop(key, None)

    def clear(self) -> None:
        """Remove everything."""
        self._entries.clear()

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
