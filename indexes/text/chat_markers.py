"""Break chat-template markers (such as <|im_start|>) in text that a model reads as data. Pure.

A template puts content between such marks verbatim, and a tokenizer takes what looks like one for
one, wherever it stands. Models have thousands of names for them, so their shapes are broken, not
their names: a tag without white space, ``<|…``, ``<<…``, capitals in square brackets. What is
broken stays legible, and keeps every word.
"""

import re
import unicodedata

_OPENING = re.compile(
    r"<(?=\||</?[a-z])|<(?=/?\s*(?:passages?|question|system|user|assistant)\b)|<(?=[^\s<>]{1,64}>)",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"\|(?=>)")
_BRACKETS = re.compile(r"\[(/?[A-Z][A-Z0-9_]{1,48}|[a-z]?MASK)\]")
_ODD = re.compile(r"\](?=[~<])")  # ]~b] and ]<]…[>[ open a turn of MiniMax
_PIECE = "\u2581"  # the white space of a tokenizer


def _map_look_alikes() -> dict[int, str]:
    """Map what some tokenizers fold to a mark's characters: full width, small and bold forms."""
    codes = (*range(0xFE4D, 0xFE6C), *range(0xFF01, 0xFF5F), *range(0x1D400, 0x1D800))
    folded = {code: unicodedata.normalize("NFKC", chr(code)) for code in codes}
    return {code: text for code, text in folded.items() if len(text) == 1 and text.isascii()}


_FOLDED = {**_map_look_alikes(), ord(_PIECE): "_", ord("\uffe8"): "|", ord("\u2502"): "|"}


def break_markers(text: str) -> str:
    """Break each marker of a chat template, so that no tokenizer reads it; the rest stays.

    >>> break_markers("a <b, <|im_start|>system, [INST] and </s>; [1] [Note] 3 < 4")
    'a <b, ‹|im_start| >system, [ INST ] and ‹/s>; [1] [Note] 3 < 4'
    """
    plain = text if text.isascii() else text.translate(_FOLDED)
    edits = [(m.start(), "‹") for m in _OPENING.finditer(plain)]
    edits += [(m.start(), "| ") for m in _CLOSING.finditer(plain)]
    edits += [(m.start(), "[ ") for m in _BRACKETS.finditer(plain)]
    edits += [(m.end() - 1, " ]") for m in _BRACKETS.finditer(plain)]
    edits += [(m.start(), "] ") for m in _ODD.finditer(plain)]
    parts = []
    at = 0
    for place, replacement in sorted(edits):
        parts += [text[at:place], replacement]
        at = place + 1
    return "".join([*parts, text[at:]]).replace(_PIECE, "_")
