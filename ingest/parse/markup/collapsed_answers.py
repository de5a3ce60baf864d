"""Find the parts of a page that a reader opens: answers, tabs, sections that are closed at first.

Text that is hidden is where orders to a model hide, so it is content only where a reader is led to
it: a control of the page names it (``aria-controls``, ``data-toggle``, ``onclick``, a summary), or
it stands right below a line that asks, in a pattern that the page repeats.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ingest.parse.faq_detection import could_be_question, is_question
from ingest.parse.markup.html_tree import (
    BLOCK_TAGS,
    INVISIBLE_TAGS,
    TEXT_NODE,
    Node,
    Tree,
    iterate_descendants,
    read_line,
)

LONGEST_LEAD = 200  # characters of a line that names or asks for what is below it
MOST_LEAD_NODES = 60  # elements and texts in such a line
MOST_ABOVE = 40  # elements above a control that are looked at
FEWEST_ALIKE = 2  # pairs of a line and what is below it, for a pattern
_CONTROLS = "[aria-controls],[data-toggle],[data-bs-toggle],[data-tab],[data-target],[onclick]"
_TARGETS = ("data-target", "data-bs-target", "href")
_OPENING = frozenset({"", "collapse", "tab", "pill", "accordion", "toggle", "list"})
_FRAME_TAGS = frozenset({"nav", "dialog", "menu"})
_FRAME_ROLE_NAMES = "menu menubar dialog alertdialog listbox navigation tooltip search combobox"
_FRAME_ROLES = frozenset(_FRAME_ROLE_NAMES.split())
_QUOTED_NAME = re.compile(r"['\"]#?([\w-]{1,100})['\"]")
_GENERIC = re.compile(
    r"(?:show|read|see|view|learn|toggle|expand|collapse|open|close|more|less|menu|details|search|filter)\b"
    r"|展开|收起|查看|更多|打开|关闭|菜单|详情",
    re.IGNORECASE,
)
_STATE = re.compile(
    r"(?:^|\s)\S*(?:active|open|close|current|first|last|show|hid|collapsed|odd\b|even\b|\d)\S*"
)
_CONTROL_TAGS = frozenset({"button", "summary", "label", "dt", "h1", "h2", "h3", "h4", "h5", "h6"})
_CONTROL_CLASS = re.compile(r"question|title|head|toggle|trigger|control|accordion|summary")
_LABELLED = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"})

Signature = tuple[str, str, str, str]


@dataclass(slots=True)
class CollapsedAnswers:
    """What a reader opens on a page.

    panels: by memory id, the name that leads a panel; "" where its name is said above it.
    questions: lines that ask for what is below them.
    """

    panels: dict[int, str] = field(default_factory=dict)
    questions: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class HiddenElements:
    """What a page hides, by memory id: what a click could show, and what no reader ever sees.

    opened: of the closed ones, those that a class hides which scripts open by its name. keys: all.
    """

    closed: Mapping[int, Node]
    never: Mapping[int, Node]
    opened: Collection[int]
    keys: frozenset[int]

    def __contains__(self, key: object) -> bool:
        """Tell whether an element is hidden, in whichever way."""
        return key in self.keys


def find_collapsed_answers(tree: Tree, hidden: HiddenElements) -> CollapsedAnswers:
    """Find what a reader opens on a page, hidden or not."""
    answers = CollapsedAnswers()
    _add_controlled(tree, answers, hidden)
    if hidden.closed:
        _add_repeated(tree, answers, hidden)
        _add_details(answers, hidden)
    return answers


def _add_details(answers: CollapsedAnswers, hidden: HiddenElements) -> None:
    """Add what is hidden in an element that its summary opens, or below Confluence's control."""
    for key, node in hidden.closed.items():
        above = node.parent
        if above is not None and above.tag == "details" and node.tag != "summary":
            answers.panels.setdefault(key, "")
            continue
        lead = _find_lead(node, hidden) if "expand-content" in _read_shape(node) else None
        if lead is not None and "expand-control" in _read_shape(lead):
            answers.panels.setdefault(key, "")
            if could_be_question(line := _read_short(lead, hidden)):
                answers.questions.add(line)


def _add_controlled(tree: Tree, answers: CollapsedAnswers, hidden: HiddenElements) -> None:
    opened = {hidden.closed[key].id or "" for key in hidden.opened}
    controls = [
        (control, set(filter(None, _list_targets(control, opened))))
        for control in tree.css(f"{_CONTROLS},a[href^='#']" if opened else _CONTROLS)
    ]
    wanted: set[str] = set().union(*(names for _, names in controls))
    if not wanted:
        return
    elements = {node.id: node for node in tree.css("[id]") if node.id in wanted}
    for control, names in controls:
        panels = [elements[name] for name in names if name in elements]
        panels = [panel for panel in panels if _is_panel(panel, hidden)]
        if not panels or _is_frame_control(control, hidden):
            continue
        line = _read_control(control, panels, hidden)
        if not re.search(r"\w", line):
            continue
        asks = could_be_question(line)
        if asks:
            answers.questions.add(line)
        for panel in panels:
            named = asks or control.tag != "button" or _GENERIC.match(line) or _is_labelled(control)
            answers.panels.setdefault(panel.mem_id, "" if named else line)


def _list_targets(control: Node, opened: Collection[str]) -> Iterator[str]:
    """Yield the ids of what a control opens. opened: ids that a link of the page may open, too."""
    names = control.attributes
    toggle = names.get("data-toggle", names.get("data-bs-toggle"))
    if (toggle or "").strip().lower() not in _OPENING:
        return
    yield from (names.get("aria-controls") or "").split()
    yield (names.get("data-tab") or "").lstrip("#")
    for key in _TARGETS:
        value = names.get(key) or ""
        if value.startswith("#") and (toggle is not None or key != "href" or value[1:] in opened):
            yield value[1:]
    yield from _QUOTED_NAME.findall((names.get("onclick") or "")[:500])


