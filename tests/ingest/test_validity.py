import datetime as dt
import os
from pathlib import Path

import pytest

from indexes.chunk import ALWAYS_VALID, SearchFilter, Validity
from indexes.index import Index
from indexes.text.tokens import tokenize_text
from ingest import validity
from ingest.errors import Unreadable
from ingest.parse.markup import markdown

FRONT = "---\ntitle: Refunds\nvalid_from: 2020-01-01\nvalid_to: '2020-12-31'\nversion: 2.1\n---\n\nWithin 30 days."


def test_front_matter_says_when_a_document_holds():
    document = markdown.parse(FRONT.encode(), "refunds.md")
    assert document.title == "Refunds"
    assert document.validity == Validity(
        starts="2020-01-01T00:00:00Z", ends="2021-01-01T00:00:00Z", version="2.1"
    )
    assert markdown.parse(b"# Refunds\n\nvalid_from: 2020-01-01", "r.md").validity == ALWAYS_VALID


@pytest.mark.parametrize(
    ("said", "starts", "ends"),
    [
        (dt.date(2026, 3, 1), "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("2026-03-01T12:00:00+08:00", "2026-03-01T04:00:00Z", "2026-03-01T04:00:00Z"),
        ("2026-03-01 12:00", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        ("", "", ""),
    ],
)
def test_a_day_is_a_whole_one_and_a_time_is_exact(said, starts, ends):
    assert validity.parse_validity({"valid_from": said}).starts == starts
    assert validity.parse_validity({"valid_to": said}).ends == ends


@pytest.mark.parametrize(
    "facts",
    [
        {"valid_to": "soon"},
        {"valid_from": 3},
        {"valid_from": "2027-01-01", "valid_to": "2026-01-01"},
    ],
)
def test_what_is_no_date_is_not_guessed(facts):
    with pytest.raises(Unreadable, match="valid_"):
        validity.parse_validity(facts)


def test_a_sidecar_is_read_and_its_mistakes_are_named(tmp_path: Path):
    file = tmp_path / "refunds.pdf"
    assert validity.read_sidecar(file) is None
    side = validity.sidecar_path(file)
    side.write_text('valid_to = 2020-12-31\nversion = "3"', encoding="utf-8")
    assert validity.read_sidecar(file) == Validity(
        ends="2021-01-01T00:00:00Z", version="3", from_sidecar=True
    )
    for wrong in ("valid_to = soon", "until = 2020-12-31", "x" * (validity.LARGEST_SIDECAR + 1)):
        side.write_text(wrong, encoding="utf-8")
        with pytest.raises(Unreadable, match=r"refunds\.pdf\.meta\.toml"):
            validity.read_sidecar(file)


def test_a_sidecar_that_is_no_small_plain_file_is_refused(tmp_path: Path):
    file = tmp_path / "refunds.pdf"
    side = validity.sidecar_path(file)
    side.write_text("version = " + "[" * 60_000, encoding="utf-8")
    with pytest.raises(Unreadable, match="nested"):
        validity.read_sidecar(file)
    side.unlink()
    os.mkfifo(side)
    with pytest.raises(Unreadable, match="plain file"):
        validity.read_sidecar(file)
    side.unlink()
    side.symlink_to("/etc/hostname")
    with pytest.raises(Unreadable, match="cannot be read"):
        validity.read_sidecar(file)


def found(job, question: str) -> set[str]:
    with Index.open(job.collection) as index:
        hits = index.search_lexical(
            tokenize_text(question), k=9, mask=index.make_mask(SearchFilter())
        )
        return {chunk.uri for chunk in index.read_chunks(hits.rows)}


def test_expired_text_is_kept_and_not_found_until_the_sidecar_says_otherwise(job, kb):
    (kb / "old.md").write_text(FRONT, encoding="utf-8")
    report = job.run([kb])
    assert (report.documents, report.skipped) == (5, ())
    assert found(job, "within") == {"refunds.md"}

    side = validity.sidecar_path(kb / "old.md")
    side.write_text('version = "2.2"', encoding="utf-8")
    assert job.run([kb]).changed == 1
    assert found(job, "within") == {"refunds.md"}

    side.write_text('version = "2.2"\nvalid_to = 9999-12-31', encoding="utf-8")
    plan = job.plan([kb])
    report = job.run([kb])
    assert (plan.changes, report.changed, report.embedded) == ((("~", "old.md"),), 1, 0)
    assert found(job, "within") == {"refunds.md", "old.md"}
    with Index.open(job.collection) as index:
        listed = index.documents.find_by_uri("old.md")
        assert (listed.validity.version, listed.validity.from_sidecar) == ("2.2", True)
        assert {chunk.version for chunk in index.read_document(listed)[1]} == {"2.2"}
    assert job.run([kb]).unchanged == 5

    side.write_text("valid_to = never", encoding="utf-8")
    report = job.run([kb])
    assert [one.uri for one in report.skipped] == ["old.md"]
    assert "meta.toml" in report.skipped[0].reason


def test_a_name_too_long_for_a_sidecar_has_none_and_is_taken_in(job, kb):
    name = f"{'n' * 248}.md"  # with the ending of a sidecar, longer than a file name may be
    (kb / name).write_text("# Returns\n\nParcels come back within ninety days.", encoding="utf-8")
    assert not job.run([kb]).skipped
    assert name in found(job, "ninety days")
