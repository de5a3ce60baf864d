"""Find where the words of a quote lead: the links that its document keeps beside its text."""

from indexes.chunk import DocumentLink, is_web_address
from indexes.index import Index
from ragdesk.answering.answer import CitedLink
from ragdesk.answering.statement import Quote

CLICKABLE_SCHEMES = ("http:", "https:", "mailto:", "tel:")
MOST_CITED_LINKS = 50  # of a quote


def find_cited_links(index: Index, quote: Quote) -> tuple[CitedLink, ...]:
    """Return the links of a quote that lead out of the collection, in order."""
    listed = index.documents.find_by_id(quote.passage.chunk.document)
    if listed is None:
        return ()
    links = [
        CitedLink(
            start=(start := max(link.start, quote.start)),
            end=(end := min(link.end, quote.end)),
            text=quote.text[start - quote.start : end - quote.start],
            href=link.href,
        )
        for link in index.find_chunk_store(listed).load_links(listed.id, quote.start, quote.end)
        if is_clickable(link)
    ]
    return tuple(links[:MOST_CITED_LINKS])


def find_page_address(index: Index, quote: Quote) -> str:
    """Return where people open the document of a quote, if it is a page of another system."""
    listed = index.documents.find_by_id(quote.passage.chunk.document)
    if listed is None:
        return ""
    address = index.find_chunk_store(listed).load_address(listed.id)
    return address if is_web_address(address) else ""


def is_clickable(link: DocumentLink) -> bool:
    """Tell whether an address may be opened by a click: a web, mail or phone address.

    >>> [is_clickable(DocumentLink(0, 1, at)) for at in ("https://a.example", "javascript:a()")]
    [True, False]
    """
    return link.href.lower().startswith(CLICKABLE_SCHEMES)
