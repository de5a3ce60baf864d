"""P19 in small; ``python -m tests.resilience.growth`` writes the figures."""

from indexes.store.document_table import CHANGES_FILE
from indexes.upkeep.retention import Retention
from tests.resilience.growth import grow, history, size


def test_a_collection_stays_as_large_as_it_is_over_many_puts(tmp_path):
    grow(tmp_path / "c", 700)
    kept = Retention(generations=3, hours=0)
    history(tmp_path / "c", 5, retention=kept)
    _, before = size(tmp_path / "c")
    history(tmp_path / "c", 9, retention=kept)
    _, after = size(tmp_path / "c")
    assert list(tmp_path.rglob(CHANGES_FILE))
    assert after < 1.5 * before
