"""P2: what is acknowledged survives a power cut at any moment of a publish."""

from indexes.store import durability
from tests.resilience.power_cuts import cuts


def test_the_power_may_be_cut_after_any_step_of_a_publish(tmp_path):
    moments, broken = cuts(tmp_path, publishes=2)
    assert broken == []
    assert moments >= 100


def test_without_the_folder_syncs_the_same_cuts_break_it(tmp_path, monkeypatch):
    monkeypatch.setattr(durability, "sync_path", lambda path: None)
    _, broken = cuts(tmp_path, publishes=1)
    assert broken
