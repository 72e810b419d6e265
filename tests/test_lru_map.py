"""The bounded map of all caches."""

from breakwater.core.lru_map import LruMap


def test_the_least_recently_used_entry_is_evicted_first() -> None:
    entries = LruMap[str, int](2)
    entries["a"], entries["b"] = 1, 2
    assert entries.get("a") == 1
    entries["c"] = 3
    assert list(entries) == ["a", "c"]
    assert entries.get("b") is None


def test_storing_again_counts_as_use_and_replaces_the_entry() -> None:
    entries = LruMap[str, int](2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        entries[key] = value
    assert [entries.get("a"), entries.get("b"), entries.get("c")] == [3, None, 4]
    assert len(entries) == 2


def test_values_come_in_the_order_of_their_use() -> None:
    entries = LruMap[str, int](3)
    entries["a"], entries["b"] = 1, 2
    entries.get("a")
    assert entries.values() == (2, 1)


def test_entries_can_be_removed() -> None:
    entries = LruMap[str, int](2)
    entries["a"] = 1
    assert (entries.pop("a"), entries.pop("a"), "a" in entries) == (1, None, False)
    entries["b"] = 2
    entries.clear()
    assert len(entries) == 0
