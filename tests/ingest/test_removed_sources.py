"""Sources that are taken away, moved, or copied elsewhere."""

import shutil

import pytest
from folder_files import write

from indexes.index import Index
from ingest import sources
from ingest.errors import IngestError, MassRemoval, SourceConflict, SourceUnreadable
from ingest.sources import read_sources


def places(job):
    with Index.open(job.collection) as index:
        return {(document.uri, document.source) for document in index.iter_documents()}


def groups(job):
    with Index.open(job.collection) as index:
        return {document.uri: sorted(document.groups) for document in index.iter_documents()}


def test_a_source_whose_folder_is_gone_is_taken_away_and_others_stay(job, kb, tmp_path):
    other = write(tmp_path / "other", {"hours.md": "# Hours\n\nWe open at nine."})
    job.run([kb, other])
    shutil.rmtree(kb)

    with pytest.raises(MassRemoval, match="4 of its 4 documents"):
        job.run([], remove=[kb])
    planned = job.plan([], remove=[kb])
    assert (planned.removed, planned.documents) == (4, 1)
    assert "--allow-removals" in planned.blocked
    report = job.run([], remove=[kb], allow_removals=True)

    assert (report.removed, report.documents, report.embedded) == (4, 1, 0)
    assert places(job) == {("hours.md", str(other))}
    assert read_sources(job.collection).keys() == {str(other)}
    with pytest.raises(SourceUnreadable, match="is no source of this collection"):
        job.run([], remove=[kb], allow_removals=True)


def test_a_path_that_is_no_source_takes_nothing_away(job, kb, tmp_path):
    job.run([kb])
    before = places(job)
    for path in (kb / "faq", tmp_path / "kb-old", tmp_path):
        with pytest.raises(SourceUnreadable, match=str(kb)):
            job.run([], remove=[path], allow_removals=True)
    with pytest.raises(IngestError, match="taken in and taken away"):
        job.run([kb], remove=[kb], allow_removals=True)
    assert places(job) == before


def test_a_limited_source_that_is_taken_away_is_not_opened_by_the_folder_around_it(job, tmp_path):
    outer = write(tmp_path / "all", {"open.md": "# Open\n\nFor everybody.", "hr/pay.md": "# Pay"})
    job.run([outer / "hr"], groups=frozenset({"hr"}))
    job.run([outer])
    job.run([], remove=[outer / "hr"], allow_removals=True)
    job.run([outer])
    assert groups(job) == {"open.md": [], "hr/pay.md": ["hr"]}


def test_a_folder_that_moved_comes_in_the_place_of_the_former_one(job, kb, tmp_path):
    job.run([kb], groups=frozenset({"staff"}))
    before = groups(job)
    moved = kb.rename(tmp_path / "handbook")

    report = job.run([moved], remove=[kb])

    assert groups(job) == before
    assert {source for _, source in places(job)} == {str(moved)}
    assert (report.added, report.removed, report.embedded) == (4, 4, 0)
    assert read_sources(job.collection)[str(moved)].groups == {"staff"}
    assert job.run([moved]).unchanged == 4


def test_a_folder_that_moved_gets_its_names_back_after_it_was_taken_for_another(job, kb, tmp_path):
    job.run([kb])
    names = set(groups(job))
    moved = kb.rename(tmp_path / "handbook")

    taken_for_another = job.run([moved])
    assert len(taken_for_another.duplicates) == 4
    assert {one.same_source for one in taken_for_another.duplicates} == {str(kb)}
    job.run([moved], remove=[kb])

    assert set(groups(job)) == names


def test_documents_that_moved_to_another_source_are_not_counted_as_lost(job, kb, tmp_path):
    other = write(tmp_path / "other", {"hours.md": "# Hours\n\nWe open at nine."})
    job.run([kb, other])
    for name in ("refunds.md", "shipping.md"):
        (kb / name).rename(other / name)
    (kb / "faq" / "orders.csv").rename(other / "orders.csv")

    job.run([other])
    report = job.run([kb])

    assert (report.removed, report.embedded) == (3, 0)
    (other / "hours.md").unlink()
    (other / "orders.csv").unlink()
    (other / "shipping.md").unlink()
    with pytest.raises(MassRemoval):
        job.run([other])


def test_copies_are_named_when_they_come_in_and_not_again(job, kb, tmp_path):
    copy = shutil.copytree(kb, tmp_path / "backup")
    write(kb, {"refunds (copy).md": (kb / "refunds.md").read_text(encoding="utf-8")})
    first = job.run([kb])
    twin = [(one.uri, one.same_uri) for one in first.duplicates]
    assert twin == [("refunds.md", "refunds (copy).md")]

    planned = job.plan([copy])
    second = job.run([copy])
    assert planned.duplicates == second.duplicates
    assert {one.same_source for one in second.duplicates} == {str(kb)}
    assert len(second.to_json()["duplicates"]) == 4
    assert job.run([copy]).duplicates == ()


def test_a_document_of_a_folder_is_not_put_or_deleted_by_its_name_alone(job, kb):
    job.run([kb])
    for change in (lambda: job.delete("refunds.md"), lambda: job.put("refunds.md", kb / "x")):
        with pytest.raises(SourceConflict, match="belongs to the source kb"):
            change()
    assert ("refunds.md", str(kb)) in places(job)


def test_documents_that_were_put_stay_when_a_source_goes(job, kb, tmp_path):
    file = write(tmp_path, {"note.md": "# Note\n\nPut over HTTP."}) / "note.md"
    job.run([kb])
    job.put("note.md", file)
    job.run([], remove=[kb], allow_removals=True)
    assert places(job) == {("note.md", sources.API)}
