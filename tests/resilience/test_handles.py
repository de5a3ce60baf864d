"""The script that counts a server's handles, in small."""

import pytest
from resilience import handles


@pytest.mark.real
def test_handles_stay_flat_at_a_limit_of_256():
    tally = handles.run(15, 256)
    assert tally.puts == {"served": 15}
    assert set(tally.answers) <= {"2xx", "broken off"}
    assert max(open_ for _, open_, _, _ in tally.sizes) < 128
