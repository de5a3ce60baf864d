"""Who may see a document follows the last word on it, whatever fails or is gone back to."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace

import pytest
from fakes import document, publish

from indexes.build import Build
from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.store import failpoints
from indexes.upkeep import backup, restore, rollback, verify
from ingest import sources
from ingest.errors import IngestError
from ragdesk.assemble import EXTRA_FILES

HR, LEGAL = frozenset({"hr"}), frozenset({"legal"})


def groups(job) -> dict[str, frozenset[str]]:
    with Index.open(job.collection) as index:
        return {one.uri: one.groups for one in index.iter_documents()}


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nA note about people.\n", encoding="utf-8")
    return folder


def test_going_back_opens_nothing_that_was_closed_since(job, notes):
    job.run([notes])
    job.run([notes], groups=HR)

    number = rollback.roll_back(job.collection, 1)

    assert number == 3
    assert groups(job) == {"a.md": HR}
    (notes / "b.md").write_text("# B\n\nAnother note.\n", encoding="utf-8")
    job.run([notes])
    assert groups(job) == {"a.md": HR, "b.md": HR}


def test_going_back_to_the_same_groups_publishes_nothing(job, notes):
    job.run([notes], groups=HR)
    (notes / "b.md").write_text("# B\n\nAnother note.\n", encoding="utf-8")
    job.run([notes])
    assert rollback.roll_back(job.collection, 1) == 1


def test_a_deleted_document_comes_back_to_those_who_last_saw_it(job, notes):
    (notes / "b.md").write_text("# B\n\nAnother note.\n", encoding="utf-8")
    job.run([notes])
    job.run([notes], groups=HR)
    (notes / "a.md").unlink()
    job.run([notes])

    rollback.roll_back(job.collection, 1)

    assert groups(job) == {"a.md": HR, "b.md": HR}


def test_a_restored_backup_opens_nothing_that_was_closed_since(job, notes, tmp_path):
    job.run([notes])
    backup.write_backup(job.collection, tmp_path / "open.tar", extra_files=EXTRA_FILES)
    job.run([notes], groups=HR)

    restore.restore_backup(tmp_path / "open.tar", job.collection, extra_files=EXTRA_FILES)

    assert groups(job) == {"a.md": HR}
    job.run([notes])
    assert groups(job) == {"a.md": HR}


def test_a_file_that_is_no_backup_makes_no_collection(tmp_path):
    with pytest.raises(OSError, match="none"):
        restore.restore_backup(tmp_path / "none.tar", tmp_path / "never", extra_files=EXTRA_FILES)
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(
    ("before", "after", "later"),
    [
        (HR, frozenset(), HR),  # opening fails: it stays closed
        (frozenset(), HR, HR),  # closing fails: what comes later is closed
        (HR, LEGAL, HR),
        (HR | LEGAL, LEGAL, LEGAL),
    ],
)
def test_a_job_that_fails_opens_nothing(job, notes, before, after, later):
    job.run([notes], groups=before)

    def full(place: str) -> None:
        if place == "table written":
            raise OSError(28, "No space left on device")

    with failpoints.arm_failpoints(full), pytest.raises(OSError, match="No space"):
        job.run([notes], groups=after)
    (notes / "b.md").write_text("# B\n\nAnother note.\n", encoding="utf-8")

    job.run([notes])

    assert groups(job) == {"a.md": later, "b.md": later}


def test_what_one_source_skips_is_no_loss_of_another(job, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.md").write_text(f"# {name}\n\nWords.\n", encoding="utf-8")
    (tmp_path / "two" / "x.md").write_text("# X\n\nBefore.\n", encoding="utf-8")
    job.run([tmp_path / "one", tmp_path / "two"])
    (tmp_path / "one" / "x.md").symlink_to("/etc/hostname")
    (tmp_path / "two" / "x.md").write_text("# X\n\nAfter.\n", encoding="utf-8")

    report = job.run([tmp_path / "one", tmp_path / "two"])

    assert (report.changed, report.removed) == (1, 0)
    assert [one.uri for one in report.skipped] == ["x.md"]
    with Index.open(job.collection) as index:
        assert "After" in index.read_text("x.md")


def test_a_folder_that_cannot_be_listed_now_loses_nothing(job, notes, monkeypatch):
    inner = notes / "inner"
    inner.mkdir()
    (inner / "deep.md").write_text("# Deep\n\nWords.\n", encoding="utf-8")
    (notes / "gone.md").write_text("# Gone\n\nWords.\n", encoding="utf-8")
    job.run([notes])
    (notes / "gone.md").unlink()
    open_ = os.open

    def failing(path, *given, **more):
        if str(path) == inner.name:
            raise PermissionError(13, "Permission denied", str(path))
        return open_(path, *given, **more)

    monkeypatch.setattr(os, "open", failing)
    report = job.run([notes])

    assert (report.removed, report.unchanged) == (1, 2)
    assert [one.uri for one in report.skipped] == ["inner/"]
    assert set(groups(job)) == {"a.md", "inner/deep.md"}


def test_sidecars_that_nobody_would_read_are_named(job, notes):
    (notes / "a.md.META.toml").write_text("version = '2'", encoding="utf-8")
    (notes / "b.md.meta.toml").write_text("version = '2'", encoding="utf-8")

    report = job.run([notes])

    assert report.documents == 1
    assert [one.uri for one in report.skipped] == ["a.md.META.toml", "b.md.meta.toml"]


def gain(notes) -> None:
    (notes / "b.md").write_text("# B\n\nAnother note.\n", encoding="utf-8")


def test_without_its_memory_a_source_keeps_who_may_see_it(job, notes):
    job.run([notes], groups=HR)
    (job.collection / sources.REMEMBERED_SOURCES).unlink()
    gain(notes)
    job.run([notes])
    assert groups(job) == {"a.md": HR, "b.md": HR}


def test_a_restored_source_keeps_who_may_see_it_beside_others(job, notes, kb, tmp_path):
    job.run([notes], groups=HR)
    backup.write_backup(job.collection, tmp_path / "hr.tar", extra_files=EXTRA_FILES)
    other = replace(job, collection=job.collection.with_name("other"))
    other.run([kb])
    restore.restore_backup(tmp_path / "hr.tar", other.collection, extra_files=EXTRA_FILES)
    gain(notes)
    other.run([notes])
    assert groups(other) == {"a.md": HR, "b.md": HR}


@pytest.mark.parametrize("way", ["another source", "several groups", "begun anew", "plan"])
def test_without_their_memory_sources_of_unknown_groups_are_refused(job, notes, kb, way):
    """As a version left it that noted the groups of sources in one place alone."""
    for uri, seen_by in {"a.md": HR, "c.md": LEGAL if way == "several groups" else HR}.items():
        publish(job.collection, document(uri, "words", source=str(notes), groups=seen_by))
    named, how = kb, {}
    if way == "several groups":
        named = notes
    elif way == "begun anew":
        named = notes
        (job.collection / "CURRENT").write_text("none")
        how = {"begin_anew": True}
    act = job.plan if way == "plan" else job.run
    with pytest.raises(IngestError, match="--groups"):
        act([named], **how)
    if way != "plan":
        how["allow_removals"] = True
    act([named], groups=HR, **how)


def test_a_collection_of_single_documents_needs_no_memory_of_sources(job, notes):
    job.put("one.md", notes / "a.md", groups=HR)
    assert not (job.collection / sources.REMEMBERED_SOURCES).exists()
    job.run([notes])
    assert groups(job) == {"one.md": HR, "a.md": frozenset()}


def test_a_limited_source_is_no_new_one_though_nothing_else_is_left_of_it(job, notes, kb):
    job.run([notes], groups=HR)
    (notes / "a.md").unlink()
    gain(notes)
    (job.collection / sources.REMEMBERED_SOURCES).write_text('{"sources": {}}', encoding="utf-8")
    shutil.rmtree(job.collection / "seen", ignore_errors=True)
    with Build(job.collection, job.embedder) as build:
        build.publish(removed=[one.id for one in build.base.iter_documents()])

    job.run([notes, kb])

    assert groups(job)["b.md"] == HR
    assert groups(job)["refunds.md"] == frozenset()


def test_a_source_that_is_opened_on_purpose_stays_open(job, notes):
    job.run([notes], groups=HR)
    job.run([notes], groups=frozenset())
    (job.collection / sources.REMEMBERED_SOURCES).write_text('{"sources": {}}', encoding="utf-8")
    gain(notes)
    job.run([notes])
    assert groups(job) == {"a.md": frozenset(), "b.md": frozenset()}


@pytest.mark.parametrize("changed", ['"hs"', '"hrr"', '"Hr"'])
def test_a_changed_letter_in_the_groups_of_a_source_is_told(job, notes, tmp_path, changed):
    job.run([notes], groups=HR)
    file = job.collection / sources.REMEMBERED_SOURCES
    file.write_text(file.read_text("utf-8").replace('"hr"', changed), encoding="utf-8")
    gain(notes)
    with pytest.raises(IngestError, match="checksum"):
        job.run([notes])
    assert groups(job) == {"a.md": HR}
    assert verify.verify_collection(job.collection, extra_files=EXTRA_FILES) == [
        f"{file} was changed, or is none of ours. Put its backup in place."
    ]
    with pytest.raises(IndexDamaged, match=r"sources\.json was changed"):
        backup.write_backup(job.collection, tmp_path / "b.rdb", extra_files=EXTRA_FILES)


def test_a_changed_bit_of_remembered_sources_is_told_wherever_it_is(job, notes):
    job.run([notes], groups=HR)
    file = job.collection / sources.REMEMBERED_SOURCES
    whole, known = file.read_bytes(), sources.read_sources(job.collection)
    for at in range(len(whole)):
        for bit in range(8):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            with suppress(IngestError):
                assert sources.read_sources(job.collection) == known  # a blank became another blank


def test_remembered_sources_without_a_sum_are_taken_over_and_get_one(job, notes, kb):
    job.run([notes], groups=HR)
    file = job.collection / sources.REMEMBERED_SOURCES
    old = json.loads(file.read_bytes())
    del old["checksum"]
    file.write_text(json.dumps(old), encoding="utf-8")
    gain(notes)
    job.run([notes, kb])
    assert groups(job)["b.md"] == HR
    assert "checksum" in json.loads(file.read_bytes())


def test_a_limited_source_inside_another_one_stays_limited(job, notes):
    inner = notes / "hr"
    inner.mkdir()
    (inner / "pay.md").write_text("# Pay\n\nWhat people earn.\n", encoding="utf-8")
    job.run([notes])  # before anybody limited it
    job.run([inner], groups=HR)

    job.run([notes])

    seen_by = groups(job)
    assert seen_by.pop("a.md") == frozenset()
    assert set(seen_by.values()) == {HR}
    job.run([notes], groups=HR | LEGAL)
    seen_by = groups(job)
    assert seen_by.pop("a.md") == HR | LEGAL
    assert set(seen_by.values()) == {HR}


def test_a_limited_source_is_opened_by_its_own_name(job, notes):
    inner = notes / "hr"
    inner.mkdir()
    (inner / "pay.md").write_text("# Pay\n\nWhat people earn.\n", encoding="utf-8")
    job.run([inner], groups=HR)
    job.run([notes])

    job.run([inner], groups=frozenset())
    job.run([notes], groups=frozenset())

    assert set(groups(job).values()) == {frozenset()}
