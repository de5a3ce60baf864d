"""Several segments, with removed documents in them, answer as one index of the same documents."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from fakes import CARD, HashEmbedder, document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes.build import Build
from indexes.chunk import SearchFilter
from indexes.index import Index
from indexes.text.tokens import tokenize_text
from indexes.upkeep import verify

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
        st.sampled_from(["none", "none", "due", "all"]),
    ),
    min_size=1,
    max_size=4,
)
filters = st.builds(
    SearchFilter,
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
    added, removed, regrouped, merge = job
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
            merge=merge,
        )
    for uri in gone:
        del model[uri]
    for uri, names in new.items():
        model[uri] = (replace(model[uri][0], groups=names), model[uri][1])
    model.update({record.uri: (record, chunks) for record, chunks in added})


def asked(index, embedder, where, question, *, questions):
    """Ask both ways; returns (chunk id, score) of the hits."""
    mask = index.make_mask(where)
    vector, terms = embedder.embed_query(question), tokenize_text(question)
    for hits in (
        index.search_lexical(terms, k=5, mask=mask, questions=questions),
        index.search_dense(vector, k=5, mask=mask, questions=questions),
    ):
        yield [c.id for c in index.read_chunks(hits.rows)], hits.scores
        assert mask.chunks[hits.rows].all()
    rows = np.flatnonzero(mask.chunks)
    yield rows.size, index.score_lexical(terms, rows, questions=questions)
    yield rows.size, index.score_dense(vector, rows, questions=questions)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    jobs, st.lists(st.tuples(filters, lines, st.booleans()), min_size=1, max_size=4), st.booleans()
)
def test_several_segments_rank_as_one_index_built_afresh(
    tmp_path_factory, history, asks, reads_cjk
):
    """Whatever was added, replaced, removed, regrouped and merged before, and any filter."""
    folder = tmp_path_factory.mktemp("index")
    embedder = HashEmbedder(replace(CARD, reads_cjk=reads_cjk))
    model = {}
    for job in history:
        carry_out(folder / "many", job, model, embedder)
    assert verify.verify_collection(folder / "many") == []
    with Index.open(folder / "many", card=embedder.card) as many:
        order = sorted(
            model, key=lambda uri: many.document_rows(many.documents.find_by_uri(uri)).start
        )
        with Build(folder / "one", embedder) as build:
            for uri in order:
                build.add(*model[uri])
            build.publish()
        with Index.open(folder / "one") as one:
            assert {d.uri for d in many.iter_documents()} == set(model)
            assert (many.total, many.sums) == (one.total, one.sums)
            for uri, (record, _) in model.items():
                assert many.read_record(uri) == one.read_record(uri) == record
            for where, question, questions in asks:
                given_many = asked(many, embedder, where, question, questions=questions)
                given_one = asked(one, embedder, where, question, questions=questions)
                for (a, scores), (b, others) in zip(given_many, given_one, strict=True):
                    assert a == b
                    np.testing.assert_allclose(scores, others, atol=1e-6)
                visible = [r for r, _ in model.values() if lets_through(where, r)]
                rows = [many.document_rows(many.documents.find_by_uri(r.uri)) for r in visible]
                assert (
                    sorted(itertools.chain(*rows))
                    == np.flatnonzero(many.make_mask(where).chunks).tolist()
                )
                for term in tokenize_text(question):
                    assert many.idf(term) == pytest.approx(one.idf(term))
