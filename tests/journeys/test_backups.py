"""P18 in small; ``python -m tests.resilience.backups`` writes the figures."""

from tests.resilience.backups import taken


def test_backups_under_publishes_restore_to_what_they_name_and_damaged_ones_are_refused(tmp_path):
    tally = taken(tmp_path, 6, seed=1)
    assert (tally.taken, tally.equal, tally.whole) == (6, 6, 6)
    assert (tally.damaged, tally.refused) == (6, 6)
    assert tally.published > 0
