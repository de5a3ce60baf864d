"""The soak in small: some seconds of mixed work, one flipped bit, and the operator's remedy."""

import pytest

from tests.resilience import soak


@pytest.mark.real
def test_seconds_of_mixed_work_lose_leak_and_break_nothing(tmp_path):
    words = ["--minutes", "0.15", "--flip-every", "60", "--backup-every", "4", "--words-only"]
    world = soak.soak(soak.arguments([*words, "--out", str(tmp_path)]))
    broken = {name: world.counts[name] for name in soak.PROMISES if world.counts[name]}
    assert not broken, world.failures[:5]
    assert world.counts["put: done"] > 5
    assert world.counts["broken: half post"] + world.counts["broken: never read"] >= 0
    assert (tmp_path / "report.md").is_file()
