import os
import threading

import pytest
from folder_files import write

from indexes.index import Index
from indexes.store import generations
from ingest.errors import SourceUnreadable
from ingest.source_watcher import WatchOptions, snapshot_files, watch_sources
from ingest.validity import sidecar_path

QUICK = WatchOptions(interval=0.01, quiet_period=0.05)


@pytest.fixture
def kb(tmp_path):
    return write(tmp_path / "kb", {"a.md": "Words.", "b/c.md": "More words."})


def test_a_look_sees_what_a_job_would(kb):
    first = snapshot_files([kb])
    assert len(first) == 2
    write(kb, {".hidden": "x"})
    assert snapshot_files([kb]) == first
    for change in (
        lambda: write(kb, {"new.md": "New."}),
        lambda: write(kb, {"a.md": "Other words."}),
        lambda: sidecar_path(kb / "a.md").write_text("version = 2"),
        lambda: (kb / "b" / "c.md").rename(kb / "b" / "d.md"),
        (kb / "new.md").unlink,
        lambda: os.utime(kb / "a.md", ns=(1, 1)),
    ):
        before = snapshot_files([kb])
        change()
        assert snapshot_files([kb]) != before


def until(done: threading.Event) -> None:
    assert done.wait(30)


def test_changes_are_taken_in_once_the_source_rests(kb):
    runs, ended, ran = [], threading.Event(), threading.Event()

    def run() -> bool:
        runs.append(sorted(f.name for f in kb.rglob("*.md")))
        ran.set()
        return len(runs) != 2  # once, the collection is held by another

    thread = threading.Thread(
        target=watch_sources, args=([kb], run), kwargs={"options": QUICK, "stop": ended}
    )
    thread.start()
    until(ran)
    ran.clear()
    write(kb, {"new.md": "New."})
    while len(runs) < 3:
        until(ran)
        ran.clear()
    ended.set()
    thread.join(30)
    assert runs == [["a.md", "c.md"], ["a.md", "c.md", "new.md"], ["a.md", "c.md", "new.md"]]


def test_a_source_that_is_away_is_waited_for(kb):
    told, ended, runs = [], threading.Event(), []

    def away(error: SourceUnreadable) -> None:
        told.append(error)
        (kb.parent / "moved").rename(kb)

    def run() -> bool:
        runs.append(1)
        if len(runs) == 1:
            kb.rename(kb.parent / "moved")
        return True

    def stop_when_back() -> bool:
        run()
        if told:
            ended.set()
        return True

    def back(error: SourceUnreadable) -> None:
        away(error)
        write(kb, {"back.md": "Back."})

    watch_sources([kb], stop_when_back, options=QUICK, stop=ended, on_unavailable=back)
    assert (len(told), len(runs)) == (1, 2)


def test_a_job_follows_its_folder(job, kb):
    """End to end: what is written while it watches is published."""
    ended = threading.Event()

    def run() -> bool:
        job.run([kb], allow_removals=True)
        number = generations.read_current_number(job.collection)
        if number == 1:
            write(kb, {"a.md": "Changed words.", "new.md": "New."})
        else:
            ended.set()
        return True

    watch_sources([kb], run, options=QUICK, stop=ended)
    with Index.open(job.collection) as index:
        assert {d.uri for d in index.iter_documents()} == {"a.md", "b/c.md", "new.md"}
        assert index.read_text("a.md") == "Changed words."
