"""Jobs: in order within a collection, side by side between them, and no lock takes a thread."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_home import serving

from indexes.errors import CollectionBusy
from indexes.store import locks
from ingest.job_report import JobReport
from ragdesk.errors import Overloaded
from ragdesk.metrics import Metrics
from ragdesk.web import jobs as module
from ragdesk.web.jobs import JOB_THREADS, DocumentJob, JobQueue

REPORT = JobReport(
    collection="any",
    generation=1,
    documents=0,
    added=0,
    changed=0,
    removed=0,
    unchanged=0,
    chunks=0,
    vectors=0,
    embedded=0,
    skipped=(),
    seconds=0.0,
)


class Work:
    """Does jobs when it is let; the collection ``busy`` is held by somebody else."""

    def __init__(self) -> None:
        self.go, self.done = threading.Event(), list[tuple[str, str]]()
        self.slow: frozenset[str] = frozenset()
        self.busy: set[str] = set()
        self.tries = 0

    def __call__(self, job: DocumentJob) -> JobReport:
        self.tries += 1
        if job.collection in self.busy:
            raise CollectionBusy("Another job holds it.")
        if job.collection in self.slow:
            self.go.wait(30)
        self.done.append((job.collection, job.uri))
        return REPORT


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def jobs(work, monkeypatch) -> Iterator[JobQueue]:
    monkeypatch.setattr(module, "RETRY_PAUSE", 0.02)
    jobs = JobQueue(work, limit=16, metrics=Metrics())
    yield jobs
    work.go.set()
    jobs.close(30)


def submit(
    jobs: JobQueue, collection: str, uri: str = "a", body: Path | None = None, *, owner: str = ""
) -> DocumentJob:
    owner = owner or f"of {collection}"
    return jobs.submit(owner=owner, collection=collection, uri=uri, body=body, groups=frozenset())


def fill_all(jobs: JobQueue, collections: list[str]) -> None:
    for name in collections:
        submit(jobs, name, owner="greedy")


def fill(jobs: JobQueue, collection: str) -> None:
    for _ in range(100):
        submit(jobs, collection)


def wait(true) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)


def test_a_busy_collection_holds_up_no_other_and_keeps_its_own_order(jobs, work):
    work.slow = frozenset({"slow"})
    for number in range(5):
        submit(jobs, "slow", str(number))
    other = submit(jobs, "quick")
    wait(lambda: jobs.get_job(other.id).state == "done")
    assert work.done == [("quick", "a")]
    work.go.set()
    wait(lambda: len(work.done) == 6)
    assert work.done[1:] == [("slow", str(number)) for number in range(5)]


def test_collections_that_others_hold_take_no_thread_and_their_jobs_say_what_they_wait_for(
    jobs, work
):
    work.busy = {f"busy-{n}" for n in range(2 * JOB_THREADS)}
    waiting = [submit(jobs, name) for name in sorted(work.busy)]
    wait(lambda: all(jobs.get_job(job.id).waits_for for job in waiting))
    other = submit(jobs, "free")
    wait(lambda: jobs.get_job(other.id).state == "done")

    job = jobs.get_job(waiting[0].id)
    assert job.state == "running"
    assert job.waits_for == "another job holds the collection"
    assert time.time() - 60 < job.waits_since <= time.time()
    since, tries = job.waits_since, work.tries
    wait(lambda: work.tries > tries + 10)
    assert jobs.get_job(waiting[0].id).waits_since == since

    work.busy.clear()
    wait(lambda: all(jobs.get_job(job.id).state == "done" for job in waiting))
    assert jobs.get_job(waiting[0].id).waits_for is None


def test_a_job_that_waited_long_enough_fails_and_the_next_has_its_own_time(jobs, work, monkeypatch):
    monkeypatch.setattr(module, "COLLECTION_WAIT", 0.1)
    work.busy = {"busy"}
    first, second = submit(jobs, "busy"), submit(jobs, "busy")
    wait(lambda: jobs.get_job(first.id).state == "failed")
    assert jobs.get_job(first.id).error["code"] == "collection_busy"
    work.busy.clear()
    wait(lambda: jobs.get_job(second.id).state == "done")


def test_one_collection_cannot_take_every_place(jobs, work):
    work.slow = frozenset({"one", "two"})
    for name in ("one", "two"):
        with pytest.raises(Overloaded):
            fill(jobs, name)
    jobs.ensure_room("three", "me")
    other = submit(jobs, "three")
    wait(lambda: jobs.get_job(other.id).state == "done")
    with pytest.raises(Overloaded):
        jobs.ensure_room("one", "me")


def test_one_key_cannot_take_every_place_with_many_collections(work, monkeypatch):
    monkeypatch.setattr(module, "JOB_THREADS", 1)
    jobs = JobQueue(work, limit=16, metrics=Metrics())
    names = [f"c{number}" for number in range(100)]
    work.slow = frozenset(names)
    running = submit(jobs, "c0", owner="greedy")
    wait(lambda: jobs.get_job(running.id).state == "running")
    with pytest.raises(Overloaded):
        fill_all(jobs, names)
    for number in range(16):
        with contextlib.suppress(Overloaded):
            submit(jobs, f"c{number}", owner="greedy")
    jobs.ensure_room("other", "patient")
    other = submit(jobs, "other", owner="patient")
    work.go.set()
    wait(lambda: jobs.get_job(other.id).state == "done")
    assert work.done.index(("other", "a")) <= 1  # after what was under way
    jobs.close(30)


def test_over_http_no_more_collections_are_made_than_the_setting_says(home, keys):
    with serving(home, keys, max_collections=3) as client:
        first = client.put("/v1/collections/new/documents/a.md", content=b"# A\n\nAlpha.\n")
        assert first.status_code == 202
        full = client.put("/v1/collections/newer/documents/a.md", content=b"# A\n\nAlpha.\n")
        assert (full.status_code, full.headers["retry-after"]) == (429, "60")
        assert full.json()["code"] == "too_many_collections"
        wait(lambda: client.get(first.headers["location"]).json()["state"] == "done")
        full = client.put("/v1/collections/newer/documents/a.md", content=b"# A\n\nAlpha.\n")
        assert full.status_code == 429
        for name in ("new", "default"):
            more = client.put(f"/v1/collections/{name}/documents/b.md", content=b"# B\n\nBeta.\n")
            assert more.status_code == 202


def test_a_job_is_remembered_until_it_has_ended(jobs, work, monkeypatch):
    monkeypatch.setattr(module, "KEPT_JOBS", 3)
    work.slow = frozenset({"slow"})
    first = submit(jobs, "slow")
    for number in range(6):
        other = submit(jobs, f"quick-{number}")
        wait(lambda other=other: (job := jobs.get_job(other.id)) is None or job.state == "done")
    assert jobs.get_job(first.id).state == "running"


def test_a_job_that_fails_or_is_dropped_leaves_no_body(jobs, work, tmp_path, monkeypatch):
    body = tmp_path / "body"
    body.write_bytes(b"x")
    monkeypatch.setattr(work, "done", None)  # appending to it fails
    job = submit(jobs, "c", body=body)
    wait(lambda: jobs.get_job(job.id).state == "failed")
    assert not body.exists()


def test_over_http_a_job_says_that_its_collection_is_held(home, keys):
    with serving(home, keys) as client:
        with locks.lock_collection(home / "collections/other"):
            put = client.put("/v1/collections/other/documents/a.md", content=b"# A\n\nAlpha.\n")
            where = put.headers["location"]
            wait(lambda: client.get(where).json()["waits_for"])
            job = client.get(where).json()
            assert job["state"] == "running"
            assert job["waits_since"] >= job["created"]
        wait(lambda: client.get(where).json()["state"] == "done")
        assert client.get(where).json()["waits_for"] is None
