"""Give a sentence what it needs to be read alone: a list its lead-in, a row its table's header.

Pure: texts and spans in, spans out. Sentences are those of ``indexes.text.sentences``, in which
a list item and a table row are sentences of their own.
"""

import re
from collections.abc import Sequence

from indexes.chunk import Chunk, Span
from indexes.text import normalise

ITEMS = 8  # of a list are said at once; a longer one is answered by the item that fits
CHARACTERS = 700  # of a list that is said whole

_ITEM = re.compile(
    r"\s*(?:[-*+•·–]\s|[(（]?(?:\d{1,3}|[a-zA-Z]|[一二三四五六七八九十]{1,3})[.)）、]|第[一二三四五六七八九十\d]+步)"
)
_PROMISE = re.compile(r"(?<!\W)(?>\W*?[:：])\W*+$")
_ASKS = re.compile(r"[?？][\s\"'”’」』)）*_]*$")
_SERIES_ASKED = re.compile(
    r"\bhow (?:do|can|should|to)\b|\bsteps?\b|\blist\b|\bwhat are\b|\bwhich (?:\w+ )?\w+s\b"
    r"|怎[么样]|如何|步骤|哪些|流程|方法|清单"
)
_POINTS_BACK = re.compile(
    r"\W*(?:(?:he|she|it|they|this|these|that|those|his|her|its|their|such|both|then|also|however"
    r"|otherwise|the (?:latter|former|same))\b|[他她它其此该这那]|后者|前者|两者|否则|同时|然后)",
    re.IGNORECASE,
)


def wants_series(question: str) -> bool:
    """Tell whether a question asks for several things or steps, which a list may hold.

    >>> wants_series("How do I reset it?"), wants_series("多少钱？")
    (True, False)
    """
    return bool(_SERIES_ASKED.search(normalise(question)))


def points_back(sentence: str) -> bool:
    """Tell whether a sentence leans on the one before it: "It …", "该 …".

    >>> points_back("It costs 5 €."), points_back("Shipping costs 5 €.")
    (True, False)
    """
    return bool(_POINTS_BACK.match(sentence))


def is_item(sentence: str) -> bool:
    """Tell whether a sentence is an item of a list."""
    return bool(_ITEM.match(sentence))


def asks(sentence: str) -> bool:
    """Tell whether a sentence is a question: alone it answers nothing.

    >>> asks("Q: Can I pay by card?"), asks("可以刷卡吗？”"), asks("Yes.")
    (True, True, False)
    """
    return bool(_ASKS.search(sentence[-10:]))


def series(texts: Sequence[str], at: int) -> tuple[int | None, range]:
    """Find the list a sentence belongs to: its lead-in, if there is one, and its items.

    An empty range means that the sentence stands in no list.

    >>> series(["Bring:", "- a", "- b", "Then go."], 0)
    (0, range(1, 3))
    """
    first = at if is_item(texts[at]) else at + 1
    if first == at + 1 and not _PROMISE.search(texts[at]):
        return None, range(0)
    while first > 0 and is_item(texts[first - 1]):
        first -= 1
    last = first
    while last < len(texts) and is_item(texts[last]):
        last += 1
    lead = first - 1 if first > 0 and _PROMISE.search(texts[first - 1]) else None
    return lead, range(first, last)


def unit(text: str, spans: Sequence[Span], at: int, *, whole: bool) -> list[Span]:
    r"""Give the spans a sentence is said with, in order: itself, and a list's lead-in and items.

    A lead-in brings its list along; an item brings its lead-in, and the whole list where several
    things are asked for (``whole``). A long list is not said whole: the item must do. A question
    brings the sentence that answers it.

    >>> text = "Bring: \n- a\n- b"
    >>> unit(text, [(0, 6), (8, 11), (12, 15)], 0, whole=False)
    [(0, 6), (8, 15)]
    """
    texts = [text[a:b] for a, b in spans]
    lead, items = series(texts, at)
    if asks(texts[at]) and at + 1 < len(spans) and at + 1 not in items:
        return [(spans[at][0], spans[at + 1][1])]
    if not items:
        return [spans[at]]
    block = (spans[items[0]][0], spans[items[-1]][1])
    short = len(items) <= ITEMS and block[1] - block[0] <= CHARACTERS
    if at in items and not (whole and short):
        block = spans[at]
    elif not short:
        return [spans[at]]
    return [block] if lead is None else [spans[lead], block]


def header(chunk: Chunk, text: str, row: Span) -> Span | None:
    """Find the header of a table row in the document's text: the nearest place above it.

    text: of the whole document. row: offsets into it. None where the header is not in the text
    as the lead has it, or is the row itself.
    """
    _, _, below = chunk.lead.partition("\n")
    words = below.strip()
    if chunk.kind != "table" or not words:
        return None
    at = text.rfind(words, chunk.section[0] if chunk.section else 0, row[0])
    return None if at < 0 else (at, at + len(words))
