"""Detect questions with answers: a question heading and its short section are an FAQ entry."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from ingest.document import Block

# Longer sections are chapters with a question for a title, not entries of a FAQ.
MOST_WORDS = 180

_QUESTION_MARK = re.compile(
    r"(?:Q|Question|FAQ|问|問|问题|提问)\s*+\d*+\s*+[:：.、]", re.IGNORECASE
)
_QUESTION_WORDS = re.compile(
    r"(?:who|what|where|when|why|how|which|whose|can|could|do|does|did|is|are|am|may|should|will|would"
    r"|has|have)\b|.*(?:吗|呢|么|什么|怎么|怎样|如何|为何|哪|几|多少|多久|多长)",
    re.IGNORECASE,
)
# Narrower than the HAN of indexes.text: it decides what is stored, and changes with the parsers.
_READER_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
_ANSWER_KINDS = frozenset({"paragraph", "list", "code"})


def is_question(text: str) -> bool:
    """Tell whether a line asks: it ends with a question mark or is marked as a question.

    >>> is_question("Can I return it? "), is_question("问：多久发货"), is_question("How to pay")
    (True, True, False)
    """
    return text.rstrip(" *”\"'）)").endswith(("?", "？")) or bool(_QUESTION_MARK.match(text))


def could_be_question(text: str) -> bool:
    """Tell whether a line could be a question, at a place where questions stand.

    >>> could_be_question("How to pay"), could_be_question("运费怎么算")
    (True, True)
    >>> could_be_question("Show the code")
    False
    """
    return is_question(text) or bool(_QUESTION_WORDS.match(text))


def count_words(text: str) -> int:
    """Count words as a reader would: two Han characters make about one.

    >>> count_words("退款政策 of 2024")
    4
    """
    matches = _READER_WORD.findall(text)
    han_count = sum(1 for word in matches if "\u3400" <= word <= "\u9fff")
    return len(matches) - han_count + (han_count + 1) // 2


def merge_faq_blocks(
    blocks: Sequence[Block], question_headings: Collection[int], text: str
) -> Iterator[Block]:
    """Merge question headings and their short, flat sections into FAQ blocks.

    question_headings: indexes of headings that ask. The text is left as it is; only spans are
    joined.
    """
    at = 0
    while at < len(blocks):
        block = blocks[at]
        end = _find_section_end(blocks, at, text) if at in question_headings else at
        if end > at:
            last = blocks[end].end
            yield replace(block, kind="faq", end=last, question=(block.start, block.end))
        else:
            yield block
        at = end + 1


def _find_section_end(blocks: Sequence[Block], at: int, text: str) -> int:
    """Find the last block of a heading's section; ``at`` itself when it makes no entry."""
    heading = blocks[at]
    path = (*heading.path, text[heading.start : heading.end])
    last = at
    while last + 1 < len(blocks) and blocks[last + 1].path[: len(path)] == path:
        last += 1
        block = blocks[last]
        long = block.end - heading.end > 12 * MOST_WORDS
        if (
            block.path != path
            or block.kind not in _ANSWER_KINDS
            or block.page != heading.page
            or long
        ):
            return at
    return last if count_words(text[heading.end : blocks[last].end]) <= MOST_WORDS else at
