"""Keep where the words of a document lead: addresses are noted apart, and never change its text.

A parser notes a link with the piece of text it stands in: a paragraph, an item, a cell. The
piece is found again in the block that is written of it, whatever blanks, list marks and bars the
writing put in or took out: only the characters between them are compared.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urljoin

from indexes.chunk import LONGEST_HREF, MOST_LINKS, DocumentLink
from indexes.text.folding import strip_invisible

LinkSpan = tuple[int, int, str]
"""Start and end of a link's words in a piece of text, and its address."""

_LONGEST_BEFORE = 200  # characters before a piece that tell it apart
_MOST_TRIED = 16  # pieces that wait for their block, of those that are looked for in each
_MOST_COMPARED = 1 << 27  # characters of blocks, for all the pieces that are looked for in them
_STEP_COST = 500  # characters that are compared in the time of looking at another place
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_EMPTY_SCHEMES = frozenset({"javascript", "data", "about", "blob", "vbscript", "cid"})
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,30}):", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_WORDS = re.compile(r"[^\s|]+")


class _Piece(NamedTuple):
    text: str  # without blanks
    links: list[LinkSpan]  # spans of that text
    after: str
    may_be_missing: bool


def read_address(address: str, base: str = "") -> str | None:
    """Return an address as it is kept; "" for one that leads nowhere, None for one that is lost.

    base: the address that relative ones are relative to, where the document names one.

    >>> read_address(" https://a.example/form "), read_address("../form.md"), read_address("#top")
    ('https://a.example/form', '../form.md', '')
    >>> read_address("javascript:open()"), read_address("ftp://a.example/x")
    ('', None)
    """
    href = strip_invisible(address[: 2 * LONGEST_HREF]).strip()
    # Blanks and line ends in an address are typing errors, and a way to write "java\tscript:".
    href = _CONTROLS.sub(lambda gap: "%20" if gap[0] == " " else "", href)
    if not href or href.startswith("#"):
        return ""
    if href.startswith("//"):
        href = f"https:{href}"
    scheme = _SCHEME.match(href)
    if scheme is None and base:
        try:
            href = urljoin(base, href)
        except ValueError:
            return None
        scheme = _SCHEME.match(href)
    kind = scheme[1].lower() if scheme else ""
    if kind in _EMPTY_SCHEMES or (kind and len(href) <= len(kind) + 1):
        return ""
    return href if len(href) <= LONGEST_HREF and (not kind or kind in _SCHEMES) else None


