"""How an item of a list begins: with a sign, a number, a letter or a Chinese numeral. Pure.

The start of an item is the same when a document is split and when a list is quoted. Patterns that
differ on purpose (they end sentences, take a number off, or decide stored text) say why where
they stand.
"""

import re

ITEM_START = r"\s*(?:[-*+•·–]\s|[(（]?(?:\d{1,3}|[a-zA-Z]|[一二三四五六七八九十]{1,3})[.)）、])"
_ITEM_START = re.compile(ITEM_START)


def starts_list_item(text: str, start: int = 0, end: int | None = None) -> bool:
    """Tell whether a span of a text begins as an item of a list does.

    >>> starts_list_item("- Bring the receipt"), starts_list_item("（二）退款")
    (True, True)
    >>> starts_list_item("Bring the receipt")
    False
    """
    return _ITEM_START.match(text, start, len(text) if end is None else end) is not None
