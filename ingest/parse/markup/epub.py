"""EPUB books: the chapters in reading order."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import text_encoding
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.markup import hidden_elements, tree_writer
from ingest.parse.markup.html_tree import Node, expand_empty_elements, parse_html
from ingest.parse.markup.unread_media import UnreadMedia
from ingest.parse.xml_tree import Element, local_name, read_attribute
from ingest.parse.zip_archive import Archive

EPUB_TYPE = "application/epub+zip"

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_LINK = re.compile(r"""<a\b[^<>]{0,500}?\bhref=["']([^"'<>#]{1,300})#""")
_NOTE_MARK = re.compile(r"""<a\b[^<>]{0,500}?epub:type=["']noteref["'][^<>]{0,500}>(\d{1,4})</a>""")
_NOTE = re.compile(r"\b(?:footnote|endnote|rearnote|note)s?\b")
_OBFUSCATED = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # fonts


def parse(body: bytes, uri: str) -> Document:
    """Read a book. Raises Unreadable: damaged, protected, or without text."""
    archive = Archive(body)
    _check_rights(archive)
    roots = [
        node for node in archive.parse_entry(_CONTAINER).iter() if local_name(node) == "rootfile"
    ]
    if not roots:
        raise Unreadable("damaged: it names no book")
    name = read_attribute(roots[0], "full-path")
    book = archive.parse_entry(name)
    builder = DocumentBuilder()
    names = set(archive.entry_names)
    folder = posixpath.dirname(name)
    sources = {
        chapter: text_encoding.decode_text(archive.read_entry(chapter))
        for chapter in dict.fromkeys(_list_chapters(book, folder))  # each once
        if chapter in names
    }
    for extra in _list_linked_pages(book, folder, sources):
        if extra in names:
            sources[extra] = text_encoding.decode_text(archive.read_entry(extra))
    media = UnreadMedia()
    for source in sources.values():
        _write_chapter(source, builder, media)
    titles = (node.text or "" for node in book.iter() if local_name(node) == "title")
    title = next(titles, "").strip() or PurePosixPath(uri).stem
    document = builder.build_document(title=title, media_type=EPUB_TYPE)
    return replace(document, notes=media.list_media_notes())


def _check_rights(archive: Archive) -> None:
    if _ENCRYPTION not in archive.entry_names:
        return
    for node in archive.parse_entry(_ENCRYPTION).iter():
        method = read_attribute(node, "Algorithm")
        if local_name(node) == "EncryptionMethod" and method not in _OBFUSCATED:
            raise Unreadable("protected: its text is encrypted (DRM)")


def _list_chapters(book: Element, folder: str) -> Iterator[str]:
    """Yield the chapters' entries in reading order, without the book's own table of contents."""
    manifest = {
        read_attribute(node, "id"): node for node in book.iter() if local_name(node) == "item"
    }
    for node in book.iter():
        item = (
            manifest.get(read_attribute(node, "idref")) if local_name(node) == "itemref" else None
        )
        if item is None or "nav" in read_attribute(item, "properties").split():
            continue
        if "html" in read_attribute(item, "media-type"):
            yield posixpath.normpath(posixpath.join(folder, unquote(read_attribute(item, "href"))))


def _list_linked_pages(book: Element, folder: str, sources: Mapping[str, str]) -> list[str]:
    """Return pages out of the reading order that chapters link to: notes, as a rule."""
    linked = {
        posixpath.normpath(posixpath.join(posixpath.dirname(chapter), unquote(target)))
        for chapter, source in sources.items()
        for target in _LINK.findall(source)
    }
    pages = []
    for node in book.iter():
        if local_name(node) == "item" and "html" in read_attribute(node, "media-type"):
            page = posixpath.normpath(posixpath.join(folder, unquote(read_attribute(node, "href"))))
            own = "nav" in read_attribute(node, "properties").split()
            if page in linked and page not in sources and not own:
                pages.append(page)
    return pages


def _write_chapter(source: str, builder: DocumentBuilder, media: UnreadMedia) -> None:
    """Write a page. Notes that a reader opens by their marks are text, hidden or not."""
    tree = parse_html(expand_empty_elements(_NOTE_MARK.sub(r"<sup>\1</sup>", source)))
    builder.close_sections(0)
    if tree.body is None:
        return
    notes = {node.mem_id for node in tree.css("aside") if _NOTE.search(_read_kind(node))}
    unseen = hidden_elements.find_hidden_elements(tree) - notes
    unseen |= {node.mem_id for node in tree.css("nav")}
    media.count_tree(tree.body, unseen)
    tree_writer.write_tree(tree.body, builder, unseen=unseen)


def _read_kind(node: Node) -> str:
    return f"{node.attributes.get('epub:type') or ''} {node.attributes.get('role') or ''}"
