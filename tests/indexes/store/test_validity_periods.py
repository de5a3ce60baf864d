from dataclasses import replace

import numpy as np
import pytest
from fakes import HashEmbedder, document, publish

from indexes.chunk import SearchFilter, Validity
from indexes.index import Index
from indexes.text.tokens import tokenize_text

SPRING = Validity(starts="2026-03-01T00:00:00Z", ends="2026-06-01T00:00:00Z", version="spring")
SUMMER = Validity(starts="2026-06-01T00:00:00Z", ends="2026-09-01T00:00:00Z", version="summer")


@pytest.fixture
def index(tmp_path):
    publish(
        tmp_path / "c",
        document("spring.md", "Prices of coffee", validity=SPRING),
        document("summer.md", "Prices of coffee\nand of ice", validity=SUMMER),
        document("always.md", "Prices are in euro"),
    )
    with Index.open(tmp_path / "c") as opened:
        yield opened


def at(index, now):
    index._masks._periods._clock = lambda: now[0]


def found(index, mask=None):
    query = HashEmbedder().embed_query("prices of coffee")
    hits = [
        index.search_lexical(tokenize_text("prices"), k=9, mask=mask),
        index.search_dense(query, k=9, mask=mask),
    ]
    uris = [{chunk.uri for chunk in index.read_chunks(part.rows)} for part in hits]
    assert uris[0] == uris[1]
    return uris[0] - {"always.md"}


def test_a_document_is_found_in_its_time_and_the_clock_moves_on(index):
    now = ["2026-02-28T23:59:59Z"]
    at(index, now)
    for moment, wanted in [
        ("2026-02-28T23:59:59Z", set()),
        ("2026-03-01T00:00:00Z", {"spring.md"}),
        ("2026-05-31T23:59:59Z", {"spring.md"}),
        ("2026-06-01T00:00:00Z", {"summer.md"}),
        ("2026-09-01T00:00:00Z", set()),
        ("2026-04-01T00:00:00Z", {"spring.md"}),  # a clock that was set back
    ]:
        now[0] = moment
        assert found(index) == wanted
        assert found(index, index.make_mask(SearchFilter())) == wanted
        assert found(index, index.make_mask(SearchFilter(paths=("s", "a")))) == wanted
        assert index.make_mask(SearchFilter(uris=frozenset({"spring.md"}))).count_chunks == (
            "spring.md" in wanted
        )


def test_what_holds_or_not_changes_no_score(index):
    rows = np.arange(4)
    at(index, ["2026-04-01T00:00:00Z"])
    spring = index.score_lexical(tokenize_text("prices coffee"), rows)
    at(index, ["2026-07-01T00:00:00Z"])
    assert index.score_lexical(tokenize_text("prices coffee"), rows).tolist() == spring.tolist()


def test_validity_is_published_and_carried_along(tmp_path):
    record, chunks = document("a.md", "Prices", validity=SPRING)
    publish(tmp_path / "c", (record, chunks), document("b.md", "Other"))
    publish(tmp_path / "c", groups={record.id: frozenset({"x"})})
    publish(tmp_path / "c", document("b.md", "Else"), merge="all")
    with Index.open(tmp_path / "c") as index:
        assert index.read_record("a.md") == replace(record, groups=frozenset({"x"}))
        assert index.documents.find_by_uri("b.md").validity == Validity()
        assert len(index.segments) == 1
