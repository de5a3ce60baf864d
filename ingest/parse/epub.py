"""EPUB books: the chapters in reading order."""

import posixpath
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import clutter, decode, markup
from ingest.parse.compose import Composer
from ingest.parse.dom import closed, grow
from ingest.parse.ooxml import Element, value
from ingest.parse.zipped import Archive, local

MEDIA_TYPE = "application/epub+zip"

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_OBFUSCATED = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # fonts


def parse(body: bytes, uri: str) -> Document:
    """Read a book. Raises Unreadable: damaged, protected, or without text."""
    archive = Archive(body)
    _check_rights(archive)
    roots = [node for node in archive.xml(_CONTAINER).iter() if local(node) == "rootfile"]
    if not roots:
        raise Unreadable("damaged: it names no book")
    name = value(roots[0], "full-path")
    book = archive.xml(name)
    composer = Composer()
    names = set(archive.names)
    for chapter in dict.fromkeys(_spine(book, posixpath.dirname(name))):  # each once
        if chapter in names:
            _chapter(archive.read(chapter), composer)
    found = (node.text or "" for node in book.iter() if local(node) == "title")
    title = next(found, "").strip() or PurePosixPath(uri).stem
    return composer.document(title=title, media_type=MEDIA_TYPE)


def _check_rights(archive: Archive) -> None:
    if _ENCRYPTION not in archive.names:
        return
    for node in archive.xml(_ENCRYPTION).iter():
        method = value(node, "Algorithm")
        if local(node) == "EncryptionMethod" and method not in _OBFUSCATED:
            raise Unreadable("protected: its text is encrypted (DRM)")


def _spine(book: Element, folder: str) -> Iterator[str]:
    """Give the chapters' entries in reading order, without the book's own table of contents."""
    manifest = {value(node, "id"): node for node in book.iter() if local(node) == "item"}
    for node in book.iter():
        item = manifest.get(value(node, "idref")) if local(node) == "itemref" else None
        if item is None or "nav" in value(item, "properties").split():
            continue
        if "html" in value(item, "media-type"):
            yield posixpath.normpath(posixpath.join(folder, unquote(value(item, "href"))))


def _chapter(source: bytes, composer: Composer) -> None:
    tree = grow(closed(decode.text(source)))
    composer.close(0)
    if tree.body is not None:
        unseen = clutter.hidden(tree) | {node.mem_id for node in tree.css("nav")}
        markup.write(tree.body, composer, unseen=unseen)
