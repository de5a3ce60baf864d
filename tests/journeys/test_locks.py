"""P7 in small; ``python -m tests.resilience.locks --races 1000`` writes the figures."""

from tests.resilience.locks import races


def test_one_process_writes_at_a_time_and_a_dead_one_frees_the_lock(tmp_path):
    found = races(tmp_path / "r", 80, seed=1)
    assert (found.races, found.doubled) == (80, 0)
    assert found.killed > 0
    assert found.finished > 0


def test_the_same_races_without_a_lock_are_caught(tmp_path):
    assert races(tmp_path / "r", 80, seed=1, locked=False).doubled > 0
