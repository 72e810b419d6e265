"""Identifiers are strictly increasing text, whatever the clock and chance give."""

from hypothesis import given, settings
from hypothesis import strategies as st

from breakwater.core.ids import Ids, created_at, id_range
from tests.fakes import ManualClock


@settings(deadline=None)
@given(
    st.binary(min_size=10, max_size=10),
    st.lists(st.sampled_from([0.0, 0.0, 0.0004, 0.001, 1.0]), min_size=1, max_size=20),
)
def test_each_id_is_greater_than_the_one_before(random_part: bytes, steps: list[float]) -> None:
    clock = ManualClock()
    ids = Ids(clock, lambda _: random_part)
    made = []
    for step in steps:
        clock._now += step
        made.append(ids.make("dlv"))
    assert made == sorted(set(made))
    assert {len(id_) for id_ in made} == {len("dlv_") + 26}


def test_counting_up_carries_into_every_letter() -> None:
    clock = ManualClock()
    ids = Ids(clock, lambda length: b"\x00" + b"\xff" * (length - 1))
    first, second = ids.make("dlv"), ids.make("dlv")
    assert first.endswith("zzzzzz")
    assert second.endswith("000000")
    assert second > first
    assert created_at(first) == created_at(second) == round(clock.now(), 3)
    assert id_range("dlv", second.removeprefix("dlv_")) == (second, second)
