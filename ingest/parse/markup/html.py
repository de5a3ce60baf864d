"""Web pages: their content with its headings, lists, tables and questions, without the frame."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from ingest.document import Document, describe_hidden_words
from ingest.errors import Unreadable
from ingest.parse import text_encoding
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.link_spans import read_address
from ingest.parse.markup import boilerplate, hidden_elements, tree_writer
from ingest.parse.markup.html_tree import (
    Tree,
    expand_empty_elements,
    parse_html,
    read_line,
)
from ingest.parse.markup.template_code import (
    RemovedCode,
    count_expressions,
    describe_code_left_out,
    remove_template_code,
)
from ingest.parse.markup.unread_media import UnreadMedia
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines

HTML_TYPE = "text/html"

_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*+=\s*+["']?+\s*+([\w.:-]{2,40})""", re.IGNORECASE
)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{2,40})""")
# What the frameworks fill: React, Vue, Next, Nuxt, Gatsby, Angular, Svelte, Quasar.
_SCRIPT_ROOTS = "#root,#app,#__next,#__nuxt,#___gatsby,app-root,#svelte,#q-app,#application"
_NEEDS_SCRIPT = re.compile(r"javascript|java script", re.IGNORECASE)
LEAST_TEXT = 200  # characters below which a page that a script fills may have its text there
SCRIPT_REASON = (
    "its text is written by a script when a browser opens it (JavaScript); save the page from a "
    "browser, or export its text"
)
SCRIPT_NOTE = "more of its text may be written by a script when a browser opens it (JavaScript)"
HEAD_BYTES = 2048  # bytes in which a page may declare its encoding


def parse(body: bytes, uri: str) -> Document:
    """Read a web page. Raises Unreadable without text, or nested absurdly deep."""
    declaration = _CHARSET.search(body, 0, HEAD_BYTES) or _DECLARED.search(body, 0, HEAD_BYTES)
    source = text_encoding.decode_text(
        body, declared=declaration[1].decode("ascii") if declaration else ""
    )
    return read_page(source, uri)


def read_page(source: str, uri: str, *, address: str = "") -> Document:
    """Read a web page that is text already. Raises Unreadable as ``parse`` does.

    address: where it was found, where that is known: relative addresses are relative to it.
    """
    expands = source.lstrip().startswith("<?xml")
    code: list[RemovedCode] = []
    source = remove_template_code(source, PurePosixPath(uri.lower()).suffix, code)
    tree = parse_html(expand_empty_elements(source) if expands else source)
    hidden = hidden_elements.find_hidden_parts(tree)
    root = boilerplate.find_main_content(tree, hidden.unseen)
    builder = DocumentBuilder()
    builder.set_base_address(address)
    for node in tree.css("head base[href]")[:1]:
        base = node.attributes.get("href") or ""
        builder.set_base_address(read_address(base, address) or address if address else base)
    media = UnreadMedia()
    frame: set[int] = set()
    if root is not None:
        frame = boilerplate.find_boilerplate(root)
        unseen = frame.union(hidden.unseen)
        media.count_tree(root, unseen)
        tree_writer.write_tree(
            root,
            builder,
            unseen=unseen,
            questions=hidden.answers.questions.union(_structured_questions(tree)),
            panels=hidden.answers.panels,
        )
    name = find_page_title(tree) or PurePosixPath(uri).stem
    by_script = _is_written_by_script(tree)
    try:
        document = builder.build_document(title=name, media_type=HTML_TYPE)
    except Unreadable as error:
        raise Unreadable(SCRIPT_REASON if by_script else str(error)) from error
    words = hidden_elements.count_unseen_words(hidden.unseen, frame)
    notes = (
        *describe_hidden_words(words),
        *describe_code_left_out(0, count_expressions(code)),
        *media.list_media_notes(),
    )
    if by_script and len(document.text) < LEAST_TEXT:
        notes = (*notes, SCRIPT_NOTE)
    return replace(document, notes=notes)


def _is_written_by_script(tree: Tree) -> bool:
    """Tell whether a page is but a frame that a script fills in a browser."""
    if tree.css_first("script") is None:
        return False
    if any(not node.text(strip=True) for node in tree.css(_SCRIPT_ROOTS)):
        return True
    return any(_NEEDS_SCRIPT.search(node.text()) for node in tree.css("noscript"))


def find_page_title(tree: Tree) -> str:
    """Return a page's title: its one first heading, else what its head says."""
    heads = tree.css("h1")
    names = [read_line(node) for node in heads[:1] if len(heads) == 1]
    names += [join_wrapped_lines(clean_text(node.text())) for node in tree.css("head title")[:1]]
    return next(filter(None, names), "")


def _structured_questions(tree: Tree) -> Iterator[str]:
    """Yield the questions that the page's own data (schema.org) names.

    Only the names: what is answered is taken from where a reader sees it.
    """
    for node in tree.css('[itemtype$="schema.org/Question"] [itemprop="name"]'):
        yield read_line(node)
    for script in tree.css('script[type="application/ld+json"]'):
        try:
            data = json.loads(script.text())
        except (ValueError, RecursionError):
            continue  # many pages carry broken data, and nothing depends on it
        yield from _question_names(data)


def _question_names(data: object) -> Iterator[str]:
    pages = data if isinstance(data, list) else [data]
    for page in pages:
        entities = page.get("mainEntity") if isinstance(page, dict) else None
        for entity in entities if isinstance(entities, list) else [entities]:
            name = entity.get("name") if isinstance(entity, dict) else None
            if isinstance(name, str):
                yield join_wrapped_lines(clean_text(name))
