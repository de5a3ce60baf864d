"""Parse Markdown and MDX: rendered to HTML, then read as HTML.

Markup is what Markdown means, embedded HTML included, so lists, tables and collapsible answers
have one reader for all formats.
"""

import re
from dataclasses import replace
from pathlib import PurePosixPath

import comrak

from ingest import validity
from ingest.document import Document, describe_hidden_words
from ingest.errors import Unreadable
from ingest.parse import text_encoding
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.markup import hidden_elements, html, tree_writer
from ingest.parse.markup.html_tree import parse_html

MARKDOWN_TYPE = "text/markdown"

# A row of a table is filled up to the width of its header: 5,000 columns took 3 minutes.
MOST_MARKDOWN_COLUMNS = 500
MOST_FILLED_CELLS = 100_000  # cells

_FRONT = re.compile(r"\ufeff?\s*---[ \t]*\r?\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FACT = re.compile(r"^(title|valid_from|valid_to|version)[ \t]*+:([^\n]+)$", re.MULTILINE)
_FENCE = re.compile(r"^[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*(`{3,}|~{3,})", re.MULTILINE)
# Template marks: {{< copyable >}}, {% include x %}, {#id} after a heading, MDX comments. None may
# hold a brace, so that a page full of opened ones costs no more than its length.
_TEMPLATE_MARKS = re.compile(
    r"\{\{[<%][^{}]{0,400}[>%]\}\}|\{%[^{}]{0,400}%\}|\{/\*[^*]{0,4000}\*/\}"
    r"|(?<![ \t])[ \t]*+\{#[\w-]++\}(?=[ \t]*+$)",
    re.MULTILINE,
)
# A link whose address is a variable.
_TARGET = re.compile(r"\]\(\{\{[^{}\n]{0,200}\}\}[^)\n]{0,200}\)")
_MODULE = re.compile(
    r"^(?:import\s.+?from\s*['\"].+|import\s+['\"].+|export\s+(?:default|const|let|function)\b.+)$",
    re.MULTILINE,
)
# A component without content: a browser would take all that follows for its content.
_EMPTY_TAG = re.compile(r"<[A-Z][\w.]*(?:\s[^<>]*)?/>")
# A line that opens quotes in quotes, or lists in lists: 100,000 of them took half a minute.
_NESTED = re.compile(r"^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])[ \t])){500}", re.MULTILINE)
_ADMONITION = re.compile(r"^:::[ \t]*\w*[ \t]*(.*)$", re.MULTILINE)


def _make_extensions() -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.table = True
    options.strikethrough = True
    options.footnotes = True
    options.alerts = True
    options.cjk_friendly_emphasis = True  # **重点：**后 is bold, which plain CommonMark denies
    return options


def _make_rendering() -> comrak.RenderOptions:
    options = comrak.RenderOptions()
    options.unsafe_ = True  # embedded markup is read, never shown
    return options


def parse(body: bytes, uri: str) -> Document:
    """Read a Markdown document. Raises Unreadable without text, or with absurd tables."""
    source = text_encoding.decode_text(body)
    facts, source = split_front_matter(source)
    builder = DocumentBuilder()
    tree = parse_html(render_markup(source))
    if tree.body is not None:
        tree_writer.write_tree(
            tree.body, builder, unseen=hidden_elements.find_hidden_elements(tree)
        )
    title = facts.get("title") or html.find_page_title(tree) or PurePosixPath(uri).stem
    document = builder.build_document(title=title, media_type=MARKDOWN_TYPE)
    notes = describe_hidden_words(hidden_elements.count_veiled_words(tree))
    return replace(document, validity=validity.parse_validity(facts), notes=notes)


def split_front_matter(source: str) -> tuple[dict[str, str], str]:
    r"""Split what a document's front matter says of it, if anything, from its content.

    >>> split_front_matter("---\ntitle: 'Refunds'\ntags: [a]\nversion: 2\n---\nText")
    ({'title': 'Refunds', 'version': '2'}, 'Text')
    """
    block = _FRONT.match(source)
    if not block:
        return {}, source
    facts: dict[str, str] = {}
    for name, value in _FACT.findall(block[1]):
        facts.setdefault(name, _unquote_value(value))
    return facts, source[block.end() :]


def _unquote_value(text: str) -> str:
    """Remove blanks and quotes around a value; blanks alone stay one."""
    value = text.removesuffix("\r").rstrip(" \t").lstrip(" \t")
    for quote in ('"', "'"):
        if len(value) > 2 and value.startswith(quote) and value.endswith(quote):  # noqa: PLR2004
            return value[1:-1]
    return value or " "


def render_markup(source: str) -> str:
    """Render Markdown to markup: CommonMark with tables, strikethrough and footnotes.

    Raises Unreadable for absurd tables or nesting.
    """
    if "|" in source:
        _check_tables(source)
    if _NESTED.search(source):
        raise Unreadable("quotes or lists nested more than 500 deep")
    prose = "".join(
        part if code else _strip_template_marks(part)
        for code, part in _split_fenced_code(source.replace("\r\n", "\n"))
    )
    return comrak.render_markdown(prose, extension_options=_EXTENSIONS, render_options=_RENDERING)


def _check_tables(source: str) -> None:
    """Raise Unreadable for a table that would be filled up to far more cells than it has."""
    widest = rows = marks = 0
    for line in source.splitlines():
        count = line.count("|")
        if not line.strip():
            widest = rows = marks = 0
        widest = max(widest, count)
        rows += 1
        marks += count
        if widest > MOST_MARKDOWN_COLUMNS or widest * rows > max(MOST_FILLED_CELLS, 4 * marks):
            raise Unreadable(
                f"a table with more than {MOST_MARKDOWN_COLUMNS} columns, or mostly empty"
            )


def _strip_template_marks(prose: str) -> str:
    """Remove what is neither Markdown nor text: template marks, modules, components."""
    if "{" in prose:
        prose = _TARGET.sub("](#)", _TEMPLATE_MARKS.sub("", prose))
    if "import" in prose or "export" in prose:
        prose = _MODULE.sub("", prose)
    if ":::" in prose:
        prose = _ADMONITION.sub(r"\n\1\n", prose)
    return _EMPTY_TAG.sub("", prose) if "/>" in prose else prose


def _split_fenced_code(source: str) -> list[tuple[bool, str]]:
    """Split a source into prose and fenced code, which is left as it is."""
    parts: list[tuple[bool, str]] = []
    at = 0
    begun = 0
    mark = ""
    for fence in _FENCE.finditer(source):
        if not mark:
            parts.append((False, source[at : fence.start()]))
            at = begun = fence.start()
            mark = fence[1]
        elif fence[1].startswith(mark) and fence.start() > begun:
            parts.append((True, source[at : fence.end()]))
            at = fence.end()
            mark = ""
    parts.append((bool(mark), source[at:]))
    return parts


_EXTENSIONS = _make_extensions()
_RENDERING = _make_rendering()
