"""P16 in small; ``python -m tests.resilience.support_worlds`` writes the figures."""

import pytest

from tests.resilience.support_worlds import live, switched_off_checks


@pytest.mark.parametrize("number", [0, pytest.param(1, marks=pytest.mark.real)])
def test_nobody_reads_what_others_leave_at_a_desk(tmp_path, number):
    tally = live(tmp_path, [20261130, number], is_small=True)
    assert not tally.leaks, tally.leaks[:5]
    assert not tally.missed, tally.missed[:5]
    assert tally.forbidden > 50
    assert tally.permitted > 30


def test_a_desk_that_checks_nothing_is_noticed(tmp_path):
    with switched_off_checks():
        tally = live(tmp_path, [20261130, 0], is_small=True, changes=False)
    assert {leak.partition(" ")[0] for leak in tally.leaks} >= {"question", "handoff", "draft"}