class LinkPlacer:
    """Finds the words of links in the blocks of a document, in the order of both.

    base: the address that relative ones are relative to, where the document names one.
    lost: links that were left out, which a person should know of.
    """

    def __init__(self) -> None:
        self.base = ""
        self.lost = 0
        self._links: list[DocumentLink] = []
        self._pieces: list[_Piece] = []
        self._count = 0  # links that were noted
        self._compared = 0

    def note(
        self,
        text: str,
        spans: Iterable[LinkSpan],
        *,
        after: str = "",
        may_be_missing: bool = False,
    ) -> None:
        """Note the links of a piece of text that is written next, their spans in order.

        after: words before the piece, as of the cell before: they tell equal cells apart.
        may_be_missing: the piece may not be written; then its links are not lost.
        """
        links: list[LinkSpan] = []
        parts: list[str] = []
        at = size = 0
        squeeze = _squeeze_words if strip_invisible(text) == text else _squeeze
        for start, end, address in spans:
            href = read_address(address, self.base)
            if href == "" or not at <= start < end:
                continue
            if href is None or self._count >= MOST_LINKS:
                self.lost += 1
                continue
            before, words = squeeze(text[at:start]), squeeze(text[start:end])
            at = end
            parts += [before, words]
            first = size + len(before)
            size = first + len(words)
            if words:
                self._count += 1
                links.append((first, size, href))
        if links:
            whole = "".join([*parts, squeeze(text[at:])])
            self._pieces.append(
                _Piece(whole, links, _squeeze(after[-_LONGEST_BEFORE:]), may_be_missing)
            )

    def place(self, block: str, start: int) -> None:
        """Find the noted pieces in a block that begins at ``start`` of the document."""
        if not self._pieces or self._compared > _MOST_COMPARED:
            return
        squeezed = _squeeze_words(block)
        waiting: list[_Piece] = []
        placed: list[LinkSpan] = []
        link_places: list[tuple[int, int]] = []
        at = placed_pieces = 0
        for piece in self._pieces:
            here = self._find_piece(squeezed, piece, at, link_places)
            if here >= 0:
                placed += [(here + a, here + b, href) for a, b, href in piece.links]
                at = here + len(piece.text)
                placed_pieces += 1
                for first, last, _ in piece.links:
                    insort(link_places, (here + first, here + last))
                continue
            waiting.append(piece)
            if placed or len(waiting) >= _MOST_TRIED:
                break
        self._pieces[: placed_pieces + len(waiting)] = waiting
        self._add_links(block, start, sorted(placed))

    def list_links(self) -> tuple[DocumentLink, ...]:
        """Return the links that were placed, in order; those that were not are lost."""
        self.lost += sum(len(piece.links) for piece in self._pieces if not piece.may_be_missing)
        self._pieces.clear()
        return tuple(self._links)

    def _find_piece(
        self, squeezed: str, piece: _Piece, at: int, link_places: list[tuple[int, int]]
    ) -> int:
        """Find a piece after the last one; else before it, as columns may change places.

        link_places: where other links of this block stand, in order; no two stand in one place.
        """
        self._compared += len(squeezed)
        before = squeezed.find(piece.after, at) if piece.after else -1
        starts = [before + len(piece.after)] if before >= 0 else []
        for start in dict.fromkeys([*starts, at, 0]):
            here = squeezed.find(piece.text, start)
            while here >= 0 and (free := _find_free(link_places, here, piece.links)):
                self._compared += _STEP_COST
                here = squeezed.find(piece.text, free)
            if here >= 0:
                return here
        return -1

    def _add_links(self, block: str, start: int, placed: list[LinkSpan]) -> None:
        """Turn places in the squeezed block into spans of the document."""
        if not placed:
            return
        squeezed_starts: list[int] = []
        starts: list[int] = []
        size = 0
        for run in _WORDS.finditer(block):
            squeezed_starts.append(size)
            starts.append(run.start())
            size += run.end() - run.start()
            if size >= placed[-1][1]:
                break

        def find_place(at: int) -> int:
            run = bisect_right(squeezed_starts, at) - 1
            return start + starts[run] + at - squeezed_starts[run]

        last = self._links[-1].end if self._links else 0
        for first, end, href in placed:
            link = DocumentLink(find_place(first), find_place(end - 1) + 1, href)
            if link.start < last:
                self.lost += 1
                continue
            self._links.append(link)
            last = link.end


def _find_end(link_places: list[tuple[int, int]], start: int, end: int) -> int:
    """Return the end of the last taken span that reaches into another span; 0 where none does."""
    last = bisect_left(link_places, (end, 0)) - 1
    return link_places[last][1] if last >= 0 and link_places[last][1] > start else 0


def _find_free(link_places: list[tuple[int, int]], here: int, links: list[LinkSpan]) -> int:
    """Return from where on a piece may stand that would lay a link over another; 0 if it may here.

    Two links of one line stand in one place; two equal lines do not.
    """
    for first, last, _ in links:
        if end := _find_end(link_places, here + first, here + last):
            return max(here + 1, end - first)
    return 0


def _squeeze(text: str) -> str:
    return _squeeze_words(strip_invisible(text))


def _squeeze_words(text: str) -> str:
    """Remove blanks and bars from a text without invisible characters."""
    return "".join(text.split()).replace("|", "")
