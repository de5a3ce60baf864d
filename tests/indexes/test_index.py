import itertools
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from fakes import CARD, HashEmbedder, document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes import upkeep
from indexes.build import Build
from indexes.chunk import Filter
from indexes.errors import IndexDamaged, IndexMismatch, IndexNotFound
from indexes.index import Index
from indexes.text import tokens

WORDS = [
    "refund",
    "refunds",
    "card",
    "order",
    "RD-20261",
    "days",
    "30",
    "shipping",
    "退款",
    "订单",
    "天",
]
GROUPS = ["staff", "legal"]
lines = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
texts = st.lists(lines, min_size=0, max_size=4).map("\n".join)
groups = st.frozensets(st.sampled_from(GROUPS), max_size=2)


@st.composite
def documents(draw):
    uri = draw(st.sampled_from(["a/1.md", "a/2.md", "b/1.md", "b/2.csv", "c.md"]))
    facts = {
        "media_type": draw(st.sampled_from(["text/markdown", "text/csv"])),
        "language": draw(st.sampled_from(["en", "zh"])),
        "groups": draw(groups),
    }
    record, chunks = document(uri, draw(texts), **facts)
    faqs = [
        replace(c, kind="faq", question=(c.start, c.start + c.text.index(" ")))
        if " " in c.text and draw(st.booleans())
        else c
        for c in chunks
    ]
    return record, faqs


jobs = st.lists(
    st.tuples(
        st.lists(documents(), max_size=4, unique_by=lambda held: held[0].uri),
        st.sets(st.integers(0, 4), max_size=2),
        st.dictionaries(st.integers(0, 4), groups, max_size=2),
    ),
    min_size=1,
    max_size=4,
)
filters = st.builds(
    Filter,
    groups=st.none() | groups,
    paths=st.sampled_from([(), ("a/",), ("b", "c"), ("zzz",)]),
    media_types=st.frozensets(st.just("text/csv"), max_size=1),
    languages=st.frozensets(st.just("zh"), max_size=1),
    uris=st.frozensets(st.sampled_from(["a/1.md", "c.md"]), max_size=1),
)


def lets_through(where, record):
    return (
        (where.groups is None or not record.groups or bool(where.groups & record.groups))
        and (not where.paths or record.uri.startswith(where.paths))
        and (not where.media_types or record.media_type in where.media_types)
        and (not where.languages or record.language in where.languages)
        and (not where.uris or record.uri in where.uris)
    )


def carry_out(collection, job, model, embedder):
    """Do a job on the collection and on the dictionary."""
    added, removed, regrouped = job
    known = dict(enumerate(sorted(model)))
    gone = {known[n] for n in removed if n in known} - {record.uri for record, _ in added}
    stays = {record.uri for record, _ in added}
    new = {known[n]: g for n, g in regrouped.items() if n in known and known[n] not in gone | stays}
    with Build(collection, embedder) as build:
        for record, chunks in added:
            build.add(record, chunks)
        build.publish(
            removed=[model[uri][0].id for uri in gone],
            groups={model[uri][0].id: names for uri, names in new.items()},
        )
    for uri in gone:
        del model[uri]
    for uri, names in new.items():
        model[uri] = (replace(model[uri][0], groups=names), model[uri][1])
    model.update({record.uri: (record, chunks) for record, chunks in added})


def asked(index, embedder, where, question, *, questions):
    """Ask both ways; returns (chunk id, score) of the hits."""
    mask = index.mask(where)
    vector, terms = embedder.query(question), tokens(question)
    for hits in (
        index.lexical(terms, k=5, mask=mask, questions=questions),
        index.dense(vector, k=5, mask=mask, questions=questions),
    ):
        yield [c.id for c in index.chunks(hits.rows)], hits.scores
        assert mask.chunks[hits.rows].all()
    rows = np.flatnonzero(mask.chunks)
    yield rows.size, index.lexical_scores(terms, rows, questions=questions)
    yield rows.size, index.dense_scores(vector, rows, questions=questions)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    jobs, st.lists(st.tuples(filters, lines, st.booleans()), min_size=1, max_size=4), st.booleans()
)
def test_several_segments_rank_as_one_index_built_afresh(
    tmp_path_factory, history, asks, reads_cjk
):
    """Whatever was added, replaced, removed and regrouped before, and whatever the filter."""
    folder = tmp_path_factory.mktemp("index")
    embedder = HashEmbedder(replace(CARD, reads_cjk=reads_cjk))
    model = {}
    for job in history:
        carry_out(folder / "many", job, model, embedder)
    assert upkeep.verify(folder / "many") == []
    with Index.open(folder / "many", card=embedder.card) as many:
        order = sorted(model, key=lambda uri: many.rows(many.documents.find(uri)).start)
        with Build(folder / "one", embedder) as build:
            for uri in order:
                build.add(*model[uri])
            build.publish()
        with Index.open(folder / "one") as one:
            assert {d.uri for d in many.records()} == set(model)
            assert (many.total, many.sums) == (one.total, one.sums)
            for uri, (record, _) in model.items():
                assert many.record(uri) == one.record(uri) == record
            for where, question, questions in asks:
                given_many = asked(many, embedder, where, question, questions=questions)
                given_one = asked(one, embedder, where, question, questions=questions)
                for (a, scores), (b, others) in zip(given_many, given_one, strict=True):
                    assert a == b
                    np.testing.assert_allclose(scores, others, atol=1e-6)
                visible = [r for r, _ in model.values() if lets_through(where, r)]
                rows = [many.rows(many.documents.find(r.uri)) for r in visible]
                assert (
                    sorted(itertools.chain(*rows))
                    == np.flatnonzero(many.mask(where).chunks).tolist()
                )
                for term in tokens(question):
                    assert many.idf(term) == pytest.approx(one.idf(term))


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
        vector = HashEmbedder().query("Return an order?")
        for hits in (
            index.dense(vector, k=3, questions=True),
            index.lexical(tokens("Return an order?"), k=3, questions=True),
        ):
            chunks = index.chunks(hits.rows)
            assert chunks[0].text.startswith("Return an order?")
            assert {c.uri for c in chunks} == {"faq.csv"}
        assert index.dense(vector, k=3).scores[0] == pytest.approx(1)
        assert len(index.dense(vector, k=10)) == index.total == 6


