"""Coverage: the idf-weighted share of one text's words that another text contains. Pure.

A word that every document holds says little, whichever text it is missing from. Choosing a
sentence for an answer, checking a claim and measuring faithfulness all count the same way.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from indexes.text.tokens import drop_stopwords

Idf = Callable[[str], float]
LEAST_GAIN = 0.1  # of a claim, that a further piece must carry


def compute_coverage(question: Iterable[str], text: Iterable[str], idf: Idf) -> float:
    """Return the share (0..1, by idf) of the question's content tokens that a text contains.

    question, text: as ``text.tokens`` spells them. A question of function words alone is
    measured by these; one without any token is covered by nothing.

    >>> compute_coverage(["refund", "choos"], ["the", "refund", "polici"], lambda term: 1.0)
    0.5
    """
    question_terms = set(question)
    wanted = set(drop_stopwords(question_terms)) or question_terms
    return _weighted_share(wanted, set(text), idf)


def choose_pieces(
    claim: Iterable[str], pieces: Sequence[Collection[str]], idf: Idf, *, most: int = 3
) -> tuple[tuple[int, ...], float]:
    """Choose the few sentences that cover a claim's words best, and give the share covered (0..1).

    claim: tokens. pieces: the tokens of each sentence, in order. The piece that holds most comes
    first; another is added only while it carries something that was missing, a tenth at least.

    >>> pieces = [{"ship", "norway"}, {"refund", "day"}, {"day"}]
    >>> choose_pieces(["refund", "norway", "day"], pieces, lambda term: 1.0)
    ((0, 1), 1.0)
    """
    claim_terms = set(claim)
    wanted = set(drop_stopwords(claim_terms)) or claim_terms
    weights = {term: idf(term) for term in sorted(wanted)}
    total = sum(weights.values())
    if not total:
        return (), 0.0
    overlaps = [(i, wanted.intersection(piece)) for i, piece in enumerate(pieces)]
    candidates = [(i, overlap) for i, overlap in overlaps if overlap]
    chosen: list[int] = []
    covered: set[str] = set()
    share = 0.0
    while candidates and len(chosen) < most:
        gains = [
            (
                sum(w for term, w in weights.items() if term in covered or term in overlap) / total,
                -i,
            )
            for i, overlap in candidates
        ]
        best, at = max(gains)
        if best < share + LEAST_GAIN:
            break
        chosen.append(-at)
        covered.update(*(overlap for i, overlap in candidates if i == -at))
        candidates = [(i, overlap) for i, overlap in candidates if not overlap <= covered]
        share = best
    return tuple(sorted(chosen)), share


def _weighted_share(wanted: set[str], text_terms: set[str], idf: Idf) -> float:
    # Sorted, because a sum of floats depends on its order, and that of a set on the process.
    weights = [(idf(term), term in text_terms) for term in sorted(wanted)]
    total = sum(weight for weight, _ in weights)
    return sum(weight for weight, present in weights if present) / total if total else 0.0