def _is_panel(node: Node, hidden: HiddenElements) -> bool:
    """Tell whether an element can be what a control opens: hidden, or a block; no menu."""
    return not _is_frame(node) and (node.tag in BLOCK_TAGS or node.mem_id in hidden.closed)


def _is_frame(panel: Node) -> bool:
    return panel.tag in _FRAME_TAGS or panel.attributes.get("role") in _FRAME_ROLES


def _is_frame_control(control: Node, unseen: HiddenElements) -> bool:
    """Tell whether a control opens a menu or a dialog, or is itself not seen."""
    if (control.attributes.get("aria-haspopup") or "false") != "false":
        return True
    node: Node | None = control
    for _ in range(MOST_ABOVE):
        if node is None:
            return False
        if _is_frame(node) or node.mem_id in unseen:
            return True
        node = node.parent
    return False


def _read_control(control: Node, panels: list[Node], unseen: HiddenElements) -> str:
    """Return a control's words, or those beside a control that is only a sign."""
    line = _read_short(control, unseen)
    above = control.parent
    if line or above is None or above.tag == "body":
        return line
    holds_panel = any(node in panels for node in (above, *_list_children(above)))
    return "" if holds_panel else _read_short(above, unseen)


def _list_children(node: Node) -> Iterator[Node]:
    child = node.first_child
    for _ in range(MOST_LEAD_NODES):
        if child is None:
            return
        yield child
        child = child.next


def _is_labelled(control: Node) -> bool:
    """Tell whether a control stands in a heading, whose words are said anyway."""
    node = control.parent
    for _ in range(3):
        if node is None:
            return False
        if node.tag in _LABELLED:
            return True
        node = node.parent
    return False


def _add_repeated(tree: Tree, answers: CollapsedAnswers, hidden: HiddenElements) -> None:
    """Add what is hidden right below a line that asks, where the page does so again."""
    shapes: dict[tuple[str, str], bool] = {}
    for key, node in hidden.closed.items():
        opened = key in hidden.opened
        if _read_lead(node, hidden, opened=opened)[0] is not None:
            shape = (node.tag or "", _read_shape(node))
            shapes[shape] = shapes.get(shape, False) or opened
    counts: Counter[Signature] = Counter()
    matches: list[tuple[Signature, Node, str]] = []
    for tag in {tag for tag, _ in shapes}:
        for node in tree.css(tag):
            shape = (tag, _read_shape(node))
            if shape not in shapes:
                continue
            lead, line = _read_lead(node, hidden, opened=shapes[shape])
            if lead is not None:
                signature = (lead.tag or "", _read_shape(lead), *shape)
                counts[signature] += 1
                matches.append((signature, node, line))
    for signature, node, line in matches:
        if counts[signature] >= FEWEST_ALIKE:
            answers.panels.setdefault(node.mem_id, "")
            if could_be_question(line):
                answers.questions.add(line)


def _read_lead(node: Node, hidden: HiddenElements, *, opened: bool) -> tuple[Node | None, str]:
    """Return what stands right above an element and its words, if it leads to an answer.

    opened: it is hidden by a class that scripts open; then a button leads to it, too.
    """
    lead = _find_lead(node, hidden)
    line = _read_short(lead, hidden) if lead is not None else ""
    if lead is None or not line:
        return None, ""
    leads = _leads_answer(lead, line) or (opened and _is_control(lead))
    return (lead, line) if leads else (None, "")


def _is_control(lead: Node) -> bool:
    names = lead.attributes if lead.is_element_node else {}
    if lead.tag in _CONTROL_TAGS or names.get("role") == "button" or "onclick" in names:
        return True
    return bool(_CONTROL_CLASS.search((names.get("class") or "").lower()))


def _leads_answer(lead: Node, line: str) -> bool:
    """Tell whether a line asks for what is below it."""
    return is_question(line) or (
        could_be_question(line) and (lead.tag in _CONTROL_TAGS or len(line) < LONGEST_LEAD // 2)
    )


def _find_lead(node: Node, unseen: HiddenElements) -> Node | None:
    """Return what stands right above an element: a sibling, or one of the element around it."""
    for _ in range(3):
        before = node.prev
        while before is not None and _is_blank(before):
            before = before.prev
        if before is not None:
            return None if before.mem_id in unseen else before
        if node.parent is None or node.parent.tag == "body":
            return None
        node = node.parent
    return None


def _is_blank(node: Node) -> bool:
    if node.tag == TEXT_NODE:
        return not (node.text_content or "").strip()
    return not node.is_element_node or node.tag in INVISIBLE_TAGS - {"button"}


def _read_short(node: Node, unseen: HiddenElements) -> str:
    """Return the words of a small element as a line; "" for a large one."""
    if node.tag == TEXT_NODE:
        text = " ".join((node.text_content or "").split())
        return text if len(text) <= LONGEST_LEAD else ""
    length = 0
    for count, inner in enumerate(iterate_descendants(node)):
        length += len((inner.text_content or "").strip()) if inner.tag == TEXT_NODE else 0
        if count > MOST_LEAD_NODES or length > LONGEST_LEAD:
            return ""
    return read_line(node, unseen.keys)


def _read_shape(node: Node) -> str:
    """Return an element's classes without those that change with its state or its place."""
    if not node.is_element_node:
        return ""
    return " ".join(_STATE.sub("", (node.attributes.get("class") or "").lower()).split())
