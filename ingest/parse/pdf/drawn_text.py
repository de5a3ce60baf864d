"""Tidy the characters that a PDF draws: shaped letters, accents, dot leaders, symbols."""

import re
import unicodedata

from ingest.parse.text_cleaning import clean_text

# Characters that are read as they are drawn; a page of only these needs no tidying.
NEEDS_TIDYING = re.compile("[^\\t\\n\\r -~¡-§©-¬®-³µ-ÿŒœŠšŽž‐-―‘-„†-•…™€\ufffe\0]")


# Ligatures and the shaped forms of Arabic letters: what was drawn, not what was written.
_SHAPED = re.compile("[\ufb00-\ufb4f\ufb50-\ufdfb\ufe70-\ufefc]+")


# TeX draws an accent, then its letter.
_COMBINING = {"\u00a8": "\u0308", "\u00b4": "\u0301", "\u02c6": "\u0302", "\u02dc": "\u0303"}
_ACCENT = re.compile("([\u00a8\u00b4\u02c6\u02dc]) ?([A-Za-z\u0131])")
_DOT_LEADER = re.compile(r"(?:\s?[.·…․‥]){5,}\s?|_{4,}")
_WIDE_SIGN = "[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60]"
_CJK_MARK = "[\u3001-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff20]"  # has its own white space
_APART = re.compile(f"(?<={_CJK_MARK}) (?={_WIDE_SIGN})|(?<={_WIDE_SIGN}) (?={_CJK_MARK})")
_SPREAD = re.compile(f"(?<={_WIDE_SIGN}) (?={_WIDE_SIGN})")
_WIDE_PAIR = re.compile(f"{_WIDE_SIGN}(?= ?{_WIDE_SIGN})")


# The bullets of Symbol and Wingdings, and pdfium's mark for a hyphen at the end of a line.
_SYMBOLS = str.maketrans(
    {"\uf0b7": "•", "\uf0a7": "▪", "\uf0d8": "➢", "\uf0fc": "✓", "\uf02d": "-", "\ufffe": "-"}
)


def tidy_text(text: str) -> str:
    r"""Write drawn text as it is read: ligatures and leaders undone, one space between words.

    >>> tidy_text("e\ufb03cient  na\u00a8\u0131ve"), tidy_text("关 于 红 军")
    ('efficient naïve', '关于红军')
    >>> tidy_text("Refunds ........ 4")
    'Refunds … 4'
    """
    text = tidy_ordinary_text(text)
    if text.isascii() and text.isprintable():
        return text
    text = _SHAPED.sub(_normalise_shaped, clean_text(text.translate(_SYMBOLS)))
    text = _APART.sub("", _ACCENT.sub(_compose_accent, text))
    if len(_SPREAD.findall(text)) * 2 > len(_WIDE_PAIR.findall(text)):
        text = _SPREAD.sub("", text)
    return text


def tidy_ordinary_text(text: str) -> str:
    """Write text of ordinary letters as it is read: leaders undone, one space between words.

    >>> tidy_ordinary_text("Refunds ........ 4")
    'Refunds … 4'
    """
    text = " ".join(text.replace("\0", "").replace("\ufffe", "-").split())
    if "..." in text or ". ." in text or "__" in text or "……" in text or "··" in text:
        return _DOT_LEADER.sub(_shorten_leader, text).strip()
    return text


def _normalise_shaped(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0])


def _compose_accent(match: re.Match[str]) -> str:
    letter = "i" if match[2] == "\u0131" else match[2]
    return unicodedata.normalize("NFC", letter + _COMBINING[match[1]])


def _shorten_leader(match: re.Match[str]) -> str:
    return "____" if match[0][0] == "_" else " … "
