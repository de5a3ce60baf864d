"""Cut sentences that are too long to be quoted: at clauses, else around what is asked. Pure."""

import re
from collections.abc import Mapping

from indexes.text.scripts import HAN
from indexes.text.sentences import Span
from indexes.text.tokens import tokenize_text
from ragdesk.answering.reading.document_lines import trim_span

LONGEST_WHOLE = 400  # characters of a sentence that is quoted whole
SHORTEST_CLAUSE = 80
LONGEST_STRETCH = 300  # of a line without any clause, around what is asked

_STRONG_BREAK = re.compile(r"[;；:：]\s*|\s[–—-]\s|——|\)\s|）")
_WEAK_BREAK = re.compile(r"[,，、]\s*(?!\d)")
_WORD = re.compile(f"[{HAN}]|[^\\W{HAN}]+(?:[.,:'’_-][^\\W{HAN}]+)*")
_LINE_BREAK = re.compile(r"[\n,，、;；:：.。!?！？]\s*(?!\d)")


def cut_long_sentence(text: str, span: Span) -> list[Span]:
    """Cut a sentence of more than 400 characters at its clauses; without any, it stays as it is."""
    pieces: list[Span] = []
    start, end = span
    while end - start > LONGEST_WHOLE:
        cut = _find_cut(text, start, end)
        if cut is None:
            break
        pieces.append(trim_span(text, start, cut))
        start = cut
    rest = trim_span(text, start, end)
    return [*pieces, rest] if rest[0] < rest[1] else pieces


def _find_cut(text: str, start: int, end: int) -> int | None:
    """Find where to cut: behind the last strong break that fits, else the last comma."""
    first, last = start + SHORTEST_CLAUSE, min(start + LONGEST_WHOLE, end - SHORTEST_CLAUSE // 2)
    for pattern in (_STRONG_BREAK, _WEAK_BREAK):
        cuts = [match.end() for match in pattern.finditer(text, first, last)]
        if cuts:
            return cuts[-1]
    later = _WEAK_BREAK.search(text, last, end) or _STRONG_BREAK.search(text, last, end)
    return later.end() if later and later.end() < end else None


def find_stretch(text: str, span: Span, weights: Mapping[str, float]) -> Span:
    """Find the stretch of a long line that holds most of what is asked, in whole words.

    weights: the question's words and what each is worth. The middle of the words that stand
    nearest together is the middle of the stretch.
    """
    start, end = span
    words = [match.span() for match in _WORD.finditer(text, start, end)]
    hits = [
        (place, terms)
        for n, place in enumerate(words)
        if (terms := _terms_at(text, words, n).intersection(weights))
    ]
    if end - start <= LONGEST_STRETCH:
        return span
    if not hits:  # what is asked stands above it
        return trim_span(text, start, min(end, start + LONGEST_WHOLE))
    first, last = _find_densest(hits, weights)
    room = max(0, LONGEST_STRETCH - (last - first)) // 2
    low, high = max(start, first - room), min(end, last + room)
    stretch = _snap(text, words, (low, first), (last, high))
    return trim_span(text, stretch[0], min(stretch[1], stretch[0] + LONGEST_WHOLE))


def _terms_at(text: str, words: list[Span], n: int) -> set[str]:
    """Return the terms that begin at a word; a Han character makes one with the next as well."""
    start, end = words[n]
    if n + 1 < len(words) and words[n + 1][0] == end and end - start == 1:
        end = words[n + 1][1]
    return set(tokenize_text(text[start:end]))


def _find_densest(hits: list[tuple[Span, set[str]]], weights: Mapping[str, float]) -> Span:
    """Find the stretch worth most for its words, the shortest of those worth the same."""
    best, best_span = (-1.0, 0), hits[0][0]
    for n, (place, _) in enumerate(hits):
        terms_inside: set[str] = set()
        for other, terms in hits[n:]:
            if other[1] - place[0] > LONGEST_STRETCH:
                break
            terms_inside |= terms
            worth = (round(sum(weights[term] for term in terms_inside), 6), place[0] - other[1])
            if worth > best:
                best, best_span = worth, (place[0], other[1])
    return best_span


def _snap(text: str, words: list[Span], before: Span, after: Span) -> Span:
    """Return the stretch from a word to a word; where a clause begins or ends, from there."""
    clauses = [match.end() for match in _LINE_BREAK.finditer(text, *before)]
    starts = [start for start, _ in words if before[0] <= start <= before[1]]
    ends = [end for _, end in words if after[0] <= end <= after[1]]
    closing = _LINE_BREAK.search(text, *after)
    low = clauses[0] if clauses else starts[0]
    high = closing.start() if closing and closing.start() > after[0] else ends[-1]
    return trim_span(text, low, high)
