"""A benchmark says when its figures cannot be trusted."""

from bench._machine import Usage

BEFORE = Usage(busy=100.0, stolen=1.0, total=200.0)


def test_a_machine_that_runs_only_the_benchmark_gives_no_warning() -> None:
    assert Usage(busy=118.0, stolen=1.1, total=220.0).warnings(BEFORE, own_seconds=17.0) == []


def test_other_programs_are_named_with_their_share() -> None:
    assert Usage(busy=118.0, stolen=1.0, total=220.0).warnings(BEFORE, own_seconds=8.0) == [
        "other programs used 50% of the processors"
    ]


def test_time_that_the_host_took_is_named_with_its_share() -> None:
    assert Usage(busy=110.0, stolen=6.0, total=220.0).warnings(BEFORE, own_seconds=10.0) == [
        "other machines took 25% of the processors"
    ]
