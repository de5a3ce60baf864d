"""Clean the text of a document: wrapped lines, blanks, table rows, texts in place of pictures."""

import re
from collections.abc import Sequence

from indexes.text.folding import strip_invisible

_BLANK_RUN = re.compile(r"[^\S\n]+")
_LINE_ENDS = re.compile(r" ?\n[ \n]*")


# No space belongs where a line was wrapped between two of these: Han, kana, their punctuation.
_WIDE_RANGES = (
    "\u2e80-\u30ff\u3100-\u312f\u31a0-\u31bf\u3400-\u9fff\uf900-\ufaff\ufe30-\ufe4f"
    "\uff01-\uff60\U00020000-\U000323af"
)
_WRAPPED = re.compile(rf"(?<=[{_WIDE_RANGES}])[^\S\n]*\n\s*(?=[{_WIDE_RANGES}])")
_SILENT = re.compile(
    r"\S+\.(?:png|jpe?g|gif|svg|webp|bmp|emf|wmf)|(?:image|img|picture|screenshot|photo|图片)?[\s_-]*\d*",
    re.IGNORECASE,
)
_EXPORT_ID = re.compile(r"(?<=\S)[ _-][0-9a-f]{32}(?:_all)?$")
_GUESSED = re.compile(r"automatically generated|AI-generated|自动生成", re.IGNORECASE)


def join_wrapped_lines(text: str) -> str:
    r"""Join wrapped lines: with a space, and with nothing between Chinese or Japanese characters.

    >>> join_wrapped_lines("two\n words"), join_wrapped_lines("退款\n政策")
    ('two words', '退款政策')
    >>> join_wrapped_lines("用 TiDB\n集群")
    '用 TiDB 集群'
    """
    if "\n" in text:
        text = _WRAPPED.sub("", text)
    return " ".join(text.split())


def clean_text(text: str) -> str:
    r"""Drop what cannot be seen, fold runs of white space; line ends stay, blank lines go.

    >>> clean_text(" a\u200b \t b \r\n\n  c ")
    'a b\nc'
    """
    text = _BLANK_RUN.sub(" ", strip_invisible(text).replace("\r\n", "\n").replace("\r", "\n"))
    return _LINE_ENDS.sub("\n", text).strip() if "\n" in text else text.strip()


def drop_export_id(name: str) -> str:
    """Drop the id that Notion's export puts behind the name of each page.

    >>> drop_export_id("Onboarding 0f1e2d3c000044448888abcdefabcdef")
    'Onboarding'
    """
    return _EXPORT_ID.sub("", name)


def format_row(cells: Sequence[str]) -> str:
    """Write a table row on one line; empty cells at its end are left out.

    >>> format_row(["Plan", "", "Price ", ""])
    'Plan | | Price'
    """
    texts = [join_wrapped_lines(clean_text(cell)) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return " | ".join(texts).replace("  ", " ").lstrip(" ")


def read_alt_text(alt_text: str) -> str:
    """Return an image's alternative text; "" where it is a file name or was generated.

    >>> read_alt_text("Receipt with the order number")
    'Receipt with the order number'
    >>> read_alt_text("IMG_0123.png"), read_alt_text("screenshot 2")
    ('', '')
    """
    text = alt_text.strip()
    return "" if _SILENT.fullmatch(text) or _GUESSED.search(text) else text
