import itertools
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from fakes import CARD, HashEmbedder, document

from indexes.build import Build
from indexes.chunk import SearchFilter
from indexes.errors import IndexDamaged, IndexMismatch, IndexNotFound
from indexes.index import Index
from indexes.text.tokens import tokenize_text

WORDS = ["refund", "refunds", "card", "order", "RD-20261", "days", "30", "退款", "天"]

FAQ = document(
    "faq.csv", "Return an order? Within 30 days by post with the slip.\nRefund? To your card."
)
FAQ = (
    FAQ[0],
    [replace(c, kind="faq", question=(c.start, c.start + c.text.index("?") + 1)) for c in FAQ[1]],
)
MANUAL = document(
    "manual.md", "Return an order to the shop\nThe refund goes to your card\nShipping takes days"
)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder, embedder = tmp_path_factory.mktemp("index") / "c", HashEmbedder()
    with Build(folder, embedder) as build:
        build.add(*FAQ)
        build.publish()
    with Build(folder, embedder) as build:
        build.add(*MANUAL)
        build.add(*document("secret.md", "The refund codes of staff", groups=frozenset({"staff"})))
        build.publish()
    return folder


@pytest.fixture
def collection(two, tmp_path):
    return shutil.copytree(two, tmp_path / "c")


def test_a_question_that_was_asked_before_is_found_among_the_questions(collection):
    with Index.open(collection) as index:
        vector = HashEmbedder().embed_query("Return an order?")
        for hits in (
            index.search_dense(vector, k=3, questions=True),
            index.search_lexical(tokenize_text("Return an order?"), k=3, questions=True),
        ):
            chunks = index.read_chunks(hits.rows)
            assert chunks[0].text.startswith("Return an order?")
            assert {c.uri for c in chunks} == {"faq.csv"}
        assert index.search_dense(vector, k=3).scores[0] == pytest.approx(1)
        assert len(index.search_dense(vector, k=10)) == index.total == 6


def test_who_belongs_to_no_group_finds_nothing_of_theirs(collection):
    everyone, staff = SearchFilter(groups=frozenset()), SearchFilter(groups=frozenset({"staff"}))
    with Index.open(collection) as index:
        for where, seen in ((everyone, False), (staff, True), (SearchFilter(), True)):
            mask = index.make_mask(where)
            lexical = index.read_chunks(
                index.search_lexical(["staff", "code"], k=9, mask=mask).rows
            )
            dense = index.read_chunks(
                index.search_dense(
                    HashEmbedder().embed_query("codes of staff"), k=9, mask=mask
                ).rows
            )
            assert ("secret.md" in {c.uri for c in lexical}) is seen
            assert ("secret.md" in {c.uri for c in dense}) is seen


def test_a_filter_that_lets_nothing_through_finds_nothing(collection):
    with Index.open(collection) as index:
        mask = index.make_mask(SearchFilter(uris=frozenset({"nowhere"})))
        assert mask.count_chunks == 0
        for questions in (False, True):
            vector = HashEmbedder().embed_query("refund")
            assert len(index.search_lexical(["refund"], k=5, mask=mask, questions=questions)) == 0
            assert len(index.search_dense(vector, k=5, mask=mask, questions=questions)) == 0


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", '"]', "%", "\x00", "退款", "a' UNION SELECT", "staff\x00", "\ud800"]
)
def test_filter_values_are_data(collection, value):
    with Index.open(collection) as index:
        for name in ("media_types", "languages", "uris"):
            assert index.make_mask(SearchFilter(**{name: frozenset({value})})).count_chunks == 0
        assert index.make_mask(SearchFilter(paths=(value,))).count_chunks == 0
        assert index.make_mask(SearchFilter(groups=frozenset({value}))).count_chunks == 5


