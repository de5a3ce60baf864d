"""Support: how much of one text another one carries, weighted by how rare its words are. Pure.

A word that every document holds says little, whichever text it is missing from. Choosing a
sentence for an answer, checking a claim and measuring faithfulness all count the same way.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from indexes.flags import Flag, denies, flags
from indexes.text import content, tokens

__all__ = ["Flag", "Idf", "coverage", "denies", "flags", "precision", "window"]

Idf = Callable[[str], float]
GAIN = 0.1  # of a claim, that a further piece must carry


def coverage(question: Iterable[str], text: Iterable[str], idf: Idf) -> float:
    """Give the share (0..1, weighted by idf) of the question's content tokens that a text holds.

    question, text: as ``text.tokens`` spells them. A question of function words alone is
    measured by these; one without any token is covered by nothing.

    >>> coverage(["refund", "window"], ["the", "refund", "polici"], lambda term: 1.0)
    0.5
    """
    asked = set(question)
    wanted = set(content(asked)) or asked
    return _share(wanted, set(text), idf)


def precision(sentence: str, text: str, idf: Idf) -> float:
    """Give the share (0..1, weighted by idf) of a sentence's content tokens that a text holds.

    Called knowledge precision where the text is what an answer was given from: AUROC .885
    against the human labels of MTRAG. A sentence without content claims nothing: 1.0.

    >>> precision("Refunds take three days.", "A refund takes 3 days.", lambda term: 1.0)
    0.75
    """
    claimed = set(content(tokens(sentence)))
    return _share(claimed, set(tokens(text)), idf) if claimed else 1.0


def window(
    claim: Iterable[str], pieces: Sequence[Collection[str]], idf: Idf, *, most: int = 3
) -> tuple[tuple[int, ...], float]:
    """Choose the few pieces of a text that carry a claim, and give their share of it (0..1).

    claim: tokens. pieces: the tokens of each sentence, in order. The piece that holds most comes
    first; another is added only while it carries something that was missing, a tenth at least.

    >>> pieces = [{"ship", "norway"}, {"refund", "day"}, {"day"}]
    >>> window(["refund", "norway", "day"], pieces, lambda term: 1.0)
    ((0, 1), 1.0)
    """
    asked = set(claim)
    wanted = set(content(asked)) or asked
    weights = {term: idf(term) for term in sorted(wanted)}
    total = sum(weights.values())
    if not total:
        return (), 0.0
    near = [(i, wanted.intersection(piece)) for i, piece in enumerate(pieces)]
    left = [(i, found) for i, found in near if found]
    chosen: list[int] = []
    held: set[str] = set()
    share = 0.0
    while left and len(chosen) < most:
        gains = [
            (sum(w for term, w in weights.items() if term in held or term in found) / total, -i)
            for i, found in left
        ]
        best, at = max(gains)
        if best < share + GAIN:
            break
        chosen.append(-at)
        held.update(*(found for i, found in left if i == -at))
        left = [(i, found) for i, found in left if not found <= held]
        share = best
    return tuple(sorted(chosen)), share


def _share(wanted: set[str], held: set[str], idf: Idf) -> float:
    # Sorted, because a sum of floats depends on its order, and that of a set on the process.
    weights = [(idf(term), term in held) for term in sorted(wanted)]
    total = sum(weight for weight, _ in weights)
    return sum(weight for weight, found in weights if found) / total if total else 0.0
