import os
import threading

import pytest
from written import write

from indexes import generations
from indexes.index import Index
from ingest.errors import SourceUnreadable
from ingest.validity import sidecar
from ingest.watching import WatchOptions, look, watch

QUICK = WatchOptions(every=0.01, rest=0.05)


@pytest.fixture
def kb(tmp_path):
    return write(tmp_path / "kb", {"a.md": "Words.", "b/c.md": "More words."})


def test_a_look_sees_what_a_job_would(kb):
    first = look([kb])
    assert len(first) == 2
    write(kb, {".hidden": "x"})
    assert look([kb]) == first
    for change in (
        lambda: write(kb, {"new.md": "New."}),
        lambda: write(kb, {"a.md": "Other words."}),
        lambda: sidecar(kb / "a.md").write_text("version = 2"),
        lambda: (kb / "b" / "c.md").rename(kb / "b" / "d.md"),
        (kb / "new.md").unlink,
        lambda: os.utime(kb / "a.md", ns=(1, 1)),
    ):
        before = look([kb])
        change()
        assert look([kb]) != before


def until(done: threading.Event) -> None:
    assert done.wait(30)


def test_changes_are_taken_in_once_the_source_rests(kb):
    runs, ended, ran = [], threading.Event(), threading.Event()

    def run() -> bool:
        runs.append(sorted(f.name for f in kb.rglob("*.md")))
        ran.set()
        return len(runs) != 2  # once, the collection is held by another

    thread = threading.Thread(
        target=watch, args=([kb], run), kwargs={"options": QUICK, "ended": ended}
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

    watch([kb], stop_when_back, options=QUICK, ended=ended, told=back)
    assert (len(told), len(runs)) == (1, 2)


def test_a_job_follows_its_folder(job, kb):
    """End to end: what is written while it watches is published."""
    ended = threading.Event()

    def run() -> bool:
        job.run([kb], allow_removals=True)
        number = generations.current(job.collection)
        if number == 1:
            write(kb, {"a.md": "Changed words.", "new.md": "New."})
        else:
            ended.set()
        return True

    watch([kb], run, options=QUICK, ended=ended)
    with Index.open(job.collection) as index:
        assert {d.uri for d in index.records()} == {"a.md", "b/c.md", "new.md"}
        assert index.text("a.md") == "Changed words."
