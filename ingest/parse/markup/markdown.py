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
from ingest.parse.markup.containers import ContainerWriter
from ingest.parse.markup.html_tree import parse_html
from ingest.parse.markup.mdx import ComponentCleaner, has_modules, is_mdx
from ingest.parse.markup.template_code import describe_code_left_out, remove_between
from ingest.parse.markup.unread_media import UnreadMedia

MARKDOWN_TYPE = "text/markdown"

# A row of a table is filled up to the width of its header: 5,000 columns took 3 minutes.
MOST_MARKDOWN_COLUMNS = 500
MOST_FILLED_CELLS = 100_000  # cells

_FRONT = re.compile(r"\ufeff?\s*---[ \t]*\r?\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_TOML_FRONT = re.compile(r"\ufeff?\s*\+\+\+[ \t]*\r?\n(.*?\n)\+\+\+[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FACT = re.compile(r"^(title|valid_from|valid_to|version)[ \t]*+[:=]([^\n]+)$", re.MULTILINE)
_FENCE = re.compile(r"^[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*(`{3,}|~{3,})", re.MULTILINE)
# Template marks: {{< copyable >}}, {% include x %}, {#id} after a heading. None may hold a brace,
# so that a page full of opened ones costs no more than its length.
_TEMPLATE_MARKS = re.compile(
    r"\{\{[<%][^{}]{0,400}[>%]\}\}|\{%[^{}]{0,400}%\}"
    r"|(?<![ \t])[ \t]*+\{#[\w-]++\}(?=[ \t]*+$)",
    re.MULTILINE,
)
_TAB_MARK = re.compile(
    r"\{(?:%|\{[<%])[ \t]*tab[ \t]+(?:(?:title|name|header)=)?"
    r"\"([^\"{}<>\n]{1,200})\"[^{}]{0,200}\}\}?"
)
_TAB_END = re.compile(r"\{%[ \t]*endtab[ \t]*%\}|\{\{[<%][ \t]*/tab[ \t]*[>%]\}\}")
# Of MkDocs: classes and ids after links and headings, icons by name, files that are put in.
_ATTRIBUTE_LIST = re.compile(
    r"(?<=[)\]])\{[ \t]{0,4}:?[ \t]{0,4}(?:[.#][\w-]|[\w-]{1,40}=)[^{}\n]{0,200}\}"
    r"|^[ \t]{0,8}\{:[^{}\n]{0,200}\}(?=[ \t]*+$)"
    r"|[ \t]\{:?[ \t]{0,4}#[\w-]{1,100}[^{}\n]{0,200}\}"
    r"(?=[ \t]*+$)"
    r"|:(?:material|octicons|fontawesome|simple)-[a-z0-9-]{1,60}:"
    r"|^[ \t]{0,8}-{1,3}8<-{1,3}[^\n]*+$",
    re.MULTILINE,
)
_ATTRIBUTE_SIGNS = (
    "{:",
    "{ ",
    "{#",
    "){",
    "]{",
    "8<",
    ":material-",
    ":octicons-",
    ":fontawesome-",
    ":simple-",
)
_COMMENTS = (("{/*", "*/}"),)
_CONTENTS_MARK = re.compile(
    r"^[ \t]{0,3}\[{1,2}_?TOC_?\]{1,2}(?=[ \t]*+$)", re.MULTILINE | re.IGNORECASE
)
# Callouts of types that CommonMark's own alerts do not know: the words after the mark stay.
_CALLOUT = re.compile(r"^((?:[ \t]{0,8}>){1,9}[ \t]{0,8})\[!(\w{1,40})\][+-]?", re.MULTILINE)
_ALERTS = frozenset({"note", "tip", "important", "warning", "caution"})
# A link whose address is a variable.
_TARGET = re.compile(r"\]\(\{\{[^{}\n]{0,200}\}\}[^)\n]{0,200}\)")
# What one tilde before and behind makes: an index of a sign (H~2~O), or two ranges (9~12, 14~18).
_INDEX = re.compile(r"(?<=[A-Za-z)])<sub>(\d{1,4}[+-]?|[a-z]{1,4})</sub>")
_SUB_TAG = re.compile(r"<(/?)sub>")
# A line that opens quotes in quotes, or lists in lists: 100,000 of them took half a minute.
_NESTED = re.compile(r"^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])[ \t])){500}", re.MULTILINE)


def _make_extensions() -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.table = True
    options.strikethrough = True
    options.subscript = True  # so that ~ strikes nothing out, but only ~~ does
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
    markup, notes = _render_source(source, PurePosixPath(uri.lower()).suffix)
    tree = parse_html(markup)
    hidden = hidden_elements.find_unseen_elements(tree)
    media = UnreadMedia()
    if tree.body is not None:
        media.count_tree(tree.body, hidden)
        tree_writer.write_tree(tree.body, builder, unseen=hidden)
    title = facts.get("title") or html.find_page_title(tree) or PurePosixPath(uri).stem
    document = builder.build_document(title=title, media_type=MARKDOWN_TYPE)
    notes += describe_hidden_words(hidden_elements.count_unseen_words(hidden))
    notes += media.list_media_notes()
    return replace(document, validity=validity.parse_validity(facts), notes=notes)


def split_front_matter(source: str) -> tuple[dict[str, str], str]:
    r"""Split what a document's front matter says of it, if anything, from its content.

    >>> split_front_matter("---\ntitle: 'Refunds'\ntags: [a]\nversion: 2\n---\nText")
    ({'title': 'Refunds', 'version': '2'}, 'Text')
    """
    block = _FRONT.match(source) or _TOML_FRONT.match(source)
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


def _render_source(source: str, suffix: str) -> tuple[str, tuple[str, ...]]:
    """Return the markup of a source, and notes on what of it is no text."""
    if "|" in source:
        _check_tables(source)
    if _NESTED.search(source):
        raise Unreadable("quotes or lists nested more than 500 deep")
    parts = _split_fenced_code(source.replace("\r\n", "\n"))
    prose = "\n".join(part for code, part in parts if not code)
    cleaner = None
    if is_mdx(prose, suffix):
        cleaner = ComponentCleaner(strict=suffix == ".mdx" or has_modules(prose))
    source = "".join(part if code else _strip_template_marks(part, cleaner) for code, part in parts)
    writer = ContainerWriter()
    rewritten = writer.rewrite(source)
    if rewritten is not source and _NESTED.search(rewritten):
        raise Unreadable("quotes or lists nested more than 500 deep")
    notes = describe_code_left_out(writer.diagrams, cleaner.expressions if cleaner else 0)
    return _render_text(rewritten), notes


def _render_text(source: str) -> str:
    """Render Markdown; tildes that are no sign of an index stay, as they do for a reader."""
    own = "~" in source and "<sub>" in source
    markup = comrak.render_markdown(
        _SUB_TAG.sub(r"<\1sub >", source) if own else source,
        extension_options=_EXTENSIONS,
        render_options=_RENDERING,
    )
    if "~" not in source:
        return markup
    markup = _SUB_TAG.sub("~", _INDEX.sub(r"\1", markup))
    return markup.replace("&lt;sub &gt;", "&lt;sub&gt;").replace("&lt;/sub &gt;", "&lt;/sub&gt;")


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


def _strip_template_marks(prose: str, cleaner: ComponentCleaner | None) -> str:
    """Remove what is neither Markdown nor text: template marks, modules, components."""
    if "{" in prose:
        prose = remove_between(prose, _COMMENTS)
        if "tab" in prose and ("{%" in prose or "{{" in prose):
            prose = _TAB_MARK.sub(r'\n\n<div label="\1">\n\n', prose)
            prose = _TAB_END.sub("\n\n</div>\n\n", prose)
        prose = _TARGET.sub("](#)", _TEMPLATE_MARKS.sub("", prose))
    if any(mark in prose for mark in _ATTRIBUTE_SIGNS):
        prose = _ATTRIBUTE_LIST.sub("", prose)
    if "[TOC]" in prose or "[toc]" in prose or "[_" in prose:
        prose = _CONTENTS_MARK.sub("", prose)
    if "[!" in prose:
        prose = _CALLOUT.sub(_keep_alert, prose)
    return cleaner.clean(prose) if cleaner else prose


def _keep_alert(mark: re.Match[str]) -> str:
    return f"{mark[1]}[!{mark[2]}]" if mark[2].lower() in _ALERTS else mark[1]


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
