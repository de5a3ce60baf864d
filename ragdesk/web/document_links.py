"""Where the words of a document lead: out of the collection, or to another document of it."""

from collections.abc import Iterator
from urllib.parse import unquote

from indexes.index import Index
from indexes.store.document_table import ListedDocument
from ragdesk.answering.writing.cited_links import is_clickable
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal
from ragdesk.web.document_access import is_visible
from ragdesk.web.document_reference import DocumentReference
from ragdesk.web.schemas import LinkOut

MOST_TARGETS = 500  # addresses that are looked up in the collection, of one document
_ENDINGS = ("", ".md", "/index.md")  # which the addresses of a site's pages leave out


def read_document_links(opened: OpenCollection, reference: DocumentReference) -> list[LinkOut]:
    """Read where words of a stored text lead, as the text itself. Raises NotFound.

    A relative address is given where it leads to a document that the asker may see.
    """
    with reference.use_document(opened) as (index, document):
        return list(_iterate_links(index, document, reference.who))


def _iterate_links(index: Index, listed: ListedDocument, who: Principal) -> Iterator[LinkOut]:
    targets: dict[str, str | None] = {}
    for link in index.find_chunk_store(listed).load_links(listed.id):
        if is_clickable(link):
            yield LinkOut(start=link.start, end=link.end, href=link.href)
            continue
        path = resolve_path(listed.uri, link.href)
        if path not in targets and len(targets) < MOST_TARGETS:
            targets[path] = _find_visible_uri(index, path, who)
        if target := targets.get(path):
            yield LinkOut(start=link.start, end=link.end, href=link.href, uri=target)


def _find_visible_uri(index: Index, path: str, who: Principal) -> str | None:
    """Return the uri of the document that a path names, if the asker may see one; else None."""
    for ending in _ENDINGS if path else ():
        target = path + ending
        if any(is_visible(document, who) for document in index.documents.list_by_uri(target)):
            return target
    return None


def resolve_path(uri: str, href: str) -> str:
    """Return the path that a relative address names, seen from a document; "" for none.

    >>> resolve_path("help/a/visa.md", "../forms/x%20y.md?lang=en#top")
    'help/forms/x y.md'
    >>> resolve_path("visa.md", "/rooms/"), resolve_path("visa.md", "../up.md")
    ('rooms', '')
    >>> resolve_path("visa.md", "javascript:x()")
    ''
    """
    path = href.partition("#")[0].partition("?")[0]
    if not path or ":" in path:
        return ""
    parts = [] if path.startswith("/") else uri.split("/")[:-1]
    for part in unquote(path).split("/"):
        if part == ".." and not parts:
            return ""
        if part == "..":
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)
