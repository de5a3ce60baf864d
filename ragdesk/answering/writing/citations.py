"""Turn the quotes of a statement into numbered citations, each place cited once. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ragdesk.answering.answer import Citation, CitedLink, Claim, ClaimVerdict
from ragdesk.answering.quote_places import QuoteLocator, QuotePlace, locate_nowhere
from ragdesk.answering.statement import Quote, Statement

FindLinks = Callable[[Quote], tuple[CitedLink, ...]]
FindAddress = Callable[[Quote], str]

MIN_SUPPORTED, MIN_PARTIAL = 0.5, 0.25  # of the words of a claim that its quotes carry


def cite_statement(
    statement: Statement,
    earlier: Sequence[Citation],
    find_links: FindLinks = lambda _: (),
    locate: QuoteLocator = locate_nowhere,
    find_address: FindAddress = lambda _: "",
) -> tuple[Claim, tuple[Citation, ...]]:
    """Return a statement's claim, its quotes numbered, and the citations that are new.

    earlier: citations of this answer so far. A place cited before keeps its number.
    find_links: finds where words of a quote lead.
    locate: tells where on its pages a quote stands. find_address: finds where people open the
    document of a quote, if it is a page of another system.
    """
    places = {(c.uri, c.start, c.end, c.quote): c.number for c in earlier}
    new_citations: list[Citation] = []
    numbers: list[int] = []
    for quote in statement.quotes:
        place = (quote.passage.chunk.uri, quote.start, quote.end, quote.text)
        if place not in places:
            places[place] = len(earlier) + len(new_citations) + 1
            citation = _make_citation(quote, places[place], find_links(quote), locate(quote))
            address = find_address(quote) or None
            new_citations.append(replace(citation, address=address) if address else citation)
        numbers.append(places[place])
    claim = Claim(
        text=statement.text,
        citations=tuple(dict.fromkeys(numbers)),
        support=statement.support,
        verdict=_statement_verdict(statement),
    )
    return claim, tuple(new_citations)


def format_claim(claim: Claim) -> str:
    """Write a claim with its marks.

    >>> claim = Claim(text="Yes.", citations=(1, 2), support=1.0, verdict=ClaimVerdict.SUPPORTED)
    >>> format_claim(claim)
    'Yes. [1][2]'
    """
    marks = "".join(f"[{number}]" for number in claim.citations)
    return f"{claim.text} {marks}" if marks else claim.text


def _statement_verdict(statement: Statement) -> ClaimVerdict:
    if statement.verdict is not None:
        return statement.verdict
    if not statement.quotes:
        return ClaimVerdict.UNSUPPORTED
    if statement.support >= MIN_SUPPORTED:
        return ClaimVerdict.SUPPORTED
    return ClaimVerdict.PARTIAL if statement.support >= MIN_PARTIAL else ClaimVerdict.UNSUPPORTED


def _make_citation(
    quote: Quote, number: int, links: tuple[CitedLink, ...], place: QuotePlace
) -> Citation:
    chunk = quote.passage.chunk
    return Citation(
        number=number,
        chunk=chunk.id,
        uri=chunk.uri,
        title=chunk.title,
        path=chunk.path,
        page=chunk.page,
        version=chunk.version or None,
        start=quote.start,
        end=quote.end,
        quote=quote.text,
        question=quote.question or None,
        columns=quote.columns or None,
        links=links,
        boxes=place.boxes or None,
        ocr=place.ocr or None,
    )
