"""Split a text into sentences: where each starts and ends. Pure.

An answer quotes whole sentences, so an end that is wrong is seen by the reader. Lines come
first: a list item, a table row or a heading ends at its line, a wrapped line of prose does not.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]
LONG_SENTENCE = 240  # columns (a Han character counts two) from which a semicolon ends a sentence
ROW_COLUMNS = 400  # columns up to which a table row stays one piece
WRAPPED_COLUMNS = 50  # columns that a line of wrapped prose has at least
EVEN_SHARE = 0.85  # of the widest line: wrapped lines are about as wide, list items are not

# Characters that are looked back at; a hostile line must not be scanned over and over.
TAIL_CHARACTERS = 40

_WIDE = re.compile(
    "[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]"
)
_LINE = re.compile(r"[^\n\r\v\f\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x85\u2028\u2029]|$)")
# Wider than an item of a list: headings, rows, boxes and labels begin a line of their own too.
_MARKER = re.compile(
    r"\s*(?:[-*+•·▪◦●○■□–—>|]\s|\||#{1,6}\s|```|~~~|\[[ xX]\]"
    r"|[(（]?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4}|[一二三四五六七八九十]{1,3})[.)）、．](?!\d)|\d{1,2}(?:\.\d{1,2}){1,3}\s|第[一二三四五六七八九十百\d]{1,4}[章节条款项]|[QAqa问答][:：])"
)
_HEADING = re.compile(r"\s*(?:#{1,6}\s|```|~~~|={3,}\s*$|-{3,}\s*$)")
_ROW = re.compile(r"\s*\||.*\t\S|.*\s\|\s.*\s\|\s")
_NUMBERED = re.compile(r"\s*[(（]?(?:\d{1,3}(?:\.\d{1,3}){0,3}|[a-zA-Z]|[ivx]{1,4})$")
_ENDS = re.compile(r"(?<!\W)(?>\W*?[.!?。！？｡…:：;；])\W*+$")
_CONTINUES = re.compile(
    r"(?:[,，、(（\-–]|[^.!?。！？;；:：]\b(?:a|an|the|of|to|in|on|at|for|and|or|by|with|from|your|our|is|are))\s*+$"
)

_CLOSERS = "\"'”’»」』）)\\]】》〉＂＇*_`"
_END = re.compile(
    rf"[。！？｡][。！？｡!?…]*[{_CLOSERS}]*"
    rf"|(?<![.!?…])[.!?…]++[{_CLOSERS}]*+(?:\[\d{{1,3}}\])*(?=\s|$|[\u3000-\u9fff\uff00-\uffef])"
)
_SOFT = re.compile(r"[；;]\s*")
_LAST = re.compile(r"(?<![^\s\"'“‘«「『(（\[])([^\s\"'“‘«「『(（\[]++)$")
_FIRST = re.compile(r"[\s\"'“‘«「『(（\[*_`]*(\w+(?:'\w+)?)")


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Never the end of a sentence: a name or a number follows.
_BEFORE = _word_set(
    "mr mrs ms dr prof rev gen sen rep hon st mt messrs vs e.g eg i.e ie cf viz approx ca al"
    " fig figs eq sec ch vol vols pp ed eds dept tel ext max min avg est incl excl resp jan"
    " feb mar apr jun jul aug sep sept oct nov dec"
)
# The end only if a word follows that seldom stands inside a sentence with a capital.
_MAYBE = _word_set(
    "inc ltd co corp llc plc bros jr sr etc a.m p.m am pm u.s u.k u.n e.u u.s.a ph.d b.a m.a d.c"
)
_COUNTED = _word_set("no nos nr art para p pg ver v")  # "No. 5", but "No. We do not."
_STARTERS = _word_set(
    "a an the this that these those it its he she they we you i my our your if in on at for"
    " from to by with as when where while once after before until since because although"
    " though however also please all any each every some most many no not only there here"
    " then thus so but and or do does did is are was were can could should would will may"
    " must what which who why how see note both such another other"
)


def split_sentences(text: str) -> list[Span]:
    r"""Find the sentences of a text, English or Chinese, as spans in order.

    Spans do not overlap, carry no white space around them, and leave out nothing but white
    space. A table row up to 400 columns stays whole; a semicolon ends only a long sentence.

    >>> s = "Mr. Li paid $3.50 to Acme Inc. in May. “退款需要三天。”对吗？\n- one\n- two"
    >>> [s[a:b] for a, b in split_sentences(s)]
    ['Mr. Li paid $3.50 to Acme Inc. in May.', '“退款需要三天。”', '对吗？', '- one', '- two']
    """
    spans: list[Span] = []
    for start, end in _split_units(text):
        spans.extend(_split_unit(text, start, end))
    return spans


def text_width(text: str) -> int:
    """Return how many columns a text takes: a Han character two.

    >>> text_width("退款 ok")
    7
    """
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def _trim_span(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the span without the white space around it, and nothing if nothing is left."""
    piece = text[start:end]
    if tail := piece.lstrip():
        first = end - len(tail)
        yield first, first + len(tail.rstrip())


