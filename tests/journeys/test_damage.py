"""P3 in small; ``python -m tests.resilience.publish`` writes the figures."""

from tests.resilience.damage import damage


def test_whatever_is_damaged_is_refused_and_a_whole_generation_answers(tmp_path):
    for kind, tries in damage(tmp_path / "d", flips=60, seed=1).items():
        assert tries.tried == tries.refused == tries.answered > 0, kind
        assert tries.older == (0 if kind.startswith("CURRENT") else tries.tried), kind
