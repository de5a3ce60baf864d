"""P1 and P2 in small; ``python -m tests.resilience.publish --kills 500`` writes the figures."""

from tests.resilience.kills import toll


def test_a_reader_sees_one_generation_or_the_next_whenever_the_writer_dies(tmp_path):
    found = toll(tmp_path / "t", kills=50, seed=1, readers=2)
    assert (found.kills, found.torn, found.lost, found.trouble) == (50, 0, 0, [])
    assert found.share >= 0.3
    assert found.reads >= 50


def test_the_same_watch_catches_a_writer_that_writes_in_place(tmp_path):
    found = toll(tmp_path / "t", kills=5, seed=1, readers=1, in_place=True)
    assert found.torn + found.lost > 0