def _split_units(text: str) -> Iterator[Span]:
    """Join wrapped lines: a unit is a list item, a row, a heading, or a paragraph's prose."""
    block: list[Span] = []
    for match in _LINE.finditer(text):
        span = next(_trim_span(text, *match.span()), None)
        if span is not None:
            block.append(span)
        elif block:
            yield from _split_at_breaks(text, block)
            block = []
    yield from _split_at_breaks(text, block)


def _split_at_breaks(text: str, lines: list[Span]) -> Iterator[Span]:
    """Split a block of lines, none of them blank, where a line break is meant."""
    if not lines:
        return
    words = [text[a:b] for a, b in lines]
    widths = list(map(text_width, words))
    even = EVEN_SHARE * max(widths) if len(lines) > 2 else max(widths) + 1  # noqa: PLR2004 (two lines have no pattern)
    start = lines[0][0]
    for i, (line, after) in enumerate(pairwise(words)):
        if not _continues_line(line, after, filled=widths[i] >= max(even, WRAPPED_COLUMNS)):
            yield start, lines[i][1]
            start = lines[i + 1][0]
    yield start, lines[-1][1]


def _continues_line(line: str, after: str, *, filled: bool) -> bool:
    """Tell whether ``after`` goes on with the sentence of ``line``."""
    if _MARKER.match(after) or _HEADING.match(line) or _ROW.match(line) or _ROW.match(after):
        return False
    tail = line[-TAIL_CHARACTERS:]
    if _ENDS.search(tail):
        # The break changes nothing for an end that _sentences finds; others ("e.g.") go on.
        return line.endswith((".", "…")) and after[0].islower()
    return (after[0].islower() and " " in line) or bool(_CONTINUES.search(tail)) or filled


def _split_unit(text: str, start: int, end: int) -> Iterator[Span]:
    unit = text[start:end]
    if _ROW.match(unit) and "\n" not in unit and text_width(unit) <= ROW_COLUMNS:
        yield from _trim_span(text, start, end)
        return
    cut = 0
    for match in _END.finditer(unit):
        if match.end() < len(unit) and not _mark_ends(unit, cut, match):
            continue
        yield from _split_clauses(text, start + cut, start + match.end())
        cut = match.end()
    yield from _split_clauses(text, start + cut, end)


def _mark_ends(unit: str, cut: int, match: re.Match[str]) -> bool:
    """Tell whether the mark that was found ends the sentence that began at ``cut``."""
    mark = match.group()
    if mark[0] in "。！？｡":
        return True
    following = _FIRST.match(unit, match.end())
    first = following[1] if following else ""
    if mark[0] in "!?":
        return not first[:1].islower()
    if mark[0] == "…" or mark.startswith(".."):
        return not first[:1].islower() and unit[match.end()].isspace()
    whole = match.start() - cut <= TAIL_CHARACTERS
    return _full_stop_ends(
        unit[max(cut, match.start() - TAIL_CHARACTERS) : match.start()], first, whole=whole
    )


def _full_stop_ends(before: str, first: str, *, whole: bool) -> bool:
    """Tell whether a single full stop after ``before`` ends a sentence.

    whole: nothing of the sentence stands ahead of ``before``.
    """
    last = _LAST.search(before)
    word = last[1] if last else ""
    lower = word.lower().lstrip("-–—/")
    if not word or (whole and _NUMBERED.match(before)) or lower in _BEFORE:
        return False
    if lower in _COUNTED:
        return not first[:1].isdigit() and bool(first) and (lower == "no" or not lower.isalpha())
    if lower in _MAYBE or (len(word) == 1 and word.isupper() and word != "I"):
        return first.lower() in _STARTERS and not first[:1].islower()
    if first[:1].islower():
        return len(word) >= 3 or lower in _STARTERS or not word.isascii()  # noqa: PLR2004
    return True


def _split_clauses(text: str, start: int, end: int) -> Iterator[Span]:
    """Split a sentence that is too long to be quoted at its semicolons."""
    if end - start <= LONG_SENTENCE // 2 or text_width(text[start:end]) <= LONG_SENTENCE:
        yield from _trim_span(text, start, end)
        return
    cut = start
    for match in _SOFT.finditer(text, start, end):
        if text_width(text[cut : match.end()]) >= LONG_SENTENCE // 8 and end - match.end() > 0:
            yield from _trim_span(text, cut, match.end())
            cut = match.end()
    yield from _trim_span(text, cut, end)
