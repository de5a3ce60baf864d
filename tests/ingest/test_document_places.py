"""What is put by itself and what lies in a mail never replace or remove one another."""

import pytest
from mail_files import mail

from indexes.index import Index
from ingest.errors import SourceConflict
from ingest.job import IngestJob

STAFF = frozenset({"staff"})
TIDES = b"# Tides\n\nHigh water is at six.\n"


def held(job: IngestJob) -> set[tuple[str, str]]:
    with Index.open(job.collection) as index:
        return {(document.source, document.uri) for document in index.iter_documents()}


@pytest.fixture
def put(job, tmp_path):
    def put_bytes(uri, body, *, sees=None, groups=None):
        file = tmp_path / "body"
        file.write_bytes(body)

        def admit(documents):
            return [d for d in documents if sees is None or d.groups <= sees], groups

        return job.put(uri, file, groups=groups, admit=admit)

    return put_bytes


def test_a_mail_takes_no_document_for_its_own_that_was_put_by_itself(job, put):
    put("box.eml/2-tides.md", TIDES)
    report = put("box.eml", mail(files={"a.md": b"# A\n\nOne.", "tides.md": TIDES}).as_bytes())
    assert [item.reason for item in report.skipped] == [
        (
            "box.eml holds documents, and others of such names were put by themselves; "
            "choose another name."
        )
    ]
    assert held(job) == {("api", "box.eml/2-tides.md")}
    put("box.eml", b"# A page\n\nIts name says nothing.\n")
    assert put("box.eml", mail().as_bytes()).skipped  # as it was no mail before
    assert held(job) == {("api", "box.eml"), ("api", "box.eml/2-tides.md")}


@pytest.mark.parametrize("uri", ["box.eml/2-new.md", "box.eml/1-a.md/3-new.md"])
def test_nothing_is_put_into_a_mail(job, put, uri):
    put("box.eml", mail(files={"a.md": b"# A\n\nOne."}).as_bytes())
    before = held(job)
    with pytest.raises(SourceConflict, match=r"would lie in box\.eml, whose documents"):
        put(uri, TIDES)
    put("box.eml/new.md", TIDES)  # no name of an attachment
    put("box.eml", mail(files={"a.md": b"# A\n\nTwo."}).as_bytes())
    assert held(job) == before | {("api", "box.eml/new.md")}


def test_what_is_hidden_stays_and_is_not_told_of(job, put):
    put("box.eml/1-a.md", TIDES, groups=STAFF)
    body = mail(files={"a.md": b"# A\n\nOne."}).as_bytes()
    assert put("box.eml", body, sees=frozenset()).skipped == ()
    assert held(job) == {
        *(("api", "box.eml/1-a.md"), ("api~2", "box.eml"), ("api~2", "box.eml/1-a.md"))
    }
    put("sealed.eml", body, groups=STAFF)
    put("sealed.eml/7-new.md", TIDES, sees=frozenset())
    put("sealed.eml", mail(files={"a.md": b"# A\n\nTwo."}).as_bytes())
    assert ("api~2", "sealed.eml/7-new.md") in held(job)


def test_a_mail_of_which_a_part_is_hidden_is_not_changed(job, put, tmp_path):
    put("box.eml", mail(files={"a.md": b"# A\n\nOne.", "b.md": TIDES}).as_bytes())
    before = held(job)

    def admit(documents):
        return [document for document in documents if "2-b" not in document.uri], None

    with pytest.raises(SourceConflict, match=r"Not all that lies in box\.eml is yours"):
        job.put("box.eml", tmp_path / "body", admit=admit)
    with pytest.raises(SourceConflict):
        job.delete("box.eml", admit=admit)
    assert held(job) == before
