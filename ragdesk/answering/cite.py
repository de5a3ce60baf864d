"""Turn what a statement rests on into numbered citations, each place cited once. Pure."""

from collections.abc import Sequence

from ragdesk.answering.answer import Citation, Claim, Standing
from ragdesk.answering.evidence import Quote, Statement

SUPPORTED, PARTIAL = 0.5, 0.25  # of the words of a claim that its quotes carry


def cite(statement: Statement, known: Sequence[Citation]) -> tuple[Claim, tuple[Citation, ...]]:
    """Give the quotes of a statement their numbers: its claim, and the citations that are new.

    known: citations of this answer so far. A place cited before keeps its number.
    """
    places = {(c.uri, c.start, c.end, c.quote): c.number for c in known}
    fresh: list[Citation] = []
    numbers: list[int] = []
    for quote in statement.quotes:
        place = (quote.passage.chunk.uri, quote.start, quote.end, quote.text)
        if place not in places:
            places[place] = len(known) + len(fresh) + 1
            fresh.append(_citation(quote, places[place]))
        numbers.append(places[place])
    claim = Claim(
        text=statement.text,
        citations=tuple(dict.fromkeys(numbers)),
        support=statement.support,
        verdict=_standing(statement),
    )
    return claim, tuple(fresh)


def marked(claim: Claim) -> str:
    """Write a claim with its marks.

    >>> marked(Claim(text="Yes.", citations=(1, 2), support=1.0, verdict=Standing.SUPPORTED))
    'Yes. [1][2]'
    """
    marks = "".join(f"[{number}]" for number in claim.citations)
    return f"{claim.text} {marks}" if marks else claim.text


def _standing(statement: Statement) -> Standing:
    if statement.standing is not None:
        return statement.standing
    if not statement.quotes:
        return Standing.UNSUPPORTED
    if statement.support >= SUPPORTED:
        return Standing.SUPPORTED
    return Standing.PARTIAL if statement.support >= PARTIAL else Standing.UNSUPPORTED


def _citation(quote: Quote, number: int) -> Citation:
    chunk = quote.passage.chunk
    return Citation(
        number=number,
        chunk=chunk.id,
        uri=chunk.uri,
        title=chunk.title,
        path=chunk.path,
        page=chunk.page,
        start=quote.start,
        end=quote.end,
        quote=quote.text,
        version=chunk.version,
    )