def test_who_belongs_to_no_group_finds_nothing_of_theirs(collection):
    everyone, staff = Filter(groups=frozenset()), Filter(groups=frozenset({"staff"}))
    with Index.open(collection) as index:
        for where, seen in ((everyone, False), (staff, True), (Filter(), True)):
            mask = index.mask(where)
            lexical = index.chunks(index.lexical(["staff", "code"], k=9, mask=mask).rows)
            dense = index.chunks(
                index.dense(HashEmbedder().query("codes of staff"), k=9, mask=mask).rows
            )
            assert ("secret.md" in {c.uri for c in lexical}) is seen
            assert ("secret.md" in {c.uri for c in dense}) is seen


def test_a_filter_that_lets_nothing_through_finds_nothing(collection):
    with Index.open(collection) as index:
        mask = index.mask(Filter(uris=frozenset({"nowhere"})))
        assert mask.count == 0
        for questions in (False, True):
            vector = HashEmbedder().query("refund")
            assert len(index.lexical(["refund"], k=5, mask=mask, questions=questions)) == 0
            assert len(index.dense(vector, k=5, mask=mask, questions=questions)) == 0


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", '"]', "%", "\x00", "退款", "a' UNION SELECT", "staff\x00", "\ud800"]
)
def test_filter_values_are_data(collection, value):
    with Index.open(collection) as index:
        for name in ("media_types", "languages", "uris"):
            assert index.mask(Filter(**{name: frozenset({value})})).count == 0
        assert index.mask(Filter(paths=(value,))).count == 0
        assert index.mask(Filter(groups=frozenset({value}))).count == 5


def test_chunks_lead_back_to_their_documents_and_neighbours(collection):
    with Index.open(collection) as index:
        rows = index.rows(index.documents.find("manual.md"))
        chunks = index.chunks(rows)
        assert [index.row(c.id) for c in chunks] == list(rows)
        assert index.text("manual.md") == MANUAL[0].text
        assert all(index.text(c.uri)[c.start : c.end] == c.text for c in chunks)
        assert index.neighbours(rows[0], 1) == list(rows)[:2]
        assert index.neighbours(rows[1], 5) == list(rows)
        assert (index.record("none"), index.text("none"), index.row("none")) == (None, None, None)
        for outside in (-1, 6):
            with pytest.raises(IndexError):
                index.chunks([outside])


def test_threads_find_what_one_finds(collection):
    embedder = HashEmbedder()
    asks = [" ".join(pair) for pair in itertools.product(WORDS, repeat=2)]
    with Index.open(collection) as index, ThreadPoolExecutor(8) as pool:

        def ask(question):
            where = Filter(groups=frozenset({question.split()[0]}))
            return [str(a) for a in asked(index, embedder, where, question, questions=False)]

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
        assert index.mismatch(CARD) is None
        assert index.mismatch(replace(CARD, **{field: value}))


def test_what_tells_no_embedders_apart_is_let_pass(collection):
    Index.open(collection, card=replace(CARD, max_tokens=9, reads_cjk=False)).close()


def test_an_older_generation_of_the_right_embedder_answers(collection):
    with Build(collection, HashEmbedder(replace(CARD, revision="2"))) as build:
        assert "revision '1' is not '2'" in build.stale
        build.publish()
    with Index.open(collection, card=CARD) as index:
        assert index.generation == 2
        assert "revision '2' is not '1'" in index.refused[0]


def test_a_model_changed_under_its_name_is_noticed(collection):
    from indexes.segments import CANARY  # noqa: PLC0415

    with Index.open(collection) as index:
        vector = HashEmbedder().passages([CANARY])[0]
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
    index.mask(Filter(paths=("a",)))
    gone = weakref.ref(index)
    index.close()
    del index
    assert gone() is None


def test_a_generation_that_is_not_there_is_damage(collection):
    with pytest.raises(IndexDamaged, match=r"7/MANIFEST\.json is missing"):
        Index.at(collection, 7)


def test_an_empty_collection_can_be_asked(tmp_path):
    with Build(tmp_path / "c", HashEmbedder()) as build:
        assert build.publish().generation == 1
    with Index.open(tmp_path / "c", card=CARD) as index:
        assert (index.total, list(index.records())) == (0, [])
        assert len(index.lexical(["refund"], k=5)) == 0
        assert len(index.dense(HashEmbedder().query("refund"), k=5)) == 0
        assert index.idf("refund") >= 0
