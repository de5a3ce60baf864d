"""Citation recall and precision, as ALCE defines them (Gao et al., 2023).

Whether a quote carries a sentence is asked of a ``carries``; ours counts words and looks for
hard contradictions. Another one, a trained verifier, fits the same slot.
"""

from collections.abc import Callable, Sequence

from eval.target_reply import ReplyCitation, ReplySentence

Carries = Callable[[str, Sequence[str]], bool]  # a sentence, the quotes it cites


def compute_citation_validity(cited: Sequence[ReplyCitation]) -> float | None:
    """Return the share of the citations that resolve; None where that could not be checked."""
    known = [one.resolved for one in cited if one.resolved is not None]
    return sum(known) / len(known) if known else None


def compute_citation_coverage(claims: Sequence[ReplySentence]) -> float:
    """Return the share of the claims that cite anything."""
    return sum(bool(one.citations) for one in claims) / len(claims)


def compute_citation_recall(
    claims: Sequence[ReplySentence], cited: Sequence[ReplyCitation], carries: Carries
) -> float:
    """Return the share of the claims that their citations, taken together, support."""
    quotes = {one.number: one.quote for one in cited}
    met = [
        bool(_claim_quotes(one, quotes)) and carries(one.text, _claim_quotes(one, quotes))
        for one in claims
    ]
    return sum(met) / len(met)


def compute_citation_precision(
    claims: Sequence[ReplySentence], cited: Sequence[ReplyCitation], carries: Carries
) -> float | None:
    """Return the share of the citations that are needed; None where nothing is cited.

    One is needed that carries its claim alone, or without which the claim is not carried.
    """
    quotes = {one.number: one.quote for one in cited}
    needed: list[bool] = []
    for one in claims:
        held = _claim_quotes(one, quotes)
        whole = carries(one.text, held)
        for at, quote in enumerate(held):
            alone = carries(one.text, [quote])
            others = [*held[:at], *held[at + 1 :]]
            needed.append(whole and (alone or not carries(one.text, others)))
    return sum(needed) / len(needed) if needed else None


def _claim_quotes(one: ReplySentence, quotes: dict[int, str]) -> list[str]:
    return [quotes.get(number, "") for number in dict.fromkeys(one.citations)]
