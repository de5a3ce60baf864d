"""The words of an office document's paragraph: what a reader of the printed page sees."""

from collections.abc import Iterator

from ingest.parse.compose import spoken
from ingest.parse.ooxml import Element, child, on, value
from ingest.parse.zipped import local

# Deleted and moved text, field codes, comments, readings above characters, and the old form of
# a drawing that stands beside the new one.
_UNSEEN_NAMES = (
    "del delText delInstrText moveFrom instrText pPr rPr sdtPr Fallback rt comment annotationRef"
    " footnoteRef endnoteRef txbxContent txBody naryPr dPr fPr radPr deg"
)
_UNSEEN = frozenset(_UNSEEN_NAMES.split())
TINY = 4  # half points
WHITE = {"FFFFFF", "FEFEFE", "FDFDFD"}
_SPACES = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "sym": ""}
_FORMULAS = frozenset({"f", "rad", "d", "nary", "sSup", "sSub", "sSubSup"})


def text(paragraph: Element) -> str:
    """Give a paragraph's words; line breaks in it are kept."""
    return "".join(_pieces(paragraph))


def _pieces(node: Element) -> Iterator[str]:
    for one in node:
        name = local(one)
        if name == "t":
            yield one.text or ""
        elif name in _SPACES:
            yield _SPACES[name]
        elif name == "r":
            if not is_hidden(one):
                yield from _pieces(one)
        elif name == "docPr":
            yield description(one)
        elif name in _FORMULAS:
            yield _formula(one, name)
        elif name == "oMath":
            yield "".join(_pieces(one)) + " "
        elif name not in _UNSEEN:
            yield from _pieces(one)


def is_hidden(run: Element) -> bool:
    """Tell whether a run of a Word document is seen by no reader: hidden, tiny, white on paper.

    What is shaded, highlighted or stands in a table, a text box or a drawing may lie on a dark
    fill: there white is seen.
    """
    own = child(run, "rPr")
    if own is None:
        return False
    size = value(child(own, "sz"))
    if on(child(own, "vanish")) or (size.isdecimal() and len(size) < 4 and int(size) <= TINY):  # noqa: PLR2004
        return True
    if value(child(own, "color")).upper() not in WHITE:
        return False
    paragraph = next(run.iterancestors("{*}p"), None)
    shaded = [child(own, "shd"), child(own, "highlight"), child(paragraph, "pPr", "shd")]
    boxed = next(run.iterancestors("{*}tc", "{*}txbxContent", "{*}drawing", "{*}pict"), None)
    styled = child(own, "rStyle") is not None or child(paragraph, "pPr", "pStyle") is not None
    return boxed is None and not styled and not any(one is not None for one in shaded)


def hidden(paragraph: Element) -> int:
    """Count the words of a paragraph that no reader sees."""
    runs = (run for run in paragraph.iter("{*}r") if is_hidden(run))
    return sum(len((one.text or "").split()) for run in runs for one in run.iter("{*}t"))


def _formula(node: Element, name: str) -> str:
    """Write a part of a formula on one line, so that it cannot be read as another number."""
    parts = {key: _whole(child(node, key)) for key in ("num", "den", "e", "sub", "sup")}
    if name == "f":
        return f"{_held(parts['num'])}/{_held(parts['den'])}"
    if name == "rad":
        return f"√{_held(parts['e'])}"
    if name == "d":
        left, right = (child(node, "dPr", mark) for mark in ("begChr", "endChr"))
        inner = ", ".join(_whole(one) for one in node if local(one) == "e")
        return (
            f"{'(' if left is None else value(left)}{inner}{')' if right is None else value(right)}"
        )
    low = f"_{_held(parts['sub'])}" if parts["sub"] else ""
    high = f"^{_held(parts['sup'])}" if parts["sup"] else ""
    if name == "nary":
        return f"{value(child(node, 'naryPr', 'chr')) or '∫'}{low}{high} {parts['e']}"
    return f"{parts['e']}{low}{high}"


def _held(part: str) -> str:
    return f"({part})" if len(part) > 1 and not part.isalnum() else part


def _whole(node: Element | None) -> str:
    return "" if node is None else "".join(_pieces(node))


def description(picture: Element) -> str:
    """Give a picture's alternative text, if it says anything."""
    return spoken(value(picture, "descr"))


def boxes(paragraph: Element) -> Iterator[Element]:
    """Give the text boxes anchored in a paragraph, each once."""
    for node in paragraph.iter("{*}txbxContent"):
        if not any(local(one) == "Fallback" for one in node.iterancestors()):
            yield node


def notes(paragraph: Element) -> Iterator[tuple[str, str]]:
    """Give the notes that a paragraph refers to, as (kind, id)."""
    for kind in ("footnote", "endnote"):
        for node in paragraph.iter(f"{{*}}{kind}Reference"):
            yield kind, value(node, "id")
