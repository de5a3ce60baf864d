"""Citation recall and precision, as ALCE defines them (Gao et al., 2023).

Whether quotes carry a sentence is decided by a callable (``Carries``). Ours counts words and looks
for contradictions; a trained verifier could take its place.
"""

from collections.abc import Callable, Sequence

from eval.target_reply import ReplyCitation, ReplySentence

Carries = Callable[[str, Sequence[str]], bool]  # a sentence, the quotes it cites


def compute_citation_validity(cited: Sequence[ReplyCitation]) -> float | None:
    """Return the share of the citations that resolve; None where that could not be checked."""
    known = [citation.resolved for citation in cited if citation.resolved is not None]
    return sum(known) / len(known) if known else None


def compute_citation_coverage(claims: Sequence[ReplySentence]) -> float:
    """Return the share of the claims that cite anything."""
    return sum(bool(claim.citations) for claim in claims) / len(claims)


def compute_citation_recall(
    claims: Sequence[ReplySentence], cited: Sequence[ReplyCitation], carries: Carries
) -> float:
    """Return the share of the claims that their citations, taken together, support."""
    quotes = {citation.number: citation.quote for citation in cited}
    supported = [
        bool(_claim_quotes(claim, quotes)) and carries(claim.text, _claim_quotes(claim, quotes))
        for claim in claims
    ]
    return sum(supported) / len(supported)


def compute_citation_precision(
    claims: Sequence[ReplySentence], cited: Sequence[ReplyCitation], carries: Carries
) -> float | None:
    """Return the share of the citations that are needed; None where nothing is cited.

    One is needed that carries its claim alone, or without which the claim is not carried.
    """
    quotes = {citation.number: citation.quote for citation in cited}
    needed: list[bool] = []
    for claim in claims:
        claim_quotes = _claim_quotes(claim, quotes)
        whole = carries(claim.text, claim_quotes)
        for at, quote in enumerate(claim_quotes):
            alone = carries(claim.text, [quote])
            others = [*claim_quotes[:at], *claim_quotes[at + 1 :]]
            needed.append(whole and (alone or not carries(claim.text, others)))
    return sum(needed) / len(needed) if needed else None


def _claim_quotes(claim: ReplySentence, quotes: dict[int, str]) -> list[str]:
    return [quotes.get(number, "") for number in dict.fromkeys(claim.citations)]
