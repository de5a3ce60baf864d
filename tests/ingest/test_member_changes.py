import hashlib
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from folder_files import write
from mail_files import mail
from pdf_files import lines, made

from indexes.index import Index
from indexes.store.document_table import ListedDocument
from indexes.text import tokens
from indexes.upkeep.verify import list_damage
from ingest import versions
from ingest.errors import Unreadable
from ingest.job import IngestJob
from ingest.parse.parser_table import PARSER_TABLE
from ingest.source_files import list_sources
from ingest.sources import read_sources

RULES = b"# Locker rules\n\nLocker B costs a deposit of 10 EUR.\n"
PRICES = b"item,price\nlock,4.50\nkey,2.20\n"


def held(job: IngestJob) -> dict[str, ListedDocument]:
    with Index.open(job.collection) as index:
        return {document.uri: document for document in index.iter_documents()}


def text(job: IngestJob, uri: str) -> str:
    with Index.open(job.collection) as index:
        return index.read_text(uri)


def leads(job: IngestJob, uri: str) -> list[str]:
    with Index.open(job.collection) as index:
        return [chunk.lead for chunk in index.read_document(held(job)[uri])[1]]


def save(folder: Path, name: str, message: EmailMessage) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(message.as_bytes())
    return folder


@pytest.fixture
def mails(tmp_path) -> Path:
    files = {"rules.md": RULES, "prices.csv": PRICES}
    folder = save(tmp_path / "mails", "keys.eml", mail(files=files))
    return write(folder, {"other.md": "# Other\n\nNothing of keys."})


def counts(report) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


def test_attachments_are_documents_of_their_own_that_their_mail_leads(job, mails):
    planned = job.plan([mails])
    report = job.run([mails])
    assert counts(report) == counts(planned) == (4, 0, 0, 0)
    documents = held(job)
    assert set(documents) == {
        *("keys.eml", "keys.eml/1-rules.md", "keys.eml/2-prices.csv", "other.md")
    }
    rules = documents["keys.eml/1-rules.md"]
    assert rules.digest == hashlib.sha256(RULES).hexdigest()
    assert (job.collection / "originals" / rules.digest).read_bytes() == RULES
    assert text(job, "keys.eml/1-rules.md").startswith("Locker rules")
    assert all("Keys (mail of Ann Lee, 2026-03-02)" in lead for lead in leads(job, rules.uri))
    assert [one.title for one in documents.values()] == ["Keys", "Locker rules", "prices", "Other"]


def test_an_unchanged_mail_is_not_read_again_and_its_attachments_stay(job, mails):
    job.run([mails])
    asked = len(job.embedder.asked)
    report = job.run([mails])
    assert (counts(report), report.generation) == ((0, 0, 0, 4), 1)
    assert job.running_guard is not None
    assert len(job.embedder.asked) <= asked + 1


def test_attachments_come_change_and_go_with_their_mail(job, mails):
    job.run([mails])
    save(mails, "keys.eml", mail(files={"rules.md": RULES + b"\nNo dogs.\n"}))
    planned = job.plan([mails])
    report = job.run([mails])
    assert counts(report) == counts(planned) == (0, 2, 1, 1)
    assert report.changes == (
        ("~", "keys.eml"),
        ("~", "keys.eml/1-rules.md"),
        ("-", "keys.eml/2-prices.csv"),
    )
    assert "No dogs" in text(job, "keys.eml/1-rules.md")

    (mails / "keys.eml").unlink()
    assert counts(job.run([mails], allow_removals=True)) == (0, 0, 2, 1)
    assert set(held(job)) == {"other.md"}


def test_an_attachment_that_cannot_be_read_is_skipped_and_the_rest_taken_in(job, mails):
    save(mails, "keys.eml", mail(files={"a.zip": b"PK\x05\x06" + bytes(18), "rules.md": RULES}))
    report = job.run([mails])
    (skip,) = report.skipped
    assert skip.uri == "keys.eml/1-a.zip"
    assert skip.source == str(mails.resolve())
    assert "keys.eml/2-rules.md" in held(job)


def test_attachments_have_the_groups_of_their_mail(job, mails):
    job.run([mails], groups=frozenset({"staff"}))
    assert {document.groups for document in held(job).values()} == {frozenset({"staff"})}
    report = job.run([mails], groups=frozenset({"staff", "boss"}))
    assert counts(report) == (0, 4, 0, 0)
    assert {document.groups for document in held(job).values()} == {frozenset({"staff", "boss"})}


