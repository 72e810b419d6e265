"""SIGKILL at random moments under load, a few times; `make crash ROUNDS=100` does it a hundred times."""

import random
from pathlib import Path

import pytest

from bench.crash import crash


@pytest.mark.slow
def test_random_kills_lose_nothing_and_repeat_only_deliveries_in_flight(tmp_path: Path) -> None:
    report = crash(tmp_path, rounds=5, moments=random.Random(3), per_second=300, longest=2.0)
    assert report.problems() == []
    assert report.accepted > 100
    assert sum(len(kill.claims) for kill in report.kills) > 0
    assert set(report.ending.states) == {"delivered"}
