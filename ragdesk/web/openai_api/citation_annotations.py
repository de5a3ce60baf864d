"""Citations as the annotations of a chat message, each with an address where it can be read."""

from urllib.parse import quote

from ragdesk.answering.answer import Answer, Citation, JsonObject
from ragdesk.answering.lookup_result import is_lookup


def annotate_citations(answer: Answer, base_address: str) -> list[JsonObject]:
    """Return the citations of an answer as ``url_citation``, in the order of their numbers.

    Each has the span of its first mark, in code points of the answer's text.
    """
    marks = _find_marks(answer)
    return [
        _annotate(citation, format_citation_address(answer, citation, base_address), mark)
        for citation in answer.citations
        if not is_lookup(citation.uri)  # of no document: it has no address to open
        if (mark := marks.get(citation.number)) is not None
    ]


def format_citation_address(answer: Answer, citation: Citation, base_address: str) -> str:
    """Return where the stored text of a citation is, with the characters cited (RFC 5147)."""
    address = format_text_address(answer, citation.uri, base_address)
    place = f"char={citation.start},{citation.end}"
    return f"{address}&chunk={quote(citation.chunk, safe='')}#{place}"


def format_text_address(answer: Answer, uri: str, base_address: str) -> str:
    """Return where the stored text of a document of an answer's generation is."""
    path = f"v1/collections/{answer.collection}/documents/{quote(uri, safe='')}/text"
    return f"{base_address.rstrip('/')}/{path}?generation={answer.generation}"


def _annotate(citation: Citation, address: str, mark: tuple[int, int]) -> JsonObject:
    start, end = mark
    title = citation.title or citation.uri
    place = {"url": address, "title": title, "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": place}


def _find_marks(answer: Answer) -> dict[int, tuple[int, int]]:
    """Find the first mark of each citation: behind the words of its claim, never inside them."""
    marks: dict[int, tuple[int, int]] = {}
    position = 0
    for claim in answer.claims:
        start = answer.text.find(claim.text, position)
        if start < 0:
            continue
        position = start + len(claim.text)
        for number in claim.citations:
            mark = f"[{number}]"
            begin = answer.text.find(mark, position)
            if begin < 0:
                continue
            position = begin + len(mark)
            marks.setdefault(number, (begin, position))
    return marks