def test_a_mail_is_read_again_where_a_newer_parser_reads_what_is_attached(job, mails, monkeypatch):
    job.run([mails])
    row = PARSER_TABLE["text/csv"]
    monkeypatch.setitem(PARSER_TABLE, "text/csv", replace(row, version=row.version + 1))
    with Index.open(job.collection) as index:
        assert job.count_outdated(index) == 1
        detector = job._change_detector(index, read_sources(job.collection))
        (own,) = detector.compare_sources(list_sources([mails]), None)
        (other,) = detector.compare_document("api", "new.md", mails / "other.md", None)[1:]
    for change in (own, other):
        assert [raw.uri for raw in change.changes.changed] == ["keys.eml"]
        assert change.changes.removed == ()


def test_what_lies_more_than_three_deep_is_noted(job, tmp_path):
    inner = mail("The fifth.", subject="five")
    for number in ("four", "three", "two", "one"):
        inner = mail(subject=number, files={f"{number}.eml": inner.as_bytes()})
    report = job.run([save(tmp_path / "deep", "one.eml", inner)])
    assert set(held(job)) == {
        "one.eml",
        "one.eml/1-one.eml",
        "one.eml/1-one.eml/1-two.eml",
        "one.eml/1-one.eml/1-two.eml/1-three.eml",
    }
    (note,) = report.notes
    assert note.uri == "one.eml/1-one.eml/1-two.eml/1-three.eml"
    assert note.note.startswith("1 document in it lies deeper than 3 files in one another")


def test_a_mail_that_is_put_brings_its_attachments_and_takes_them_along(job, tmp_path):
    folder = save(tmp_path, "put.eml", mail(files={"rules.md": RULES, "prices.csv": PRICES}))
    report = job.put("put.eml", folder / "put.eml")
    assert report.document.counts.added == 3
    with pytest.raises(Unreadable, match=r"put\.eml/1-rules\.md lies in put\.eml; change that"):
        job.delete("put.eml/1-rules.md")
    save(tmp_path, "put.eml", mail(files={"prices.csv": PRICES}))
    job.put("put.eml", folder / "put.eml")
    assert set(held(job)) == {"put.eml", "put.eml/1-prices.csv"}
    job.delete("put.eml")
    assert held(job) == {}


def test_a_mailbox_that_grows_leaves_its_former_mails_as_they_are(job, tmp_path):
    box = tmp_path / "box"
    box.mkdir()
    line = b"From ann@shop.example Mon Mar 02 09:00:00 2026\n"
    first = mail("Call 3390.", subject="Lost token", files={"rules.md": RULES}).as_bytes()
    (box / "desk.mbox").write_bytes(line + first)
    assert counts(job.run([box])) == (3, 0, 0, 0)
    second = mail("Toner TN-247.", subject="Printer").as_bytes()
    (box / "desk.mbox").write_bytes(line + first + b"\n" + line + second)
    assert counts(job.run([box])) == (1, 1, 0, 2)
    documents = held(job)
    assert set(documents) == {f"desk.mbox{end}" for end in ("", "/1", "/2", "/1/1-rules.md")}
    assert documents["desk.mbox/2"].title == "Printer"
    assert documents["desk.mbox"].count == 0
    with Index.open(job.collection) as index:
        assert len(index.search_lexical(tokens.tokenize_text("mailbox"), k=9).rows) == 0
    assert list_damage(job.collection, 2) == []


def test_an_attachment_that_was_read_by_ocr_stays_on_a_machine_without(job, tmp_path, monkeypatch):
    files = {"plan.pdf": made(lines("The pump room is on level four.")), "prices.csv": PRICES}
    folder = save(tmp_path / "mails", "keys.eml", mail(files=files))
    monkeypatch.setattr(versions, "find_ocr_state", lambda *, wanted: "ready")
    job.run([folder])
    before = held(job)["keys.eml/1-plan.pdf"].id
    monkeypatch.setattr(versions, "find_ocr_state", lambda *, wanted: "missing")
    row = PARSER_TABLE["text/csv"]
    monkeypatch.setitem(PARSER_TABLE, "text/csv", replace(row, version=row.version + 1))
    job.run([folder])
    documents = held(job)
    assert documents["keys.eml/1-plan.pdf"].id == before
    assert len(documents) == 3
