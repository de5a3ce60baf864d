"""The report on real corpora counts files by their folder, and what was said of them by its kind."""

from folder_files import write

from tests.lab.quality.corpora import report_ingest


def test_files_that_yield_nothing_are_counted_by_folder(tmp_path):
    folders = [
        write(tmp_path / "mails", {"a.eml": "x", "in/b.eml": "x", "c.eml": "x"}),
        write(tmp_path / "books", {"a.pdf": "x"}),
    ]
    report = {
        "documents": 4, "chunks": 4, "vectors": 4, "embedded": 4,
        "skipped": [
            {"uri": "in/b.eml", "reason": "damaged"},
            {"uri": "books/a.pdf", "reason": "damaged"},
            {"uri": "c.eml/1-plan.pdf", "reason": "no text on page 7"},  # the mail itself is read
        ],
        "notes": [{"uri": "a.eml", "note": f"{n:,} pictures were not read"} for n in (2, 1_200)],
    }  # fmt: skip
    body = report_ingest(report, 1.0, 1.0, folders)
    assert "| files of mails that yield their text | 2 of 3 |" in body
    assert "| files of books that yield their text | 0 of 1 |" in body
    assert "Skipped:\n\n- 2 × damaged\n- 1 × no text on page n\n" in body
    assert "- 2 × n pictures were not read" in body
