"""Read the visible words of an office document's paragraph."""

from collections.abc import Callable, Iterable, Iterator
from string import hexdigits

from ingest.parse.office import symbol_fonts
from ingest.parse.office.package import is_on
from ingest.parse.office.word_styles import MOST_SIZE_DIGITS
from ingest.parse.text_cleaning import read_alt_text
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

# Deleted and moved text, field codes, comments, readings above characters, and the old form of
# a drawing that stands beside the new one.
_SKIPPED_NAMES = (
    "del delText delInstrText moveFrom instrText pPr rPr sdtPr Fallback rt comment annotationRef"
    " footnoteRef endnoteRef txbxContent txBody naryPr dPr fPr radPr deg"
)
_SKIPPED_TAGS = frozenset(_SKIPPED_NAMES.split())
_MOST_CODE_DIGITS = 6  # of a character's number
TINY_HALF_POINTS = 4  # half points
WHITE_CODES = {"FFFFFF", "FEFEFE", "FDFDFD"}
_STRIKES = frozenset({"sngStrike", "dblStrike"})  # of a slide's run
_SPACE_TAGS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_RAISED = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_FORMULAS = frozenset({"f", "rad", "d", "nary", "sSup", "sSub", "sSubSup"})


def read_paragraph(paragraph: Element) -> str:
    """Return a paragraph's words; line breaks in it are kept."""
    return "".join(iterate_words(paragraph))


def iterate_words(
    node: Element,
    enter: Callable[[Element], None] | None = None,
    leave: Callable[[Element], None] | None = None,
) -> Iterator[str]:
    """Yield the words below a node. enter, leave: called for each node that is come through."""
    for inner in node:
        name = local_name(inner)
        if enter is not None:
            enter(inner)
        if name in _WORD_READERS:
            yield _WORD_READERS[name](inner)
        elif name in _SPACE_TAGS:
            yield _SPACE_TAGS[name]
        elif name == "r":
            if not is_hidden_run(inner) and not is_struck_run(inner):
                yield from iterate_words(inner, enter, leave)
        elif name in _FORMULAS:
            yield _format_formula(inner, name)
        elif name not in _SKIPPED_TAGS:
            yield from iterate_words(inner, enter, leave)
        if leave is not None:
            leave(inner)


def _read_text(node: Element) -> str:
    text = node.text or ""
    if text.strip("+- ").isdecimal() and _is_raised(node.getparent()):
        return text.translate(_RAISED)
    if not symbol_fonts.has_symbols(text):
        return text
    fonts = find_child(node.getparent(), "rPr", "rFonts")
    return symbol_fonts.read_symbols(read_attribute(fonts, "ascii"), text)


def _is_raised(run: Element | None) -> bool:
    """Tell whether a run is superscript, in Word or on a slide: 10⁶ is not 106."""
    own = find_child(run, "rPr")
    if own is None:
        return False
    rise = own.get("baseline", "")
    word = read_attribute(find_child(own, "vertAlign")) == "superscript"
    return word or bool(rise.isdecimal() and rise.strip("0"))


def _read_sign(node: Element) -> str:
    """Return a character that is stored as a number of its font."""
    code = read_attribute(node, "char")
    known = len(code) <= _MOST_CODE_DIGITS and all(sign in hexdigits for sign in code)
    if not code or not known:
        return ""
    return symbol_fonts.read_symbol(read_attribute(node, "font"), int(code, 16))


def _read_check_box(node: Element) -> str:
    """Return a form's box, empty or ticked, which is drawn and no text."""
    ticked = find_child(node, "checked")
    return "☒" if is_on(find_child(node, "default") if ticked is None else ticked) else "☐"


def _read_choice(node: Element) -> str:
    """Return what is chosen in a form's list, which is no text either."""
    entries = [read_attribute(entry) for entry in node if local_name(entry) == "listEntry"]
    chosen = read_attribute(find_child(node, "result")) or read_attribute(
        find_child(node, "default")
    )
    at = int(chosen) if chosen.isdecimal() and len(chosen) <= _MOST_CODE_DIGITS else 0
    return entries[at] if at < len(entries) else ""


