"""Complete a sentence to be read alone: a list with its lead-in, a row with its header.

Pure: texts and spans in, spans out. Sentences are those of ``indexes.text.sentences``, in which a
list item and a table row are sentences of their own.
"""

import re
from collections.abc import Sequence

from indexes.chunk import Chunk
from indexes.text.list_items import starts_list_item
from indexes.text.sentences import Span

QUOTED_ITEMS = 8  # of a list are said at once; a longer one is answered by the item that fits
QUOTED_LIST_LENGTH = 700  # of a list that is said whole

_STEP_ITEM = re.compile(r"\s*第[一二三四五六七八九十\d]+步")
_LEAD_IN = re.compile(r"(?<!\W)(?>\W*?[:：])\W*+$")
_QUESTION_END = re.compile(r"[?？][\s\"'”’」』)）*_]*$")
_LEANING_START = re.compile(
    r"\W*(?:(?:he|she|it|they|this|these|that|those|his|her|its|their|such|both|then|also|however"
    r"|otherwise|the (?:latter|former|same))\b|[他她它其此该这那]|后者|前者|两者|否则|同时|然后)",
    re.IGNORECASE,
)


def leans_on_previous(sentence: str) -> bool:
    """Tell whether a sentence refers to the one before it: "It …", "该 …".

    >>> leans_on_previous("It costs 5 €."), leans_on_previous("Shipping costs 5 €.")
    (True, False)
    """
    return bool(_LEANING_START.match(sentence))


def is_list_item(sentence: str) -> bool:
    """Tell whether a sentence is an item of a list."""
    return starts_list_item(sentence) or bool(_STEP_ITEM.match(sentence))


def is_question_sentence(sentence: str) -> bool:
    """Tell whether a sentence is a question: alone it answers nothing.

    >>> is_question_sentence("Q: Can I pay by card?"), is_question_sentence("可以刷卡吗？”")
    (True, True)
    >>> is_question_sentence("Yes.")
    False
    """
    return bool(_QUESTION_END.search(sentence[-10:]))


def find_list(texts: Sequence[str], position: int) -> tuple[int | None, range]:
    """Find the list a sentence belongs to: its lead-in, if there is one, and its items.

    An empty range means that the sentence stands in no list.

    >>> find_list(["Bring:", "- a", "- b", "Then go."], 0)
    (0, range(1, 3))
    """
    first = position if is_list_item(texts[position]) else position + 1
    if first == position + 1 and not _LEAD_IN.search(texts[position]):
        return None, range(0)
    while first > 0 and is_list_item(texts[first - 1]):
        first -= 1
    last = first
    while last < len(texts) and is_list_item(texts[last]):
        last += 1
    lead = first - 1 if first > 0 and _LEAD_IN.search(texts[first - 1]) else None
    return lead, range(first, last)


def quote_spans(text: str, spans: Sequence[Span], position: int, *, whole: bool) -> list[Span]:
    r"""Return the spans to quote for a sentence: itself, and its list's lead-in and items.

    A lead-in brings its list along; an item brings its lead-in, and the whole list where several
    things are asked for (``whole``). A long list is not said whole: the item must do. A question
    brings the sentence that answers it.

    >>> text = "Bring: \n- a\n- b"
    >>> quote_spans(text, [(0, 6), (8, 11), (12, 15)], 0, whole=False)
    [(0, 6), (8, 15)]
    """
    texts = [text[a:b] for a, b in spans]
    lead, items = find_list(texts, position)
    if (
        is_question_sentence(texts[position])
        and position + 1 < len(spans)
        and position + 1 not in items
    ):
        return [(spans[position][0], spans[position + 1][1])]
    if not items:
        return [spans[position]]
    block = (spans[items[0]][0], spans[items[-1]][1])
    short = len(items) <= QUOTED_ITEMS and block[1] - block[0] <= QUOTED_LIST_LENGTH
    if position in items and not (whole and short):
        block = spans[position]
    elif not short:
        return [spans[position]]
    return [block] if lead is None else [spans[lead], block]


def find_table_header(chunk: Chunk, text: str, row: Span) -> Span | None:
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
