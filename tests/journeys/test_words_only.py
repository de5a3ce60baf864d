"""A desk without vectors: it finds by words, says so, and is never mixed with one that has them."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes import HashEmbedder, document, publish

from indexes.build import Build
from indexes.embedding.embedder import EmbedOptions, embed_question, open_embedder
from indexes.errors import IndexMismatch, ModelMissing
from indexes.index import Index
from ragdesk.cli.main import cli

DOCUMENTS = {
    "returns.md": "# Returns\n\nUnused articles can be returned within 30 days of delivery.\n",
    "faq.csv": "question,answer\nDo you ship to Iceland?,Yes. Parcels take six working days.\n",
    "zh/退款.md": "# 退款说明\n\n退款会在三个工作日内原路退回。\n",
}
COUNTS = ("documents", "added", "changed", "removed", "unchanged", "chunks", "vectors", "embedded")


@pytest.fixture
def home(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty home, and beside it a folder of documents."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(cache)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RAGDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAGDESK_GUARD__OCR", "false")  # the doctor would start it, in 2 s
    for name, text in DOCUMENTS.items():
        file = tmp_path / "kb" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return home


def run(home: Path, *words: str, model: str = "none") -> Result:
    (home / "ragdesk.toml").write_text(f'[embed]\nmodel = "{model}"\n', encoding="utf-8")
    return CliRunner().invoke(cli, ["--home", str(home), *words])


def said(result: Result) -> dict:
    """Read the one JSON document on standard output."""
    return json.loads(result.stdout)


def counts(report: dict) -> dict:
    return {name: report[name] for name in COUNTS}


def test_words_alone_find_and_answer_in_both_languages(home):
    report = said(run(home, "ingest", "kb", "--json"))
    assert (report["documents"], report["vectors"], report["embedded"]) == (3, 0, 0)

    for question, quote in (
        ("Within how many days can unused articles be returned?", "30 days"),
        ("退款几个工作日内原路退回？", "三个工作日"),
    ):
        answer = said(run(home, "ask", question, "--json"))
        assert (answer["outcome"], answer["model"]) == ("answered", "none")
        assert quote in answer["citations"][0]["quote"]
    found = said(run(home, "search", "Iceland", "--json"))["passages"]
    assert found[0]["uri"] == "faq.csv"
    assert {finder for one in found for finder in one["found_by"]} <= {"lexical", "identifier"}


def test_the_doctor_and_a_second_ingest_find_nothing_to_mend(home):
    run(home, "ingest", "kb")
    findings = {one["what"]: one for one in said(run(home, "doctor", "--json"))["findings"]}
    assert findings["model"]["found"] == "none: words alone find passages"
    assert findings["collection default"]["state"] == "ok"
    assert "embedder" not in findings
    again = said(run(home, "ingest", "kb", "--json"))
    assert (again["generation"], again["unchanged"], again["changed"]) == (1, 3, 0)


def test_a_switch_holds_from_the_next_ingest_and_until_then_the_own_way_answers(home):
    run(home, "ingest", "kb")
    asked = said(
        run(home, "ask", "Can unused articles be returned?", "--json", model="packaged-english")
    )
    assert (asked["outcome"], asked["model"]) == ("answered", "none")

    plan = said(run(home, "ingest", "kb", "--plan", "--json", model="packaged-english"))
    with_them = said(run(home, "ingest", "kb", "--json", model="packaged-english"))
    assert counts(plan) == counts(with_them)
    assert (with_them["unchanged"], with_them["changed"]) == (3, 0)  # read once, embedded now
    assert with_them["vectors"] == with_them["embedded"] > 0

    passages = said(run(home, "search", "returns", "--json"))  # model = "none" holds for the next
    assert passages["generation"] == 2
    assert any("dense" in one["found_by"] for one in passages["passages"])
    findings = {one["what"]: one for one in said(run(home, "doctor", "--json"))["findings"]}
    assert "embedder all-MiniLM-L6-v2" in findings["collection default"]["found"]

    plan = said(run(home, "ingest", "kb", "--plan", "--json"))
    without = said(run(home, "ingest", "kb", "--json"))
    assert counts(plan) == counts(without)
    assert (without["vectors"], without["embedded"]) == (0, 0)
    with Index.open(home / "collections" / "default") as index:
        assert [part.facts["embedder"]["name"] for part in index.segments] == ["none"]
        assert [part.dense.count for part in index.segments] == [0]


def test_a_change_after_a_switch_leaves_no_segment_of_the_other_kind(tmp_path, cache):
    none = open_embedder(EmbedOptions(model="none"), cache)
    publish(tmp_path / "c", document("a.md", "words of a"), document("b.md", "words of b"))
    with Build(tmp_path / "c", none) as build:
        assert "built with vectors of hash" in str(build.stale_reason)
        build.add(*document("c.md", "words of c"))
        assert build.publish().vectors == 0
    with Index.open(tmp_path / "c", card=none.card) as index:
        assert {one.uri for one in index.iter_documents()} == {"a.md", "b.md", "c.md"}
        assert all(part.dense.count == 0 for part in index.segments)
    with pytest.raises(IndexMismatch, match="without vectors"):
        Index.open_generation(tmp_path / "c", 2, card=HashEmbedder().card)


def test_chunks_are_cut_as_with_the_packaged_english_model(cache):
    none = open_embedder(EmbedOptions(model="none"), cache)
    english = open_embedder(EmbedOptions(model="packaged-english", device="cpu"), cache)
    assert none.card.max_tokens == english.card.max_tokens
    assert none.count_tokens("Refunds take 14 days.") == english.count_tokens(
        "Refunds take 14 days."
    )
    assert none.embed_query("refund?") is None
    with pytest.raises(ModelMissing, match=r"embed\.model"):
        embed_question(none, "refund?")
