"""Children start early where that is likely to be of use, and the outcome is the same."""

import os
from dataclasses import replace

import pytest
from folder_files import write

from ingest import source_files
from ingest.sandbox.guard import Guard


@pytest.fixture
def started(monkeypatch) -> list[list[str] | None]:
    """List what each child is started for."""
    found: list[list[str] | None] = []
    begin = Guard._start_child

    def start(pool: Guard, names: list[str] | None):
        found.append(names)
        return begin(pool, names)

    monkeypatch.setattr(Guard, "_start_child", start)
    return found


def aged(folder, monkeypatch):
    """Let the files that stand now be older than what was published."""
    standing = {path for path in folder.rglob("*") if path.is_file()}
    real = source_files.list_newer_names

    def newer(listing, mark):
        names = {path.relative_to(folder.resolve()).as_posix() for path in standing}
        return [name for name in real(listing, mark) if name not in names]

    monkeypatch.setattr(source_files, "list_newer_names", newer)


def test_one_child_starts_for_one_new_file_and_serves_it(job, kb, started, monkeypatch):
    own = replace(job, running_guard=None)
    own.run([kb])
    del started[:]
    aged(kb, monkeypatch)
    write(kb, {"new.md": "# New\n\nBrand new words."})
    report = own.run([kb])
    assert (report.added, report.unchanged) == (1, 4)
    assert started == [["x.md"]]


def test_nothing_new_starts_no_child(job, kb, started, monkeypatch):
    own = replace(job, running_guard=None)
    own.run([kb])
    del started[:]
    aged(kb, monkeypatch)
    assert own.run([kb]).unchanged == 4
    assert started == []


def test_children_that_do_not_suit_the_work_give_way(job, kb, started, monkeypatch):
    own = replace(job, running_guard=None)
    own.run([kb])
    del started[:]
    aged(kb, monkeypatch)
    write(kb, {"new.md": "# New\n\nBrand new words."})
    other = replace(own, split=replace(own.split, max_tokens=60))  # so all is read anew
    report = other.run([kb])
    assert (report.added, report.changed) == (1, 4)
    assert started[0] == ["x.md"]
    assert {"x.csv", "x.md"} == set(started[-1] or ())


def test_files_are_newer_by_the_time_of_their_last_change(tmp_path):
    folder = write(tmp_path / "kb", {"a.md": "one", "b.md": "two"})
    listing = source_files.list_sources([folder])
    mark = tmp_path / "CURRENT"
    assert source_files.list_newer_names(listing, mark) == ["a.md", "b.md"]
    mark.write_text("1")
    assert source_files.list_newer_names(listing, mark) == [
        "a.md",
        "b.md",
    ]  # within the grain of a clock
    later = mark.stat().st_mtime_ns + 60_000_000_000
    os.utime(mark, ns=(later, later))
    assert source_files.list_newer_names(listing, mark) == []