def test_chunks_lead_back_to_their_documents_and_neighbours(collection):
    with Index.open(collection) as index:
        rows = index.document_rows(index.documents.find_by_uri("manual.md"))
        chunks = index.read_chunks(rows)
        assert [index.find_row(c.id) for c in chunks] == list(rows)
        assert index.read_text("manual.md") == MANUAL[0].text
        assert all(index.read_text(c.uri)[c.start : c.end] == c.text for c in chunks)
        assert index.list_neighbours(rows[0], 1) == list(rows)[:2]
        assert index.list_neighbours(rows[1], 5) == list(rows)
        assert (index.read_record("none"), index.read_text("none"), index.find_row("none")) == (
            None,
            None,
            None,
        )
        for outside in (-1, 6):
            with pytest.raises(IndexError):
                index.read_chunks([outside])


def test_threads_find_what_one_finds(collection):
    embedder = HashEmbedder()
    asks = [" ".join(pair) for pair in itertools.product(WORDS, repeat=2)]
    with Index.open(collection) as index, ThreadPoolExecutor(8) as pool:

        def ask(question):
            mask = index.make_mask(SearchFilter(groups=frozenset({question.split()[0]})))
            words = index.search_lexical(tokenize_text(question), k=5, mask=mask)
            near = index.search_dense(embedder.embed_query(question), k=5, mask=mask)
            return [(words.rows.tolist(), near.rows.tolist()), index.read_chunks(near.rows)]

        assert list(pool.map(ask, asks)) == [ask(question) for question in asks]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "other"),
        ("revision", "2"),
        ("dim", 8),
        ("normalised", False),
        ("query_prefix", "q: "),
        ("passage_prefix", "p: "),
    ],
)
def test_an_index_of_another_embedder_is_refused_by_name(collection, field, value):
    with pytest.raises(
        IndexMismatch, match=f"another embedder .*{field.partition('_')[2] or field}"
    ):
        Index.open(collection, card=replace(CARD, **{field: value}))
    with Index.open(collection) as index:
        assert index.describe_mismatch(CARD) is None
        assert index.describe_mismatch(replace(CARD, **{field: value}))


def test_what_tells_no_embedders_apart_is_let_pass(collection):
    Index.open(collection, card=replace(CARD, max_tokens=9, reads_cjk=False)).close()


def test_an_older_generation_of_the_right_embedder_answers(collection):
    with Build(collection, HashEmbedder(replace(CARD, revision="2"))) as build:
        assert "revision '1' is not '2'" in build.stale_reason
        build.publish()
    with Index.open(collection, card=CARD) as index:
        assert index.generation == 2
        assert "revision '2' is not '1'" in index.refused[0]


def test_a_model_changed_under_its_name_is_noticed(collection):
    from indexes.store.segments import CANARY_TEXT  # noqa: PLC0415

    with Index.open(collection) as index:
        vector = HashEmbedder().embed_passages([CANARY_TEXT])[0]
        index.check_canary(vector)
        turned = np.roll(vector, 1)
        with pytest.raises(IndexMismatch, match="canary"):
            index.check_canary(turned)
        with pytest.raises(IndexMismatch, match="canary"):
            index.check_canary(np.full(16, np.nan, np.float32))


def test_where_nothing_is_the_remedy_is_named(tmp_path):
    with pytest.raises(IndexNotFound, match="Build one: ragdesk ingest PATH"):
        Index.open(tmp_path / "none")


def test_an_index_that_nobody_holds_is_freed_at_once(collection):
    index = Index.open(collection)
    index.make_mask(SearchFilter(paths=("a",)))
    gone = weakref.ref(index)
    index.close()
    del index
    assert gone() is None


def test_a_generation_that_is_not_there_is_damage(collection):
    with pytest.raises(IndexDamaged, match=r"7/MANIFEST\.json is missing"):
        Index.open_generation(collection, 7)


def test_an_empty_collection_can_be_asked(tmp_path):
    with Build(tmp_path / "c", HashEmbedder()) as build:
        assert build.publish().generation == 1
    with Index.open(tmp_path / "c", card=CARD) as index:
        assert (index.total, list(index.iter_documents())) == (0, [])
        assert len(index.search_lexical(["refund"], k=5)) == 0
        assert len(index.search_dense(HashEmbedder().embed_query("refund"), k=5)) == 0
        assert index.idf("refund") >= 0
