"""The time left is told from the whole way, and what an earlier run had done does not count as speed."""

import pytest

from nightproof.cli.progress import TimeLeft


def test_half_the_way_means_as_long_again():
    left = TimeLeft(0.0)
    assert left.seconds(0.0, 5.0) is None
    assert left.seconds(0.01, 10.0) is None
    assert left.seconds(0.505, 110.0) == pytest.approx(100.0)


def test_a_job_that_was_taken_up_again_starts_where_it_was():
    left = TimeLeft(0.0)
    assert left.seconds(0.8, 1.0) is None
    assert left.seconds(0.9, 11.0) == pytest.approx(10.0)
    assert left.seconds(1.0, 21.0) == 0.0
