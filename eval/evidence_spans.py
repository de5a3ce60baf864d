"""Compare the spans of passages and citations with those of the evidence."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol

from eval.evidence import EvidencePlace
from indexes.text.sentences import Span
from indexes.text.tokens import tokenize_text

SHARE = 0.8  # of a quote's words that a text without offsets must hold


class Stretch(Protocol):
    """A passage or a citation: a span of a document, with or without its offsets."""

    @property
    def uri(self) -> str: ...
    @property
    def start(self) -> int | None: ...
    @property
    def end(self) -> int | None: ...
    @property
    def page(self) -> int | None: ...


def covers_evidence(stretch: Stretch, text: str, place: EvidencePlace) -> bool:
    """Tell whether a passage or citation contains any of a piece of evidence.

    By offsets where both have them; else by document and page where no quote is known; else by
    the words: most of the quote must stand in ``text``.
    """
    if place.spans and stretch.start is not None and stretch.end is not None:
        start, end = stretch.start, stretch.end
        return stretch.uri == place.uri and any(start < b and a < end for a, b in place.spans)
    if not place.quote:
        return stretch.uri == place.uri and place.page in {None, stretch.page}
    wanted = set(tokenize_text(place.quote))
    return bool(wanted) and len(wanted & set(tokenize_text(text))) >= SHARE * len(wanted)


def rank_evidence(evidence_by_passage: Sequence[Sequence[int]]) -> list[Hashable]:
    """Turn the evidence that each passage covers into a ranking of evidence, for nDCG and AP.

    A passage that holds two pieces counts as both, one after the other; one that holds nothing
    new takes a place of its own.

    >>> rank_evidence([[0], [], [0, 1]])
    [0, 'passage 2', 1]
    """
    ranking: list[Hashable] = []
    for place, pieces in enumerate(evidence_by_passage, start=1):
        fresh = [piece for piece in pieces if piece not in ranking]
        ranking.extend(fresh or [f"passage {place}"])
    return ranking


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Join spans that touch or overlap.

    >>> merge_spans([(5, 8), (0, 3), (2, 6)])
    [(0, 8)]
    """
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def count_shared_characters(spans: Iterable[Span], other: Iterable[Span]) -> int:
    """Count the characters that two sets of spans share.

    >>> count_shared_characters([(0, 4)], [(2, 9), (3, 5)])
    2
    """
    ours, theirs = merge_spans(spans), merge_spans(other)
    return sum(max(0, min(b, d) - max(a, c)) for a, b in ours for c, d in theirs)


def count_characters(spans: Iterable[Span]) -> int:
    """Count the characters of a set of spans."""
    return sum(end - start for start, end in merge_spans(spans))
