"""Order passages by what was read in them.

Retrieval weighs a passage as a whole; reading finds the sentence that answers. The passage that
holds the best one stands first then, for whoever reads the sources beside an answer.
"""

from dataclasses import replace
from itertools import chain

from ragdesk.answering.retrieval.part_retrieval import take_turns
from ragdesk.answering.retrieval.retrieval_result import Retrieval


def order_by_reading(retrieval: Retrieval) -> Retrieval:
    """Return a retrieval whose passages are ordered by the worth of their best unit.

    What would be said comes first. Passages of which no unit was read come last, in the order
    they were found in; those of a question with several parts in turns, as before. The order of a
    reranker stands: it read the passages, too, and was chosen for that.
    """
    if retrieval.rerank_seconds is not None:
        return retrieval
    if retrieval.parts:
        parts = tuple(order_by_reading(part) for part in retrieval.parts)
        passages = take_turns((*(part.passages for part in parts), retrieval.passages))
        return replace(retrieval, parts=parts, passages=tuple(passages))
    worth: dict[str, float] = {}
    for scored in retrieval.ranked_units:  # best first
        worth.setdefault(scored.passage.chunk.id, scored.worth)
    groups = retrieval.choice.groups if retrieval.choice else ()
    chosen = {unit.passage.chunk.id for unit in chain.from_iterable(groups)}
    ordered = sorted(
        retrieval.passages,
        key=lambda p: (p.chunk.id not in chosen, -worth.get(p.chunk.id, -float("inf"))),
    )
    return replace(retrieval, passages=tuple(ordered))
