"""The soak in small: some seconds of mixed work beside broken clients. Bits are flipped by command."""

import pytest

from tests.resilience import soak


@pytest.mark.real
def test_seconds_of_mixed_work_lose_leak_and_break_nothing(tmp_path):
    words = ["--minutes", "0.1", "--flip-every", "60", "--backup-every", "4", "--words-only"]
    world = soak.soak(soak.arguments([*words, "--out", str(tmp_path)]))
    broken = {name: world.counts[name] for name in soak.PROMISES if world.counts[name]}
    assert not broken, world.failures[:5]
    assert world.counts["put: done"] > 5
    assert any(name.startswith("broken: ") for name in world.counts)
    assert (tmp_path / "report.md").is_file()
