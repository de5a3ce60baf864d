"""Measure how well the retrieved sentences answer a question: signals for calibration.

Retrieval's own signals say how near the best passage is. These read on: whether a sentence speaks
of what was asked and also names a thing of the kind asked for that the question does not hold,
in how many documents, and whether it means the same. On their own they decide nothing; weights
come from ``ragdesk eval calibrate``. What each brings is in eval/DECISIONS.md.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from indexes.chunk import Passage
from indexes.embedding.embedder import Embedder, EmbedderCard
from indexes.store.segments import embedder_facts
from indexes.text.tokens import drop_stopwords
from ragdesk.answering.retrieval.passage_words import SentenceWords, analyze_sentences, chunk_words
from ragdesk.answering.retrieval.retrieval_result import Retrieval

# Raised by hand where a signal, here or in ``retrieve``, means something else than before: a
# calibration that was fitted to another meaning is set aside. 2: cosines are normalised ones. 3:
# the likelihood is that of a right answer, and a reader has read the units. 4: closeness is that of
# models which have learnt which sentence answers. 5: rows are as close as the closest of their
# table and no rivals of it, figures are those beside codes, and tokens are matched. 6: an answer of
# an FAQ is read behind its question, 32 units say what is usual, what a code settles is not far.
SIGNALS_VERSION = 6
COMPARED_SENTENCES = 5  # sentences compared by the model: five do as well as all, at some 12 ms
ANSWER_DOCUMENTS = 8  # over which an answer may be repeated
MIN_OWN_WORDS = (
    4  # words beside the question's that a sentence needs, or it only repeats the question
)
UNTYPED_WORTH = 0.3  # worth of a sentence that names nothing of the kind asked for
SIMILARITY_WORTH = 0.5  # worth of its passage's, where sentences are picked for the model


@dataclass(frozen=True, slots=True)
class _PassageSentence:
    """A sentence with its passage."""

    passage: Passage
    sentence: SentenceWords

    @property
    def text(self) -> str:
        return self.passage.chunk.text[self.sentence.start : self.sentence.end]


def describe_signal_versions(card: EmbedderCard) -> dict[str, Any]:
    """Return what signals depend on beside the documents: the embedder, and what they mean."""
    return {"embedder": embedder_facts(card), "signals": SIGNALS_VERSION}


def add_answer_signals(retrieval: Retrieval, embedder: Embedder) -> Retrieval:
    """Add answer signals (each 0..1) to a retrieval; an empty one is returned as it is.

    topic, topic_all: share of the question, its asking words left out, that the best sentence
    holds; that passages hold on average. told, told_all: the same of sentences that say something
    of their own and of the kind asked for; the mean over eight documents. meant: similarity of
    the best of a few sentences. both: the best mean of a sentence's similarity and its words.
    The parts of a question get theirs too.
    """
    if retrieval.parts:
        parts = tuple(add_answer_signals(part, embedder) for part in retrieval.parts)
        retrieval = replace(retrieval, parts=parts)
    lines = [
        _PassageSentence(p, sentence)
        for p in retrieval.passages
        for sentence in analyze_sentences(p.chunk.text)
    ]
    if not lines or not retrieval.term_weights.total:
        return retrieval
    new_signals = {
        **_measure_answers(retrieval, lines),
        **_measure_meaning(retrieval, lines, embedder),
    }
    return replace(retrieval, signals={**retrieval.signals, **new_signals})


def _measure_answers(retrieval: Retrieval, lines: list[_PassageSentence]) -> dict[str, float]:
    topic_share = _weigh_topic(retrieval)
    answer_share = retrieval.analysis.question_type.answer_share
    question_tokens = frozenset(retrieval.analysis.tokens)
    best_by_document: dict[str, float] = {}
    for line in lines:
        document = line.passage.chunk.document
        worth = topic_share(line.sentence.words) * _answer_worth(
            line, answer_share, question_tokens
        )
        best_by_document[document] = max(best_by_document.get(document, 0.0), worth)
    best = sorted(best_by_document.values(), reverse=True)[:ANSWER_DOCUMENTS]
    return {
        "topic": max(topic_share(line.sentence.words) for line in lines),
        "topic_all": sum(topic_share(chunk_words(p.chunk)) for p in retrieval.passages)
        / len(retrieval.passages),
        "told": best[0],
        "told_all": sum(best) / ANSWER_DOCUMENTS,
    }


def _weigh_topic(retrieval: Retrieval) -> Callable[[Collection[str]], float]:
    """Weigh what a question is about: its words without those that only ask."""
    weights, topic_words = retrieval.term_weights.weights, retrieval.analysis.topic_words
    topic_weights = {term: w for term, w in weights.items() if term in topic_words}
    used_weights = topic_weights if any(topic_weights.values()) else weights
    total = sum(used_weights.values())
    return lambda text_words: (
        sum(w for term, w in used_weights.items() if term in text_words) / total
    )


def _answer_worth(
    line: _PassageSentence, answer_share: Callable[[str], float], question_tokens: Collection[str]
) -> float:
    """Weigh (0..1) whether a sentence could be an answer."""
    if line.text.rstrip("\"'”’」』)） \n").endswith(("?", "？")):
        return 0.0
    own_words = sum(word not in question_tokens for word in drop_stopwords(line.sentence.words))
    return (UNTYPED_WORTH + (1 - UNTYPED_WORTH) * answer_share(line.text)) * min(
        1.0, own_words / MIN_OWN_WORDS
    )


def _measure_meaning(
    retrieval: Retrieval, lines: list[_PassageSentence], embedder: Embedder
) -> dict[str, float]:
    """Compare the few likeliest sentences with the question, where the model reads it."""
    if retrieval.similarity is None:
        return {"meant": 0.0, "both": 0.0}
    word_share = retrieval.term_weights.coverage

    def likelihood(line: _PassageSentence) -> float:
        return word_share(line.sentence.words) + SIMILARITY_WORTH * (line.passage.dense or 0.0)

    candidates = sorted(lines, key=likelihood, reverse=True)[:COMPARED_SENTENCES]
    similarities = retrieval.similarity.compare(
        embedder.embed_passages([line.text for line in candidates]),
        [line.passage.chunk.language for line in candidates],
    ).tolist()
    pairs = zip(similarities, candidates, strict=True)
    return {
        "meant": max(0.0, *similarities),
        "both": max(
            0.0, *((similarity + word_share(f.sentence.words)) / 2 for similarity, f in pairs)
        ),
    }
