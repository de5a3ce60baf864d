"""Order passages by their best units, read by the trained reader: one more ``Reranker``."""

from collections.abc import Sequence

import numpy as np

from indexes.chunk import Passage
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.reading.unit_reader import ReaderInput, UnitReader, list_inputs
from ragdesk.answering.retrieval.reranker import Reranker, order_passages

UNITS_READ = 2  # of a passage: those that share most words with the question


class ReaderReranker(Reranker):
    """Scores a passage by the best of its units. Any thread may call."""

    def __init__(self, reader: UnitReader, depth: int) -> None:
        self.depth, self._reader = depth, reader

    def __call__(self, question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """Order the first passages by the reader; a score is how likely a unit answers."""
        head = passages[: self.depth]
        chosen = [_choose_inputs(question, passage) for passage in head]
        flat = [unit for units in chosen for unit in units]
        if not flat:
            return tuple(passages)
        odds = self._reader(question, flat).scores
        cuts = np.cumsum([len(units) for units in chosen])[:-1]
        best = [float(own.max()) if len(own) else -np.inf for own in np.split(odds, cuts)]
        return order_passages(passages, [1 / (1 + float(np.exp(-score))) for score in best])


def _choose_inputs(question: str, passage: Passage) -> list[ReaderInput]:
    """Choose the units of a passage that share most words with a question, in their order."""
    words = frozenset(tokenize_text(question))
    wanted = frozenset(drop_stopwords(words)) or words
    units = list_inputs(passage.chunk)
    shares = [len(wanted.intersection(tokenize_text(unit.text))) for unit in units]
    best = sorted(range(len(units)), key=lambda i: -shares[i])[:UNITS_READ]
    return [units[i] for i in sorted(best)]
