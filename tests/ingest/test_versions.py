"""A newer version of the program reads again, or writes anew, what it concerns, and no more."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import CARD, HashEmbedder
from folder_files import write
from openpyxl import Workbook

from indexes.errors import ProgramOutdated, WordsOutdated
from indexes.index import Index
from indexes.store import generations
from indexes.store.segments import CANARY_TEXT
from indexes.text import tokens, word_forms
from indexes.upkeep import backup, restore, verify
from ingest import split
from ingest.job import IngestJob
from ingest.parse.parser_table import PARSER_TABLE
from ingest.sandbox import child, guard
from ingest.sandbox.guard import GuardOptions

ROOT = Path(__file__).parents[2]
MARKDOWN = "text/markdown"
NEWER_MARKDOWN = f"""
from dataclasses import replace
from ingest.parse.parser_table import PARSER_TABLE
row = PARSER_TABLE["{MARKDOWN}"]
PARSER_TABLE["{MARKDOWN}"] = replace(row, version=row.version + 1)
"""
VERSION = PARSER_TABLE[MARKDOWN].version


@pytest.fixture
def fresh_job(job) -> IngestJob:
    """A job that starts children of its own, as one of another version has to."""
    return replace(job, running_guard=None, guard=GuardOptions(workers=1))


@pytest.fixture
def other_stems(monkeypatch):
    """A stemmer of another kind, with its number raised."""
    monkeypatch.setattr(word_forms, "stem_word", lambda run: f"~{run}" if run.isalpha() else run)
    monkeypatch.setattr(tokens, "TOKENS_VERSION", tokens.TOKENS_VERSION + 1)
    tokens._spelling_cache.clear()
    yield
    tokens._spelling_cache.clear()


def raise_markdown(monkeypatch) -> None:
    monkeypatch.setitem(
        PARSER_TABLE, MARKDOWN, replace(PARSER_TABLE[MARKDOWN], version=VERSION + 1)
    )


def start_newer_children(monkeypatch, folder: Path, program: str) -> None:
    """Let children start with a number raised, as those of a newer program do."""
    write(folder, {"sitecustomize.py": program})
    known = child._child_environment()
    newer = {**known, "PYTHONPATH": f"{folder}{os.pathsep}{known['PYTHONPATH']}"}
    monkeypatch.setattr(child, "_child_environment", lambda: newer)


def published(job: IngestJob) -> dict[str, str]:
    with Index.open(job.collection) as index:
        return {document.uri: document.id for document in index.iter_documents()}


def word_uris(job: IngestJob, words: str) -> set[str]:
    with Index.open(job.collection, card=job.embedder.card) as index:
        hits = index.search_lexical(tokens.tokenize_text(words), k=9)
        return {chunk.uri for chunk in index.read_chunks(hits.rows)}


def test_a_newer_parser_reads_the_documents_of_its_type_again_wherever_they_are(
    fresh_job, kb, tmp_path, monkeypatch
):
    job = fresh_job
    second = write(
        tmp_path / "second", {"hours.md": "# Hours\n\nNine to five.", "a.csv": "a,b\n1,2\n"}
    )
    job.run([kb, second])
    before = published(job)
    job.embedder.asked.clear()
    raise_markdown(monkeypatch)
    start_newer_children(monkeypatch, tmp_path / "newer", NEWER_MARKDOWN)

    plan, report = job.plan([kb]), job.run([kb])

    assert (report.changed, report.unchanged, report.embedded) == (4, 1, 0)
    assert report.reread == plan.reread
    assert report.reread.count == 4
    assert report.reread.reasons == (
        f"parser of {MARKDOWN} version {VERSION} is now {VERSION + 1}",
    )
    assert report.to_json()["reread"]["count"] == 4
    assert set(job.embedder.asked) == {CANARY_TEXT}
    after = published(job)
    assert {uri for uri in after if after[uri] != before[uri]} == {
        uri for uri in before if uri.endswith(".md")
    }
    again = job.run([kb, second])
    assert (again.changed, again.unchanged, again.reread) == (0, 6, None)


def test_workbooks_alone_are_read_again_when_libreoffice_computes_formulas(
    fresh_job, kb, monkeypatch
):
    """A machine without it leaves them as they are."""
    fees, book = kb / "fees.xlsx", Workbook()
    book.active.append(["Item", "Fee"])
    book.save(fees)
    for state, reread in (("missing", 0), ("ask", 1), ("ask", 0), ("missing", 0)):
        monkeypatch.setattr(guard, "find_formula_state", lambda _, state=state: state)
        planned, report = fresh_job.plan([kb]), fresh_job.run([kb])
        for outcome in (planned, report):
            assert (outcome.reread.count if outcome.reread else 0) == reread
    assert report.unchanged == len(published(fresh_job))


@pytest.mark.parametrize(
    "program",
    [
        NEWER_MARKDOWN,
        "from indexes.text import tokens\ntokens.TOKENS_VERSION += 1\n",
        "from indexes.embedding import recipes\nrecipes.EXPORT_RECIPE = 2\n",
        "from indexes.embedding import recipes\nrecipes.EMBEDDING_RECIPES['int8'] = 2\n",
    ],
)
def test_a_child_of_another_version_is_refused(fresh_job, kb, tmp_path, monkeypatch, program):
    start_newer_children(monkeypatch, tmp_path / "newer", program)
    with pytest.raises(ProgramOutdated, match=r"replaced while it ran.* Start it again"):
        fresh_job.run([kb])
    assert not generations.list_generations(fresh_job.collection)


def list_writes(job: IngestJob, kb: Path) -> dict[str, Callable[[], object]]:
    return {
        "run": lambda: job.run([kb]),
        "plan": lambda: job.plan([kb]),
        "put": lambda: job.put("up.csv", kb / "faq/orders.csv"),
        "delete": lambda: job.delete("none.md"),
        "compact": lambda: job.compact(everything=True),
    }


@pytest.mark.parametrize("write_name", ["run", "plan", "put", "delete", "compact"])
def test_a_process_older_than_the_words_does_not_turn_them_back(job, kb, monkeypatch, write_name):
    job.run([kb])
    with monkeypatch.context() as newer:
        newer.setattr(tokens, "TOKENS_VERSION", tokens.TOKENS_VERSION + 1)
        assert job.run([kb]).words_rebuilt > 0
    newer_words = rf"words of version {tokens.TOKENS_VERSION + 1}.* Start it again"
    with pytest.raises(ProgramOutdated, match=newer_words):
        list_writes(job, kb)[write_name]()
    with Index.open(job.collection) as index:
        assert index.generation == 2
        assert {segment.tokens_version for segment in index.segments} == {tokens.TOKENS_VERSION + 1}


@pytest.mark.parametrize("write_name", ["run", "plan", "put", "delete"])
def test_a_process_older_than_a_parser_does_not_turn_documents_back(
    job, kb, monkeypatch, write_name
):
    with monkeypatch.context() as newer:
        raise_markdown(newer)
        job.run([kb])  # by children of this version, whose answers are alike
    before = published(job)
    with pytest.raises(
        ProgramOutdated, match=rf"parser of text/markdown of version {VERSION + 1}.* Start it"
    ):
        list_writes(job, kb)[write_name]()
    assert published(job) == before


@pytest.mark.parametrize(
    "change", [{"recipe": 2}, {"revision": "0-int8.2"}], ids=["embedding", "export"]
)
def test_a_process_older_than_the_vectors_does_not_embed_all_again(job, kb, change):
    own = replace(CARD, revision="0-int8.1")
    old = replace(job, embedder=HashEmbedder(own))
    replace(job, embedder=HashEmbedder(replace(own, **change))).run([kb])
    with pytest.raises(ProgramOutdated, match="vectors of a newer recipe"):
        old.delete("none.md")
    fp32 = replace(job, embedder=HashEmbedder(replace(CARD, revision="0")))
    assert fp32.run([kb]).embedded > 0  # a choice of the settings


def test_a_newer_splitter_reads_all_again_when_one_document_is_put(
    fresh_job, kb, tmp_path, monkeypatch
):
    job = fresh_job
    job.run([kb])
    monkeypatch.setattr(split, "SPLIT_VERSION", 2)
    start_newer_children(
        monkeypatch, tmp_path, "from ingest import split\nsplit.SPLIT_VERSION = 2\n"
    )
    put = write(tmp_path, {"up": "# Up\n\nNew."}) / "up"

    report = job.put("up.md", put)

    assert (report.added, report.changed, report.reread.count) == (1, 4, 4)
    assert report.reread.reasons == ("splitter version 1 is now 2",)
    assert job.put("up.md", put).is_quiet


def test_what_has_to_stay_as_it_was_is_tried_again_by_the_next_job(
    fresh_job, kb, tmp_path, monkeypatch
):
    job = fresh_job
    job.run([kb])
    good = write(tmp_path, {"good": "# Up\n\nWords."}) / "good"
    broken = write(tmp_path, {"broken": "%PDF-1.7 this is no PDF"}) / "broken"
    job.put("up.md", good)
    raise_markdown(monkeypatch)
    start_newer_children(monkeypatch, tmp_path / "newer", NEWER_MARKDOWN)

    report = job.put("up.md", broken)
    assert [skip.uri for skip in report.skipped] == ["up.md"]
    assert report.reread.count == 3  # those of kb; the former version of this one stays
    assert reading_of(job)["parsers"][MARKDOWN] == VERSION

    assert job.delete("none.md").reread.count == 1
    assert reading_of(job)["parsers"][MARKDOWN] == VERSION + 1
    assert job.delete("none.md").is_quiet


def reading_of(job: IngestJob) -> dict:
    with Index.open(job.collection) as index:
        return index.reading


STRICT_MARKDOWN = f"""
{NEWER_MARKDOWN}
from ingest.errors import Unreadable
from ingest.parse.markup import markdown
def refuse(*_, **__):
    raise Unreadable("too old")
