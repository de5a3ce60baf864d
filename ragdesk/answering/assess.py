"""Tell how well the sentences that were found answer a question: signals for calibration.

Retrieval's own signals say how near the best passage is. These read on: whether a sentence speaks
of what was asked and also names a thing of the kind asked for that the question does not hold,
in how many documents, and whether it means the same. On their own they decide nothing; weights
come from ``ragdesk eval calibrate``. What each brings is in eval/README.md.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from indexes.chunk import Passage
from indexes.embed import Embedder
from indexes.text import content, tokens
from ragdesk.answering.asks import Asks
from ragdesk.answering.evidence import Retrieval, Sentence, read, words

READ = 5  # sentences compared by the model: five do as well as all, at some 12 ms
DOCUMENTS = 8  # over which an answer may be repeated
OWN = 4  # words beside the question's that a sentence needs, or it only repeats the question
BARE = 0.3  # worth of a sentence that names nothing of the kind asked for
MEANT = 0.5  # worth of its passage's cosine, where sentences are picked for the model


@dataclass(frozen=True, slots=True)
class _Line:
    """A sentence with its passage."""

    passage: Passage
    sentence: Sentence

    @property
    def text(self) -> str:
        return self.passage.chunk.text[self.sentence.start : self.sentence.end]


def assess(found: Retrieval, embedder: Embedder) -> Retrieval:
    """Add signals, all in 0..1, to what was found; nothing is added where nothing was.

    topic, topic_all: share of the question, its asking words left out, that the best sentence
    holds; that passages hold on average. told, told_all: the same of sentences that say something
    of their own and of the kind asked for; the mean over eight documents. meant: cosine of the
    best of a few sentences. both: the best mean of a sentence's cosine and its words.
    """
    lines = [_Line(p, one) for p in found.passages for one in read(p.chunk.text)]
    if not lines or not found.asked.total:
        return found
    added = {**_told(found, lines), **_meant(found, lines, embedder)}
    return replace(found, signals={**found.signals, **added})


def _told(found: Retrieval, lines: list[_Line]) -> dict[str, float]:
    asks, held = Asks(found.asked.text), _topic(found)
    spoken = frozenset(tokens(found.asked.text))
    told: dict[str, float] = {}
    for line in lines:
        document = line.passage.chunk.document
        worth = held(line.sentence.words) * _says(line, asks, spoken)
        told[document] = max(told.get(document, 0.0), worth)
    best = sorted(told.values(), reverse=True)[:DOCUMENTS]
    return {
        "topic": max(held(line.sentence.words) for line in lines),
        "topic_all": sum(held(words(p.chunk)) for p in found.passages) / len(found.passages),
        "told": best[0],
        "told_all": sum(best) / DOCUMENTS,
    }


def _topic(found: Retrieval) -> Callable[[Collection[str]], float]:
    """Weigh what a question is about: its words without those that only ask."""
    weights = found.asked.weights
    about = {term for part in Asks.about(found.asked.text) for term in content(tokens(part))}
    kept: Mapping[str, float] = {term: w for term, w in weights.items() if term in about}
    chosen = kept if any(kept.values()) else weights
    total = sum(chosen.values())
    return lambda held: sum(w for term, w in chosen.items() if term in held) / total


def _says(line: _Line, asks: Asks, spoken: Collection[str]) -> float:
    """Weigh (0..1) whether a sentence says something that could be an answer."""
    if line.text.rstrip("\"'”’」』)） \n").endswith(("?", "？")):
        return 0.0
    own = sum(word not in spoken for word in content(line.sentence.words))
    return (BARE + (1 - BARE) * asks.answered(line.text)) * min(1.0, own / OWN)


def _meant(found: Retrieval, lines: list[_Line], embedder: Embedder) -> dict[str, float]:
    """Compare the few likeliest sentences with the question, where the model reads it."""
    if found.vector is None:
        return {"meant": 0.0, "both": 0.0}
    held = found.asked.held

    def likely(line: _Line) -> float:
        return held(line.sentence.words) + MEANT * (line.passage.dense or 0.0)

    few = sorted(lines, key=likely, reverse=True)[:READ]
    cosines = (embedder.passages([line.text for line in few]) @ found.vector).tolist()
    pairs = zip(cosines, few, strict=True)
    return {
        "meant": max(0.0, *cosines),
        "both": max(0.0, *((cosine + held(f.sentence.words)) / 2 for cosine, f in pairs)),
    }
