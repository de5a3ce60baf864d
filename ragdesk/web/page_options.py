"""What an operator chooses of the chat page: `[page]`."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ragdesk.errors import SettingsError

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_LIGHT_PAPER, _DARK_PAPER = "#fbfaf8", "#171715"  # what the page is drawn on, in style.css
_LEAST_CONTRAST: Final = 4.5  # of words, by WCAG 2.2
_LARGEST_LOGO: Final = 100 << 10  # bytes
_SVG_START: Final = 1_000  # bytes in which a drawing says that it is one
_LONGEST_NAME, _LONGEST_GREETING, _MOST_SUGGESTIONS, _LONGEST_SUGGESTION = 40, 120, 8, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """How the chat page looks, and what it offers to ask. Everybody who reaches it can read this.

    name: of the desk, at the top of the page and in the browser's tab.
    greeting: the line above the first question, in place of "What would you like to know?".
    logo: path of a PNG, JPEG, WebP or SVG file of 100 KB at most, shown beside the name.
    accent: colour of buttons and marks on light paper, such as ``#0f6b5c``; dark enough to be read.
    accent_dark: the same on dark paper; light enough to be read.
    suggestions: questions offered to begin with. Empty: some of the collection's FAQ.
    """

    name: str = "ragdesk"
    greeting: str = ""
    logo: str = ""
    accent: str = ""
    accent_dark: str = ""
    suggestions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > _LONGEST_NAME:
            raise ValueError(f"name must have 1 to {_LONGEST_NAME} characters")
        if len(self.greeting) > _LONGEST_GREETING:
            raise ValueError(f"greeting must have at most {_LONGEST_GREETING} characters")
        longest = max(map(len, self.suggestions), default=0)
        if len(self.suggestions) > _MOST_SUGGESTIONS or longest > _LONGEST_SUGGESTION:
            raise ValueError(
                f"suggestions must be at most {_MOST_SUGGESTIONS}, of {_LONGEST_SUGGESTION} "
                "characters each"
            )
        _check_colour("accent", self.accent, _LIGHT_PAPER)
        _check_colour("accent_dark", self.accent_dark, _DARK_PAPER)


@dataclass(frozen=True, slots=True)
class PageLook:
    """The options of the page, and the bytes and media type of its logo, if it has one."""

    options: PageOptions
    logo: tuple[bytes, str] | None = None

    @classmethod
    def from_options(cls, options: PageOptions) -> Self:
        """Read the logo that the options name. Raises SettingsError."""
        return cls(options, _read_logo(Path(options.logo)) if options.logo else None)


def _read_logo(file: Path) -> tuple[bytes, str]:
    try:
        with file.open("rb") as stream:
            body = stream.read(_LARGEST_LOGO + 1)
    except OSError as error:
        raise SettingsError(f"page.logo: {file} cannot be read: {error.strerror}.") from error
    if len(body) > _LARGEST_LOGO:
        raise SettingsError(f"page.logo: {file} is larger than {_LARGEST_LOGO >> 10} KB.")
    media_type = _find_image_type(body)
    if media_type is None:
        raise SettingsError(f"page.logo: {file} is no PNG, JPEG, WebP or SVG file.")
    return body, media_type


def _find_image_type(body: bytes) -> str | None:
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if b"<svg" in body[:_SVG_START] else None


def _check_colour(name: str, colour: str, paper: str) -> None:
    """Refuse what is no colour, or cannot be read on its paper. Raises ValueError."""
    if not colour:
        return
    if not _COLOUR.fullmatch(colour):
        raise ValueError(f"{name} must be a colour such as #0f6b5c")
    contrast = measure_contrast(colour, paper)
    if contrast < _LEAST_CONTRAST:
        raise ValueError(
            f"{name} cannot be read on {paper}: its contrast is {contrast:.1f}, and must be "
            f"{_LEAST_CONTRAST} or more"
        )


def measure_contrast(colour: str, other: str) -> float:
    """Return the contrast of two colours (#rrggbb) as WCAG 2.2 defines it, from 1 to 21.

    >>> [round(measure_contrast("#ffffff", grey), 2) for grey in ("#000000", "#777777")]
    [21.0, 4.48]
    """
    darker, lighter = sorted(map(_measure_luminance, (colour, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _measure_luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004, sRGB
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
