"""A receiver comes back while many deliveries wait: `bench/recovery.py` with fewer of them."""

from pathlib import Path

import pytest

from bench.recovery import LIMIT, PROBES, recover


@pytest.mark.slow
def test_a_receiver_that_comes_back_sees_probes_then_one_step_a_round_and_never_more_than_the_limit(
    tmp_path: Path,
) -> None:
    figures = recover(tmp_path, held=1_000)
    assert figures.held == 1_000
    assert figures.probes <= PROBES
    assert figures.most_probes_at_once <= PROBES
    assert figures.most == LIMIT
    reached = {at_once: number for at_once, number, _ in figures.steps}
    assert reached[1] == figures.probes + 1
    # With every answer one more: to have as many at once, at least as many less one must have been answered.
    assert all(number >= 2 * at_once - 1 for at_once, number in reached.items())
