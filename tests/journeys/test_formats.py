"""Every format that was ever released can be read; one from the future is refused by name."""

import json
import shutil
from pathlib import Path

import pytest
from fakes import HashEmbedder

from indexes.build import Build
from indexes.chunk import SearchFilter
from indexes.errors import IndexMismatch
from indexes.index import Index
from indexes.store import manifest
from indexes.text.tokens import tokenize_text

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("format-*"))


@pytest.fixture(params=FIXTURES, ids=lambda folder: folder.name)
def collection(request, tmp_path):
    return Path(shutil.copytree(request.param, tmp_path / "collection"))


@pytest.fixture
def renewed(collection):
    """The collection after a publish of today: words of an older version are written anew by it."""
    with Build(collection, HashEmbedder(), splitter={"name": "lines", "max_tokens": 80}) as build:
        build.publish()
    return collection


def found(index: Index, question: str, where: SearchFilter | None = None) -> str:
    hits = index.search_lexical(
        tokenize_text(question), k=1, mask=index.make_mask(where or SearchFilter())
    )
    return index.read_chunks(hits.rows)[0].text if len(hits) else ""


def test_a_fixture_of_every_format_is_kept():
    assert [folder.name for folder in FIXTURES] == [
        f"format-{number}" for number in range(1, manifest.MANIFEST_FORMAT + 1)
    ]


def test_its_vectors_are_found_and_words_of_another_version_are_off(collection):
    embedder = HashEmbedder()
    with Index.open(collection, card=embedder.card) as index:
        assert not index.refused
        assert index.words_outdated
        assert not found(index, "When do refunds arrive?")
        nearest = index.search_dense(
            embedder.embed_query("Error E1047 means that the tank is empty."), k=1
        )
        assert "E1047" in index.read_chunks(nearest.rows)[0].text


def test_its_words_are_found_once_they_are_written_anew(renewed):
    with Index.open(renewed, card=HashEmbedder().card) as index:
        assert not index.refused
        assert not index.words_outdated
        assert "14 days" in found(index, "When do refunds arrive?")
        assert "十四天" in found(index, "退款多久到账")
        assert "14 days" in found(index, "refunds within 14 days?")


def test_what_was_replaced_is_gone_and_groups_still_hold(renewed):
    with Index.open(renewed) as index:
        assert "replaced another" in (index.read_text("old.md") or "")
        assert "second ingest" not in found(index, "second ingest")
        assert "E1047" not in found(index, "E1047", SearchFilter(groups=frozenset({"guests"})))
        assert "E1047" in found(index, "E1047", SearchFilter(groups=frozenset({"staff"})))


def test_what_no_longer_holds_is_kept_and_not_found(renewed):
    with Index.open(renewed) as index:
        assert "prices" not in found(index, "summer prices")
        for listed in index.iter_documents():
            if listed.uri == "expired.md":
                assert listed.validity.version == "summer"
                assert "prices" in (index.read_text("expired.md") or "")


def test_every_chunk_is_an_exact_span(collection):
    with Index.open(collection) as index:
        for listed in index.iter_documents():
            record, chunks = index.read_document(listed)
            assert all(record.text[c.start : c.end] == c.text for c in chunks)


def test_a_newer_format_is_refused_by_name(collection):
    for file in collection.glob("generations/*/MANIFEST.json"):
        facts = json.loads(file.read_text(encoding="utf-8"))
        facts |= {
            "format": manifest.MANIFEST_FORMAT + 1,
            "min_reader": manifest.MANIFEST_FORMAT + 1,
        }
        file.write_text(json.dumps(facts), encoding="utf-8")

    with pytest.raises(IndexMismatch, match="upgrade"):
        Index.open(collection)