markdown.parse = refuse
"""


@pytest.mark.parametrize("change", ["run", "put", "delete"])
def test_documents_of_other_sources_stay_when_they_cannot_be_read_again(
    fresh_job, kb, tmp_path, monkeypatch, change
):
    job = fresh_job
    job.run([kb])
    before = published(job)
    lose_original(job, "refunds.md")
    raise_markdown(monkeypatch)
    start_newer_children(monkeypatch, tmp_path / "newer", NEWER_MARKDOWN)
    other = write(tmp_path / "other", {"up.csv": "a,b\n5,6\n"})

    report = {
        "run": lambda: job.run([other]),
        "put": lambda: job.put("up.csv", other / "up.csv"),
        "delete": lambda: job.delete("none.md"),
    }[change]()

    assert (report.removed, report.reread.count) == (0, 2)
    (skip,) = report.skipped
    assert skip.uri == "refunds.md"
    assert skip.reason.endswith("; what was read of it before stays")
    assert published(job)["refunds.md"] == before["refunds.md"]
    assert reading_of(job)["parsers"][MARKDOWN] == VERSION

    again = job.run([kb])  # its own source has the bytes
    assert (again.changed, again.removed, again.skipped) == (1, 0, ())
    assert reading_of(job)["parsers"][MARKDOWN] == VERSION + 1


def test_what_a_newer_parser_refuses_stays_in_other_sources(fresh_job, kb, tmp_path, monkeypatch):
    job = fresh_job
    job.run([kb])
    before = published(job)
    raise_markdown(monkeypatch)
    start_newer_children(monkeypatch, tmp_path / "newer", STRICT_MARKDOWN)
    other = write(tmp_path / "other", {"up.csv": "a,b\n5,6\n"})
    plan, report = job.plan([other]), job.run([other])
    assert (report.removed, plan.removed) == (0, 0)
    assert plan.skipped == report.skipped
    assert [skip.reason.partition(";")[0] for skip in report.skipped] == ["too old"] * 3
    assert published(job).items() >= before.items()


def lose_original(job: IngestJob, uri: str) -> None:
    with Index.open(job.collection) as index:
        (digest,) = [d.digest for d in index.iter_documents() if d.uri == uri]
    (job.collection / "originals" / digest).unlink()


def test_a_forgotten_source_that_is_only_read_again_is_not_taken_for_an_open_one(
    fresh_job, kb, tmp_path, monkeypatch
):
    job, staff = fresh_job, frozenset({"staff"})
    job.run([kb], groups=staff)
    (job.collection / "sources.json").unlink()
    raise_markdown(monkeypatch)
    start_newer_children(monkeypatch, tmp_path / "newer", NEWER_MARKDOWN)
    other = write(tmp_path / "other", {"up.csv": "a,b\n5,6\n"})
    job.run([other], groups=frozenset({"sales"}))
    write(kb, {"new.md": "# New\n\nWords."})
    job.run([kb])
    with Index.open(job.collection) as index:
        groups = {d.uri: d.groups for d in index.iter_documents() if d.uri != "up.csv"}
    assert set(groups.values()) == {staff}


def test_outdated_words_are_off_and_vectors_answer(job, kb, other_stems_later):
    job.run([kb])
    other_stems_later()
    with Index.open(job.collection, card=CARD) as index:
        assert index.words_outdated
        terms = tokens.tokenize_text("Within 30 days")
        assert len(index.search_lexical(terms, k=9)) == 0
        hits = index.search_dense(job.embedder.embed_query("Within 30 days"), k=9)
        assert len(hits)
        assert not index.score_lexical(terms, hits.rows).any()
        assert index.find_terms(terms, hits.rows).all()
        assert {index.idf("within"), index.idf("never")} == {1.0}
    newer = tokens.TOKENS_VERSION
    versions = f"version {newer - 1}, questions are asked by version {newer}"
    with pytest.raises(WordsOutdated, match=versions):
        Index.open(job.collection, card=replace(CARD, words_only=True))


def test_the_next_ingest_writes_words_anew_and_parses_and_embeds_nothing(
    job, kb, other_stems_later
):
    job.run([kb])
    before = published(job)
    with Index.open(job.collection) as index:
        digest, chunks = index.digest_content(), index.sums["chunks"]
    old_words = word_uris(job, "within")
    job.embedder.asked.clear()
    other_stems_later()
    steps = []

    plan = job.plan([kb])
    report = job.run([kb], on_progress=steps.append)

    assert plan.words_rebuilt == report.words_rebuilt == chunks > 0
    assert (report.unchanged, report.changed, report.embedded) == (4, 0, 0)
    assert not report.is_quiet
    assert report.to_json()["words_rebuilt"] == chunks
    assert report.reread is None
    assert set(job.embedder.asked) == {CANARY_TEXT}
    assert {step.total for step in steps} <= {0}  # no file was parsed
    assert published(job) == before
    assert word_uris(job, "within") == old_words == {"refunds.md"}
    with Index.open(job.collection) as index:
        assert not index.words_outdated
        assert index.digest_content() == digest
    assert verify.verify_collection(job.collection) == []
    assert job.run([kb]).words_rebuilt == 0


def test_any_write_leaves_current_words(job, kb, other_stems_later):
    job.run([kb])
    other_stems_later()
    assert job.delete("none.md").words_rebuilt > 0
    assert word_uris(job, "within") == {"refunds.md"}


@pytest.fixture
def other_stems_later(request):
    """Give what brings the other stemmer in, once something was written by this one."""
    return lambda: request.getfixturevalue("other_stems")


def test_a_restore_keeps_how_documents_were_read(job, kb, tmp_path):
    job.run([kb])
    reading = reading_of(job)
    assert reading["parsers"][MARKDOWN] == PARSER_TABLE[MARKDOWN].version
    file = tmp_path / "copy.tar"
    backup.write_backup(job.collection, file)
    other = job.collection.with_name("other")
    restore.restore_backup(file, other)
    assert reading_of(replace(job, collection=other)) == reading


def test_a_comment_in_any_source_file_changes_no_document(job, kb, tmp_path):
    """The same program with a comment in each of its files names every document alike."""
    job.run([kb])
    place = tmp_path / "commented"
    for room in ("ingest", "indexes"):
        shutil.copytree(
            ROOT / room, place / room, ignore=shutil.ignore_patterns("__pycache__", "*.md")
        )
    for file in place.rglob("*.py"):
        file.write_text(f"{file.read_text(encoding='utf-8')}\n# A comment.\n", encoding="utf-8")
    program = (
        "import json, sys; from pathlib import Path; from ingest.document import Raw\n"
        "from ingest.document_changes import make_document_id\n"
        "from ingest.versions import ReadingVersions\n"
        "reading = ReadingVersions.of_code(Path(sys.argv[1]), json.loads(sys.argv[2]))\n"
        "for facts in json.loads(sys.argv[3]):\n"
        "    kind = facts.pop('kind')\n"
        "    print(make_document_id(Raw(**facts, file=Path('x')), kind, reading))\n"
    )
    with Index.open(job.collection) as index:
        options, listed = index.reading["options"], list(index.iter_documents())
    raws = [
        {"uri": d.uri, "source": d.source, "digest": d.digest, "size": 0, "kind": d.media_type}
        for d in listed
    ]
    done = subprocess.run(  # noqa: S603, this interpreter
        [sys.executable, "-P", "-c", program, job.tokenizer, json.dumps(options), json.dumps(raws)],
        env={**os.environ, "PYTHONPATH": str(place)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [document.id for document in listed]


def test_another_recipe_of_the_embedder_embeds_again_and_none_is_the_first(job, kb):
    vectors = job.run([kb]).vectors
    newer = replace(job, embedder=HashEmbedder(replace(CARD, recipe=2)))
    with Index.open(job.collection) as index:
        assert index.segments[0].facts["embedder"]["recipe"] == 1
        assert index.describe_mismatch(CARD) is None
        assert "recipe 1 is not 2" in index.describe_mismatch(newer.embedder.card)
    report = newer.run([kb])
    assert (report.changed, report.vectors) == (0, vectors)
    assert report.embedded > 0
