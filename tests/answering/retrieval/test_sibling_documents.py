"""Documents alike but for the product that their names tell."""

from dataclasses import replace
from itertools import islice

import pytest
from fakes import HashEmbedder, document, publish

from indexes.chunk import Chunk, Passage
from indexes.index import Index
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.retrieval.reranker import Reranker, order_passages
from ragdesk.answering.retrieval.retrieval_options import RetrieveOptions
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.answering.retrieval.sibling_documents import SiblingOrder

LIMITS = "A workspace may hold {} projects. Each project has {} members."
TEXTS = {
    "pumps/Pump QF-3.md": "The tank holds 4 litres. Change the seal every 300 hours.",
    "pumps/Pump QF-4.md": "The tank holds 6 litres. Change the seal every 500 hours.",
    "pumps/Pump QF-5.md": "The tank holds 9 litres of water when full. Change the seal every 900 hours.",
    "plans/pro/limits.md": LIMITS.format("fifty", "twenty"),
    "plans/free/limits.md": LIMITS.format("two", "three"),
    "plans/team/limits.md": LIMITS.format("ten", "nine"),
    "ZK08说明书.md": "滤芯每六个月更换一次，更换后请复位。",
    "ZK09说明书.md": "滤芯每三个月更换一次，更换后请复位。",
    "returns.md": "Articles are sent back within two weeks in their box.",
    "shipping.md": "Parcels reach the islands within nine days.",
}


@pytest.fixture(scope="module")
def retrieve(tmp_path_factory):
    embedder = HashEmbedder()
    collection = tmp_path_factory.mktemp("home") / "default"
    parts = [document(uri, text, title="Guide") for uri, text in TEXTS.items()]
    publish(collection, *parts, embedder=embedder)
    with Index.open(collection, card=embedder.card) as index:
        # The vectors of a hash say nothing.
        yield Retriever(index=index, embedder=embedder, options=RetrieveOptions(dense=0.0))


@pytest.mark.parametrize(
    ("question", "uri", "siblings"),
    [
        ("How many litres of water does the full tank of the QF-4 hold?", "pumps/Pump QF-4.md", 2),
        ("qf4 seal: how many hours?", "pumps/Pump QF-4.md", 2),
        ("After how many hours is the seal of a QF 3 changed?", "pumps/Pump QF-3.md", 2),
        ("How many projects may a workspace of the Pro plan hold?", "plans/pro/limits.md", 2),
        ("On the free plan, how many members has a project?", "plans/free/limits.md", 2),
        ("ZK09的滤芯多久更换一次？", "ZK09说明书.md", 1),
        ("zk-08 的滤芯每几个月更换一次？", "ZK08说明书.md", 1),
    ],
)
def test_the_named_document_comes_first_and_its_siblings_far_behind(
    retrieve, question, uri, siblings
):
    passages = retrieve(Question(text=question)).passages
    folder = uri.rpartition("/")[0].partition("/")[0]
    alike = [p for p in passages if p.chunk.uri.startswith(folder or "ZK") and p.chunk.uri != uri]
    assert passages[0].chunk.uri == uri
    assert len(alike) == siblings
    assert all(p.score <= 0.5 * passages[0].score for p in alike)
    assert [p.score for p in passages] == sorted((p.score for p in passages), reverse=True)


@pytest.mark.parametrize(
    "question",
    [
        "How many litres does the tank hold?",  # names none
        "How many litres do the tanks of the QF-3, QF-4 and QF-5 hold?",  # names all
        "How many litres does the tank of the QF-7 hold?",  # names another one
        "Within how many weeks are returns sent back?",  # nothing beside it is alike
        "What do the pumps hold?",  # a name that they share
    ],
)
def test_nothing_changes_where_no_sibling_is_named(retrieve, question, monkeypatch):
    passages = retrieve(Question(text=question)).passages
    monkeypatch.setattr(SiblingOrder, "__call__", lambda _, ranked: ranked)
    assert passages == retrieve(Question(text=question)).passages


def ranked_passages(scored):
    """Passages of pump guides and of other papers, by uri and score, in their order."""
    for n, (uri, score) in enumerate(scored):
        text = TEXTS.get(uri, f"Paper {n} on something else: article {n}.")
        chunk = Chunk(document=uri, uri=uri, title="Guide", text=text, start=n, end=n + 9)
        yield Passage(chunk=chunk, score=score)


def test_scores_never_rise_behind_the_passages_that_are_looked_at():
    pro, free, team = (f"plans/{name}/limits.md" for name in ("pro", "free", "team"))
    head = [(free, 0.9), (pro, 0.8), (team, 0.78), ("a.md", 0.77)]
    rest = [("b.md", 0.74), (free, 0.7), ("c.md", 0.5), (team, 0.45), ("d.md", 0.2)]
    order = SiblingOrder(analyze_question("How many members has a project of the pro plan?"), 4)
    passages = list(order(ranked_passages([*head, *rest])))
    scores = [p.score for p in passages]
    assert scores == sorted(scores, reverse=True)
    uris = [p.chunk.uri for p in passages]
    assert uris == [pro, "a.md", "b.md", "c.md", free, team, free, team, "d.md"]


def test_no_more_is_read_than_may_come_next():
    pro, free = (f"plans/{name}/limits.md" for name in ("pro", "free"))
    ranked = ranked_passages(
        [(free, 0.9), (pro, 0.8), ("b.md", 0.6), ("c.md", 0.55), ("d.md", 0.1)]
    )
    order = SiblingOrder(analyze_question("How many members has a project of the pro plan?"), 2)
    assert [p.chunk.uri for p in islice(order(ranked), 2)] == [pro, "b.md"]
    assert [p.chunk.uri for p in ranked] == ["d.md"]


def test_signals_are_of_one_scale_with_and_without_a_reranker(retrieve):
    question = Question(text="qf4 seal: how many hours?")
    plain = retrieve(question)
    reranked = replace(retrieve, rerank=KeptOrder())(question)
    assert [p.chunk.uri for p in reranked.passages] == [p.chunk.uri for p in plain.passages]
    for name in ("top", "gap"):
        assert reranked.signals[name] == pytest.approx(plain.signals[name])


class KeptOrder(Reranker):
    """Leaves passages in their order, and scores them otherwise."""

    depth = 99

    def __call__(self, question, passages):
        del question
        return order_passages(passages, [0.2 * p.score for p in passages])
