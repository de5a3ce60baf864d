"""Reduce a question to a form that only rewordings without a meaning of their own share. Pure.

Two questions of one form say the same: every number, name, code, date, unit, negation, comparator
and verb of one stands in the other, at the same place. What is left out is closed: politeness,
articles, marks. What is taken for the same is closed, too: contractions, spellings, a few ways to
ask. A vector tells none of this: "within 30 days" and "within 60 days" are nearer to each other
than two ways to ask for one of them.
"""

import re
import unicodedata
from typing import Final

from indexes.text.folding import strip_invisible
from indexes.text.scripts import HAN
from ragdesk.answering.answer_cache.chinese_question import reduce_chinese
from ragdesk.answering.answer_cache.english_question import reduce_english

QuestionMeaning = tuple[str, ...]
_HAN = re.compile(f"[{HAN}]")
LONGEST_REDUCED: Final = 300  # characters: a longer one tells a story, and is compared as it is
LEAST_PARTS: Final = 2  # of a form: less is no question


def reduce_question(text: str) -> QuestionMeaning | None:
    """Return the form of a question in English or Chinese; None where it has none.

    >>> reduce_question("Hi! Could you please tell me how I can return a gift?")
    ('en', 'how-to', 'return', 'gift')
    >>> reduce_question("how do I return the gift") == reduce_question("How to return a gift?")
    True
    >>> reduce_question("请问如何退货呢？") == reduce_question("怎么退货")
    True
    """
    if len(text) > LONGEST_REDUCED:
        return None
    plain = unicodedata.normalize("NFKC", strip_invisible(text))
    is_chinese = _HAN.search(plain) is not None
    parts = reduce_chinese(plain) if is_chinese else reduce_english(plain)
    return ("zh" if is_chinese else "en", *parts) if len(parts) >= LEAST_PARTS else None
