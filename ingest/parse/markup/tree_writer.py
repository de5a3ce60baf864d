"""Write a tree of markup into a document: headings, lists, tables, code, questions.

One way for every format that is markup or becomes it: web pages, Markdown, books, e-mail.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from textwrap import dedent
from types import MappingProxyType

from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.faq_detection import could_be_question, is_question
from ingest.parse.link_spans import LinkSpan
from ingest.parse.markup import table_cells
from ingest.parse.markup.html_tree import (
    BLOCK_TAGS,
    INVISIBLE_TAGS,
    TEXT_NODE,
    Node,
    component_label,
    iterate_descendants,
    measure_links,
    read_line,
    read_superscript,
    walk_tree,
)
from ingest.parse.text_cleaning import join_wrapped_lines, read_alt_text

HEADINGS = {f"h{level}": level for level in range(1, 7)}
QUESTION_LEVEL = 7  # the level of questions that are no headings in the markup: below all that are
_SECTION_TAGS = frozenset({"ul", "ol", "pre", "table", "dl", *HEADINGS})
NoteEdge = Callable[[bool], None]
MEANT_BREAK = "\v"  # a line break that is meant, among those of the source
MOST_NUMBER_DIGITS = 6  # of an ordered list's first number


@dataclass(slots=True)
class _List:
    number: int | None  # of the next item; None for a bulleted list
    has_sections: bool  # its items are cards with headings: sections rather than lines
    marker: str = ""  # of the item that has no text yet


def write_tree(  # noqa: PLR0913 - what is known of elements, by kind
    root: Node,
    builder: DocumentBuilder,
    *,
    unseen: Collection[int] = (),
    questions: Collection[str] = (),
    panels: Mapping[int, str] = MappingProxyType({}),
    edges: Mapping[int, NoteEdge] = MappingProxyType({}),
) -> None:
    """Write what a reader of the tree would see.

    unseen: memory ids of elements to pass over. questions: lines known to be questions. panels: by
    memory id, names of elements that a reader opens; "" where it is written above them. edges: by
    memory id of blocks, what is called where one begins (True) and ends (False), once all before
    is written.
    """
    writer = _TreeWriter(builder, unseen, questions, panels, edges)
    walk_tree(root, writer.enter_node, writer.leave_node)
    writer.end_block()


class _TreeWriter:
    def __init__(
        self,
        builder: DocumentBuilder,
        unseen: Collection[int],
        questions: Collection[str],
        panels: Mapping[int, str],
        edges: Mapping[int, NoteEdge],
    ) -> None:
        self._builder = builder
        self._edges = edges
        self._panels = panels
        self._open_panels: set[int] = set()
        self._unseen = unseen
        self._questions = questions
        self._buffer: list[str] = []
        self._links: list[LinkSpan] = []  # of parts of the buffer
        self._link: tuple[int, str] | None = None  # where the open one begins, and its address
        self._lists: list[_List] = []
        self._lines: list[str] = []  # of the list that is being written
        self._details: list[int] = []  # heading levels to close
        self._terms: list[int] = []  # heading levels of the terms of long definition lists
        self._enter: dict[str, Callable[[Node], bool]] = {
            "a": self._open_link,
            "br": self._write_break,
            "button": self._write_button,
            "details": self._open_details,
            "dl": self._open_definitions,
            "dt": self._write_term,
            "img": self._write_image,
            "li": self._open_item,
            "ol": self._open_list,
            "pre": self._write_code,
            "summary": self._write_summary,
            "sup": self._write_superscript,
            "table": self._write_table,
            "ul": self._open_list,
            **dict.fromkeys(HEADINGS, self._write_heading),
        }
        self._leave: dict[str, Callable[[], None]] = {
            "details": self._close_details,
            "dl": self._close_definitions,
            "li": self._close_item,
            "ol": self._close_list,
            "ul": self._close_list,
        }

    def enter_node(self, node: Node) -> bool:
        tag = node.tag
        if tag == TEXT_NODE:
            self._buffer.append(node.text_content or "")
            return False
        if tag in INVISIBLE_TAGS or (self._unseen and node.mem_id in self._unseen):
            return tag == "button" and self._write_button(node)
        if self._edges and node.mem_id in self._edges:
            self._note_edge(node, begins=True)
        if self._panels and node.mem_id in self._panels:
            self._open_panel(node)
        act = self._enter.get(tag or "")
        if act is not None:
            goes_on = act(node)
            if not goes_on and node.mem_id in self._open_panels:
                self._close_details()  # what is passed over is not left
            return goes_on
        if tag in BLOCK_TAGS:
            self.write_buffer()
        if name := component_label(node):
            self._open_details(node)
            self._builder.add_heading(self._details[-1], name)
        return True

    def leave_node(self, node: Node) -> None:
        tag = node.tag
        if tag in BLOCK_TAGS:
            self.write_buffer()
            act = self._leave.get(tag)
            if act is not None:
                act()
        elif tag == "a":
            self._close_link()
        if component_label(node):
            self._close_details()
        if self._panels and node.mem_id in self._open_panels:
            self._close_details()
        if self._edges and node.mem_id in self._edges:
            self._note_edge(node, begins=False)

    def _note_edge(self, node: Node, *, begins: bool) -> None:
        self.end_block()
        self._edges[node.mem_id](begins)

    def _open_panel(self, node: Node) -> None:
        """Begin what a reader opens: its name, or the question above it, leads it to its end."""
        name = self._panels[node.mem_id]
        is_below_question = self._builder.path[-1:] and self._builder.path[-1] in self._questions
        if not (name or is_below_question):
            return
        self._open_panels.add(node.mem_id)
        if is_below_question and not name:
            self.end_block()
            self._details.append(self._builder.next_level - 1)
            return
        self._open_details(node)
        self._builder.add_heading(self._details[-1], name)

    def write_buffer(self) -> None:
        """Write the words gathered so far as a paragraph, or as lines of a list."""
        if not self._buffer:
            return
        text = "".join(self._buffer)
        if self._links or self._link is not None:
            self._note_links(text)
        self._buffer.clear()
        lines = [line for part in text.split(MEANT_BREAK) if (line := join_wrapped_lines(part))]
        if not lines:
            return
        lists = [open_list for open_list in self._lists if not open_list.has_sections]
        if not lists or not (self._lines or lists[-1].marker):
            self._write_paragraph(lines)
            return
        indent = "  " * (len(lists) - 1)
        marker = lists[-1].marker or "  "
        lists[-1].marker = ""
        self._lines.append(indent + marker + lines[0])
        self._lines.extend(f"{indent}  {line}" for line in lines[1:])

    def _write_paragraph(self, lines: list[str]) -> None:
        if len(lines) == 1 and lines[0] in self._questions:
            self._builder.add_heading(QUESTION_LEVEL, lines[0], asks=True)
        else:
            self._builder.add_paragraph("\n".join(lines))

    def end_block(self) -> None:
        """Write what is left of a paragraph or a list: something else follows."""
        self.write_buffer()
        if self._lines:
            self._builder.add_list(self._lines)
            self._lines.clear()

    def _open_link(self, node: Node) -> bool:
        self._close_link()
        self._link = len(self._buffer), node.attributes.get("href") or ""
        return True

    def _close_link(self) -> None:
        if self._link is not None:
            self._links.append((self._link[0], len(self._buffer), self._link[1]))
            self._link = None

    def _note_links(self, text: str) -> None:
        """Note the links of the buffer; one that is still open goes on in the next block."""
        address = self._link[1] if self._link else None
        self._close_link()
        self._builder.note_links(text, measure_links(self._buffer, self._links))
        self._links.clear()
        self._link = None if address is None else (0, address)

    def _read_line(self, node: Node) -> str:
        """Read an element as one line, and note its links, or the one it stands in."""
        text = read_line(node, self._unseen, self._builder.note_links)
        if self._link is not None:
            self._builder.note_links(text, [(0, len(text), self._link[1])])
        return text

    def _write_heading(self, node: Node) -> bool:
        self.end_block()
        text = self._read_line(node)
        asks = True if text in self._questions else None
        self._builder.add_heading(HEADINGS[node.tag or "h1"], text, asks=asks)
        return False

    def _write_button(self, node: Node) -> bool:
        """Keep the button that opens an answer; others are no text."""
        if node.mem_id in self._unseen or not (
            self._questions or "aria-controls" in node.attributes
        ):
            return False
        text = read_line(node, self._unseen)
        controls = "aria-controls" in node.attributes and could_be_question(text)
        if controls or text in self._questions:
            self.end_block()
            self._builder.add_heading(QUESTION_LEVEL, text, asks=True)
        return False

    def _write_break(self, _node: Node) -> bool:
        self._buffer.append(MEANT_BREAK)
        return False

    def _write_superscript(self, node: Node) -> bool:
        self._buffer.append(read_superscript(node))
        return False

    def _write_image(self, node: Node) -> bool:
        self._buffer.append(read_alt_text(node.attributes.get("alt") or ""))
        return False

    def _write_code(self, node: Node) -> bool:
        self.end_block()
        pieces = (
            "\n" if n.tag == "br" else n.text_content or "" for n in iterate_descendants(node)
        )
        self._builder.add_code(dedent("".join(pieces)))
        return False

    def _write_table(self, node: Node) -> bool:
        self.end_block()
        return not table_cells.write_markup_table(node, self._builder, self._unseen)

    def _open_list(self, node: Node) -> bool:
        self.write_buffer()
        start = node.attributes.get("start") or "1"
        number = int(start) if start.isdecimal() and len(start) <= MOST_NUMBER_DIGITS else 1
        plain = not self._lists and node.css_first("h1,h2,h3,h4,h5,h6,table") is not None
        self._lists.append(_List(number if node.tag == "ol" else None, plain))
        return True

    def _close_list(self) -> None:
        if self._lists:
            self._lists.pop()
        if not self._lists:
            self.end_block()

    def _open_item(self, node: Node) -> bool:
        self.write_buffer()
        if self._lists:
            inner_list = self._lists[-1]
            inner_list.marker = "- " if inner_list.number is None else f"{inner_list.number}. "
            inner_list.marker += _read_task_mark(node)
            inner_list.number = None if inner_list.number is None else inner_list.number + 1
        return True

    def _close_item(self) -> None:
        if self._lists:
            self._lists[-1].marker = ""

    def _open_details(self, _node: Node) -> bool:
        self.end_block()
        below = self._builder.next_level
        self._details.append(below if self._details else min(below, QUESTION_LEVEL))
        return True

    def _write_summary(self, node: Node) -> bool:
        self.end_block()
        if node.css_first("h1,h2,h3,h4,h5,h6") is not None:
            return True
        level = self._details[-1] if self._details else self._builder.next_level
        text = self._read_line(node)
        self._builder.add_heading(level, text, asks=could_be_question(text))
        return False

    def _close_details(self) -> None:
        self.end_block()
        if self._details:
            self._builder.close_sections(self._details.pop())

    def _open_definitions(self, node: Node) -> bool:
        """Write short definitions as lines; longer ones as sections under their terms."""
        self.end_block()
        if any(
            inner.tag in _SECTION_TAGS or _continues_definition(inner)
            for inner in iterate_descendants(node)
        ):  # to the first
            self._terms.append(self._builder.next_level)
            return True
        terms: list[str] = []
        for part in node.css("dt,dd"):
            text = "" if part.mem_id in self._unseen else self._read_line(part)
            if part.tag == "dt":
                terms.append(text)
                continue
            self._write_definition(" / ".join(terms), text)
            terms = []
        self._lines.extend(f"- {term}" for term in terms if term)
        self.end_block()
        return False

    def _close_definitions(self) -> None:
        self.end_block()
        self._builder.close_sections(self._terms.pop())

    def _write_definition(self, term: str, text: str) -> None:
        if term and text and (is_question(term) or term in self._questions):
            self.end_block()
            self._builder.add_faq_entry(term, text)
        elif term or text:
            self._lines.append(f"- {term}: {text}" if term and text else f"- {term or text}")

    def _write_term(self, node: Node) -> bool:
        self.end_block()
        text = self._read_line(node)
        self._builder.add_heading(
            self._terms[-1] if self._terms else self._builder.next_level, text
        )
        return False


def _read_task_mark(item: Node) -> str:
    """Return the box of an item in a list of tasks, ticked or not; "" for other items.

    Of Confluence, Notion and GitHub: each marks the list, and ticks in a way of its own.
    """
    parent = item.parent
    names = f"{item.attributes.get('class') or ''} " + (
        (parent.attributes.get("class") or "") if parent is not None else ""
    )
    if "task-list" not in names and "to-do-list" not in names:
        return ""
    own = (item.attributes.get("class") or "").split()
    ticked = "checked" in own or item.css_first(".checkbox-on,input[checked]") is not None
    return "[x] " if ticked else "[ ] "


def _continues_definition(node: Node) -> bool:
    """Tell whether a paragraph follows another one in a definition."""
    before = node.prev if node.tag == "p" else None
    while before is not None and not before.is_element_node:
        before = before.prev
    if before is None or before.tag != "p":
        return False
    above = node.parent
    while above is not None and above.tag not in {"dd", "dl"}:
        above = above.parent
    return above is not None and above.tag == "dd"
