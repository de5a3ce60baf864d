"""What operators set of how passages are found, ranked and ordered anew."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveOptions:
    """How passages are found and ranked.

    top_k: passages found for a question and shown with its answer, which is made of the best of
    them. Eight fill about 1,500 tokens of a model's prompt.
    pool: candidates taken from each finder before both score them all.
    look: of these, so many best are read sentence by sentence.
    lexical: weight of the words (BM25 over the idf of the question, 0..1).
    dense: weight of the similarity of vectors (``indexes.similarity``); none where the model
    cannot read the question's language.
    worded: where no passage's words score this much, the question is asked in other words than
    the documents use, and the similarity gains weight: ``rise`` times what is missing.
    rise: weight that the similarity gains per point by which the words score less than ``worded``.
    name: weight of the share of the question's words that the document is named by.
    focus: weight of the best sentence's share of the question's words.
    title: what a word counts for that sentence if it stands in the headings only.
    context: weight of the share that a passage holds together with its section about it; only
    where there is no vector, which sees by itself what a passage is about.
    spread: an identifier in more passages than this is a topic, and gets no lane of its own.
    near: an identifier's lane is for passages whose score is this part of the best, or more.
    faq: from this likeness on, an FAQ entry's question is the question that was asked.
    same: passages that share so many of their words, and all figures, are shown once.
    """

    top_k: int = 8
    pool: int = 60
    look: int = 24
    lexical: float = 0.5
    dense: float = 0.6
    worded: float = 0.3
    rise: float = 3.5
    name: float = 0.15
    focus: float = 0.1
    title: float = 0.6
    context: float = 0.3
    spread: int = 20
    near: float = 0.5
    faq: float = 0.8
    same: float = 0.9


# By ``[advanced.rerank] backend``: the class to call with RerankOptions. By name, as it is
# imported only where a model is named: its library takes seconds. A line makes another one known.
RERANKERS = {
    "cross-encoder": "ragdesk.answering.retrieval.cross_encoder:CrossEncoderReranker",
}
READER_BACKEND = "reader"
"""The reader of units in this slot: no model is named, it is that of ``[advanced.reader]``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankOptions:
    """Whether a second model (a cross-encoder) reads the candidates and orders them anew.

    backend: which kind of model it is: ``cross-encoder``, or ``reader``, the trained reader of
    units, for which no model is named.
    model: folder of a sentence-transformers cross-encoder in safetensors. Empty: no reranking.
    depth: so many of the best candidates are read, the pool at most, before repeats are taken out
    and the ranking is cut; the others keep their places after them. Each costs a pass of the model,
    some 20 ms on two cores where it has six layers, so half a second for 24.
    """

    backend: str = "cross-encoder"
    model: str = ""
    depth: int = 24

    def __post_init__(self) -> None:
        backends = (*RERANKERS, READER_BACKEND)
        if self.backend not in backends:
            raise ValueError(f"backend must be one of {', '.join(backends)}")
        if self.depth < 1:
            raise ValueError("depth must be at least 1; to rerank nothing, leave out rerank.model")
