"""What the report shows of a job."""

import pytest

from nightproof.jobs.reporting import worth_showing


def test_the_worst_views_come_first_then_the_middle_and_the_best():
    severities = [0.3, 0.9, 0.1, 0.8, 0.5, 0.4, 0.7, 0.6]
    assert list(worth_showing(severities).items()) == [
        (1, "the worst"),
        (3, "second worst"),
        (6, "third worst"),
        (4, "a typical one"),
        (2, "the best"),
    ]


@pytest.mark.parametrize("count", range(9))
def test_no_view_is_shown_twice_and_none_is_missed(count):
    shown = worth_showing([float(i % 3) for i in range(count)])
    assert len(shown) == min(count, 5) and set(shown) <= set(range(count))
