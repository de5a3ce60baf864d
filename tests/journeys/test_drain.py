"""Two replicas behind nginx are restarted in turn, and nothing is dropped (P15)."""

from argparse import Namespace
from pathlib import Path

import pytest
from proxy_process import NGINX

from tests.resilience.drain import run_drain

pytestmark = pytest.mark.real


def test_two_replicas_restarted_in_turn_drop_nothing(postgresql, tmp_path):
    if not Path(NGINX).exists():
        pytest.skip("no nginx: make test-deps")
    args = Namespace(rounds=1, streams=20, handoffs=10, database="")
    counts = run_drain(args, tmp_path).counts
    assert {name: n for name, n in counts.items() if name.startswith("dropped")} == {}
    assert counts["streams whole"] == 40
    assert counts["replies seen"] == 20
    assert counts["stops told first"] == 2
    assert counts["exits with 0"] == 2
