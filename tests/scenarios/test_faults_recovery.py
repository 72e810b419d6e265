"""A receiver recovers while many deliveries are held: `bench/recovery.py` with fewer of them."""

from pathlib import Path

import pytest

from bench.recovery import LIMIT, PROBES, recover


@pytest.mark.slow
def test_a_recovered_receiver_gets_probes_then_a_slow_start_up_to_the_limit(
    tmp_path: Path,
) -> None:
    figures = recover(tmp_path, held=1_000)
    assert figures.held == 1_000
    assert figures.probes <= PROBES
    assert figures.most_concurrent_probes <= PROBES
    assert figures.most == LIMIT
    reached = {concurrent: number for concurrent, number, _ in figures.steps}
    assert reached[1] == figures.probes + 1
    # Each response adds one: a concurrency of n needs at least n - 1 earlier responses.
    assert all(number >= 2 * concurrent - 1 for concurrent, number in reached.items())
