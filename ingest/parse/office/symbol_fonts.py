"""Read characters of symbol fonts, which office documents store as numbers of their own."""

import re

_OWN_NUMBERS = re.compile("[\uf020-\uf0ff]")
_GREEK = dict(
    zip(
        map(ord, "ABCDEFGHIKLMNOPQRSTUWXYZabcdefghiklmnopqrstuwxyz"),
        "ΑΒΧΔΕΦΓΗΙΚΛΜΝΟΠΘΡΣΤΥΩΞΨΖαβχδεφγηικλμνοπθρστυωξψζ",
        strict=True,
    )
)
_SIGNS = {
    0x2D: "−", 0x5E: "⊥", 0xA2: "′", 0xA3: "≤", 0xA5: "∞", 0xAB: "↔", 0xAC: "←", 0xAD: "↑",
    0xAE: "→", 0xAF: "↓", 0xB0: "°", 0xB1: "±", 0xB2: "″", 0xB3: "≥", 0xB4: "×", 0xB7: "•",
    0xB8: "÷", 0xB9: "≠", 0xBA: "≡", 0xBB: "≈", 0xBC: "…", 0xD6: "√", 0xE5: "∑",
}  # fmt: skip
_BOXES = {
    0x6F: "☐", 0x71: "☐", 0x78: "☒", 0xA8: "☐", 0xD5: "←", 0xDF: "←", 0xE0: "→", 0xE8: "→",
    0xF0: "⇨", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
}  # fmt: skip
_MORE_BOXES = {
    0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐",
}  # fmt: skip
_FONTS = {"symbol": _GREEK | _SIGNS, "wingdings": _BOXES, "wingdings 2": _MORE_BOXES}


def read_symbol(font: str, code: int) -> str:
    """Return what a font shows for a number; "" where it is not known.

    >>> read_symbol("Wingdings", 0xF0FE), read_symbol("Symbol", 0xF0B3)
    ('☑', '≥')
    >>> read_symbol("Arial", 0x2612)
    '☒'
    """
    known = _FONTS.get(font.strip().lower())
    if known is not None:
        return known.get(code & 0xFF, "")
    is_character = 0x20 <= code < 0xD800 or 0xF900 <= code < 0x110000  # noqa: PLR2004
    return chr(code) if is_character else ""


def has_symbols(text: str) -> bool:
    """Tell whether a text has characters that mean something in a symbol font only."""
    return not text.isascii() and _OWN_NUMBERS.search(text) is not None


def read_symbols(font: str, text: str) -> str:
    """Replace the numbers of a symbol font in a text; those that are not known stay."""
    return _OWN_NUMBERS.sub(lambda match: read_symbol(font, ord(match[0])) or match[0], text)
