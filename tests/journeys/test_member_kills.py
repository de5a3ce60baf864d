"""A job that is killed amid mails, attachments or scanned pages ends as if it had not been.

``python -m tests.resilience.member_kills`` kills more of them, over more pages.
"""

import pytest

from tests.resilience.member_kills import (
    MEMBERS,
    PAGES,
    kill_jobs,
    start_jobs,
    write_members,
    write_pages,
)


def test_a_job_killed_amid_members_ends_as_an_undisturbed_one(tmp_path):
    write_members(tmp_path / "kb", 4)
    with start_jobs() as jobs:
        toll = kill_jobs(tmp_path, jobs, MEMBERS, kills=3, seed=3)
    assert (toll.kills, toll.wrong) == (3, [])
    assert toll.amid > 0


@pytest.mark.real  # it starts OCR four times
def test_a_job_killed_amid_pages_reads_none_of_them_again(tmp_path):
    pytest.importorskip("rapidocr")
    write_pages(tmp_path / "kb", 4)
    with start_jobs() as jobs:
        toll = kill_jobs(tmp_path, jobs, PAGES, kills=2, seed=3)
    assert (toll.kills, toll.amid, toll.wrong) == (2, 2, [])
    assert toll.kept >= 2
