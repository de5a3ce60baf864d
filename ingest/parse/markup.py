"""Writes a tree of markup into a document: headings, lists, tables, code, questions.

One way for every format that is markup or becomes it: web pages, Markdown, books, e-mail.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from textwrap import dedent

from ingest.parse import cells
from ingest.parse.asked import is_question, may_ask
from ingest.parse.compose import Composer, flow, spoken
from ingest.parse.dom import BLOCKS, TEXT, UNSEEN, Node, labelled, line, raised, walk, within

HEADINGS = {f"h{level}": level for level in range(1, 7)}
ASKED = 7  # the level of questions that are no headings in the markup: below all that are
_SECTIONS = frozenset({"ul", "ol", "pre", "table", "dl", *HEADINGS})
BREAK = "\v"  # a line break that is meant, among those of the source
MOST_DIGITS = 6  # of an ordered list's first number


@dataclass(slots=True)
class _List:
    number: int | None  # of the next item; None for a bulleted list
    plain: bool  # its items are cards with headings: sections rather than lines
    marker: str = ""  # of the item that has no text yet


def write(
    root: Node,
    composer: Composer,
    *,
    unseen: Collection[int] = (),
    asked: Collection[str] = (),
) -> None:
    """Write what a reader of the tree would see.

    unseen: memory ids of elements to pass over. asked: lines known to be questions.
    """
    writer = _Writer(composer, unseen, asked)
    walk(root, writer.enter, writer.leave)
    writer.end()


class _Writer:
    def __init__(self, composer: Composer, unseen: Collection[int], asked: Collection[str]) -> None:
        self._composer = composer
        self._unseen = unseen
        self._asked = asked
        self._buffer: list[str] = []
        self._lists: list[_List] = []
        self._lines: list[str] = []  # of the list that is being written
        self._details: list[int] = []  # heading levels to close
        self._terms: list[int] = []  # heading levels of the terms of long definition lists
        self._enter: dict[str, Callable[[Node], bool]] = {
            "br": self._break,
            "button": self._button,
            "details": self._open_details,
            "dl": self._definitions,
            "dt": self._term,
            "img": self._image,
            "li": self._open_item,
            "ol": self._open_list,
            "pre": self._code,
            "summary": self._summary,
            "sup": self._raised,
            "table": self._table,
            "ul": self._open_list,
            **dict.fromkeys(HEADINGS, self._heading),
        }
        self._leave: dict[str, Callable[[], None]] = {
            "details": self._close_details,
            "dl": self._close_definitions,
            "li": self._close_item,
            "ol": self._close_list,
            "ul": self._close_list,
        }

    def enter(self, node: Node) -> bool:
        tag = node.tag
        if tag == TEXT:
            self._buffer.append(node.text_content or "")
            return False
        if tag in UNSEEN or (self._unseen and node.mem_id in self._unseen):
            return tag == "button" and self._button(node)
        act = self._enter.get(tag or "")
        if act is not None:
            return act(node)
        if tag in BLOCKS:
            self.flush()
        if name := labelled(node):
            self._open_details(node)
            self._composer.heading(self._details[-1], name)
        return True

    def leave(self, node: Node) -> None:
        tag = node.tag
        if tag in BLOCKS:
            self.flush()
            act = self._leave.get(tag)
            if act is not None:
                act()
        if labelled(node):
            self._close_details()

    def flush(self) -> None:
        """Write the words gathered so far as a paragraph, or as lines of a list."""
        if not self._buffer:
            return
        text = "".join(self._buffer)
        self._buffer.clear()
        lines = [line for part in text.split(BREAK) if (line := flow(part))]
        if not lines:
            return
        lists = [one for one in self._lists if not one.plain]
        if not lists or not (self._lines or lists[-1].marker):
            self._paragraph(lines)
            return
        indent = "  " * (len(lists) - 1)
        marker = lists[-1].marker or "  "
        lists[-1].marker = ""
        self._lines.append(indent + marker + lines[0])
        self._lines.extend(f"{indent}  {line}" for line in lines[1:])

    def _paragraph(self, lines: list[str]) -> None:
        if len(lines) == 1 and lines[0] in self._asked:
            self._composer.heading(ASKED, lines[0], asks=True)
        else:
            self._composer.paragraph("\n".join(lines))

    def end(self) -> None:
        """Write what is left of a paragraph or a list: something else follows."""
        self.flush()
        if self._lines:
            self._composer.items(self._lines)
            self._lines.clear()

    def _heading(self, node: Node) -> bool:
        self.end()
        text = line(node, self._unseen)
        asks = True if text in self._asked else None
        self._composer.heading(HEADINGS[node.tag or "h1"], text, asks=asks)
        return False

    def _button(self, node: Node) -> bool:
        """Keep the button that opens an answer; others are no text."""
        if (
            node.mem_id not in self._unseen
            and "aria-controls" in node.attributes
            and may_ask(text := line(node, self._unseen))
        ):
            self.end()
            self._composer.heading(ASKED, text, asks=True)
        return False

    def _break(self, _node: Node) -> bool:
        self._buffer.append(BREAK)
        return False

    def _raised(self, node: Node) -> bool:
        self._buffer.append(raised(node))
        return False

    def _image(self, node: Node) -> bool:
        self._buffer.append(spoken(node.attributes.get("alt") or ""))
        return False

    def _code(self, node: Node) -> bool:
        self.end()
        pieces = ("\n" if n.tag == "br" else n.text_content or "" for n in within(node))
        self._composer.code(dedent("".join(pieces)))
        return False

    def _table(self, node: Node) -> bool:
        self.end()
        return not cells.write(node, self._composer, self._unseen)

    def _open_list(self, node: Node) -> bool:
        self.flush()
        start = node.attributes.get("start") or "1"
        number = int(start) if start.isdecimal() and len(start) <= MOST_DIGITS else 1
        plain = not self._lists and node.css_first("h1,h2,h3,h4,h5,h6,table") is not None
        self._lists.append(_List(number if node.tag == "ol" else None, plain))
        return True

    def _close_list(self) -> None:
        if self._lists:
            self._lists.pop()
        if not self._lists:
            self.end()

    def _open_item(self, _node: Node) -> bool:
        self.flush()
        if self._lists:
            one = self._lists[-1]
            one.marker = "- " if one.number is None else f"{one.number}. "
            one.number = None if one.number is None else one.number + 1
        return True

    def _close_item(self) -> None:
        if self._lists:
            self._lists[-1].marker = ""

    def _open_details(self, _node: Node) -> bool:
        self.end()
        below = self._composer.below
        self._details.append(below if self._details else min(below, ASKED))
        return True

    def _summary(self, node: Node) -> bool:
        self.end()
        if node.css_first("h1,h2,h3,h4,h5,h6") is not None:
            return True
        level = self._details[-1] if self._details else self._composer.below
        text = line(node, self._unseen)
        self._composer.heading(level, text, asks=may_ask(text))
        return False

    def _close_details(self) -> None:
        self.end()
        if self._details:
            self._composer.close(self._details.pop())

    def _definitions(self, node: Node) -> bool:
        """Write short definitions as lines; longer ones as sections under their terms."""
        self.end()
        if any(one.tag in _SECTIONS or _goes_on(one) for one in within(node)):  # to the first
            self._terms.append(self._composer.below)
            return True
        terms: list[str] = []
        for part in node.css("dt,dd"):
            text = "" if part.mem_id in self._unseen else line(part, self._unseen)
            if part.tag == "dt":
                terms.append(text)
                continue
            self._define(" / ".join(terms), text)
            terms = []
        self._lines.extend(f"- {term}" for term in terms if term)
        self.end()
        return False

    def _close_definitions(self) -> None:
        self.end()
        self._composer.close(self._terms.pop())

    def _define(self, term: str, text: str) -> None:
        if term and text and (is_question(term) or term in self._asked):
            self.end()
            self._composer.faq(term, text)
        elif term or text:
            self._lines.append(f"- {term}: {text}" if term and text else f"- {term or text}")

    def _term(self, node: Node) -> bool:
        self.end()
        text = line(node, self._unseen)
        self._composer.heading(self._terms[-1] if self._terms else self._composer.below, text)
        return False


def _goes_on(node: Node) -> bool:
    """Tell a paragraph that follows another one in a definition."""
    before = node.prev if node.tag == "p" else None
    while before is not None and not before.is_element_node:
        before = before.prev
    if before is None or before.tag != "p":
        return False
    above = node.parent
    while above is not None and above.tag not in {"dd", "dl"}:
        above = above.parent
    return above is not None and above.tag == "dd"
