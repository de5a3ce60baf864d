"""P5 in small; ``python -m tests.resilience.write_failures`` fails whole jobs, and writes the figures."""

from collections.abc import Iterator

import pytest

from indexes.store import failpoints
from tests.resilience.write_failures import KILL, MODES, RESTORING, Jobs, jobs, trials

OF_JOBS = {"original written", "originals kept", "sources.json written", "sources.json replaced"}
PLACES = [name for name in failpoints.FAILPOINTS if name not in {*OF_JOBS, *RESTORING}]


@pytest.fixture(scope="module")
def run() -> Iterator[Jobs]:
    with jobs() as started:
        yield started


@pytest.mark.parametrize(
    ("kind", "places", "modes"),
    [
        ("build", PLACES, [KILL]),
        ("build", ["journal written", "vectors written", "CURRENT written"], MODES[1:]),
        ("restore", [*RESTORING, "CURRENT replaced"], MODES),
    ],
)
def test_wherever_a_job_fails_nothing_is_torn_and_the_next_one_ends_it(
    tmp_path, run, kind, places, modes
):
    found = trials(tmp_path / "t", run, kind, places, modes)
    assert [one for one in found if one.wrong or not one.reached] == []
    assert {one.answers for one in found} >= {"old"}
    if kind == "build" and len(places) > 3:
        assert {one.answers for one in found} == {"old", "new"}
        after = [o.again for o in found if places.index(o.place) > places.index("words written")]
        assert set(after) == {0}