def is_hidden_run(run: Element) -> bool:
    """Tell whether a run is invisible in print: hidden, tiny, or white on paper.

    What is shaded, highlighted or stands in a table, a text box or a drawing may lie on a dark
    fill: there white is seen.
    """
    own = find_child(run, "rPr")
    if own is None:
        return False
    size = read_attribute(find_child(own, "sz"))
    if is_on(find_child(own, "vanish")) or (
        size.isdecimal() and len(size) <= MOST_SIZE_DIGITS and int(size) <= TINY_HALF_POINTS
    ):
        return True
    if read_attribute(find_child(own, "color")).upper() not in WHITE_CODES:
        return False
    paragraph = next(run.iterancestors("{*}p"), None)
    shaded = [
        find_child(own, "shd"),
        find_child(own, "highlight"),
        find_child(paragraph, "pPr", "shd"),
    ]
    boxed = next(run.iterancestors("{*}tc", "{*}txbxContent", "{*}drawing", "{*}pict"), None)
    styled = (
        find_child(own, "rStyle") is not None or find_child(paragraph, "pPr", "pStyle") is not None
    )
    return boxed is None and not styled and not any(mark is not None for mark in shaded)


def is_struck_run(run: Element) -> bool:
    """Tell whether a run is struck out, in Word or on a slide: it no longer holds."""
    own = find_child(run, "rPr")
    if own is None:
        return False
    marks = own.iterchildren("{*}strike", "{*}dstrike")
    return own.get("strike") in _STRIKES or any(map(is_on, marks))


def count_hidden_words(paragraph: Element) -> int:
    """Count the words of a paragraph that no reader sees."""
    return _count_words(run for run in paragraph.iter("{*}r") if is_hidden_run(run))


def count_struck_words(node: Element) -> int:
    """Count the words below an element that are seen, and struck out."""
    return _count_words(
        run for run in node.iter("{*}r") if is_struck_run(run) and not is_hidden_run(run)
    )


def _count_words(runs: Iterable[Element]) -> int:
    return sum(len((element.text or "").split()) for run in runs for element in run.iter("{*}t"))


def _format_formula(node: Element, name: str) -> str:
    """Write a part of a formula on one line, so that it cannot be read as another number."""
    parts = {key: _join_words(find_child(node, key)) for key in ("num", "den", "e", "sub", "sup")}
    if name == "f":
        return f"{_add_brackets(parts['num'])}/{_add_brackets(parts['den'])}"
    if name == "rad":
        return f"√{_add_brackets(parts['e'])}"
    if name == "d":
        left, right = (find_child(node, "dPr", mark) for mark in ("begChr", "endChr"))
        inner = ", ".join(_join_words(element) for element in node if local_name(element) == "e")
        opening = "(" if left is None else read_attribute(left)
        closing = ")" if right is None else read_attribute(right)
        return f"{opening}{inner}{closing}"
    low = f"_{_add_brackets(parts['sub'])}" if parts["sub"] else ""
    high = f"^{_add_brackets(parts['sup'])}" if parts["sup"] else ""
    if name == "nary":
        return f"{read_attribute(find_child(node, 'naryPr', 'chr')) or '∫'}{low}{high} {parts['e']}"
    return f"{parts['e']}{low}{high}"


def _add_brackets(part: str) -> str:
    return f"({part})" if len(part) > 1 and not part.isalnum() else part


def _join_words(node: Element | None) -> str:
    return "" if node is None else "".join(iterate_words(node))


def describe_picture(picture: Element) -> str:
    """Return a picture's alternative text, if it says anything."""
    return read_alt_text(read_attribute(picture, "descr"))


def _read_formula_line(node: Element) -> str:
    return _join_words(node) + " "


_WORD_READERS = {
    "t": _read_text,
    "sym": _read_sign,
    "checkBox": _read_check_box,
    "ddList": _read_choice,
    "docPr": describe_picture,
    "oMath": _read_formula_line,
}


def find_text_boxes(paragraph: Element) -> Iterator[Element]:
    """Yield the text boxes anchored in a paragraph, each once."""
    for node in paragraph.iter("{*}txbxContent"):
        if not any(local_name(ancestor) == "Fallback" for ancestor in node.iterancestors()):
            yield node


def find_note_references(paragraph: Element) -> Iterator[tuple[str, str]]:
    """Yield the notes that a paragraph refers to, as (kind, id)."""
    for kind in ("footnote", "endnote"):
        for node in paragraph.iter(f"{{*}}{kind}Reference"):
            yield kind, read_attribute(node, "id")
