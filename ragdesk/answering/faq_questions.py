"""Questions of a collection's FAQ that are worth asking: to begin with, and beside an entry."""

from collections.abc import Iterable
from typing import Final

from indexes.chunk import Chunk, SearchFilter
from indexes.index import Index

MOST_QUESTIONS: Final = 4
_MOST_ROWS: Final = 200  # entries that are looked at, for some of several documents
_REACH: Final = 4  # entries before and after one that are its neighbours
_LONGEST: Final = 120  # characters of a question that fits a button


def list_first_questions(index: Index, where: SearchFilter) -> list[str]:
    """Return questions of FAQ entries that a filter lets through, of several documents in turn."""
    rows = index.list_question_rows(index.make_mask(where), _MOST_ROWS)
    by_document: dict[str, list[str]] = {}
    for chunk in index.read_chunks(rows):
        by_document.setdefault(chunk.document, []).extend(_list_questions([chunk]))
    turns = range(max(map(len, by_document.values()), default=0))
    mixed = [
        questions[turn]
        for turn in turns
        for questions in by_document.values()
        if turn < len(questions)
    ]
    return list(dict.fromkeys(mixed))[:MOST_QUESTIONS]


def list_neighbour_questions(index: Index, chunk: str, where: SearchFilter) -> list[str]:
    """Return questions of the entries around one in its list, the next ones first.

    chunk: the entry's id; of one that is gone, or that the filter holds back, there are none.
    """
    row = index.find_row(chunk)
    mask = index.make_mask(where)
    if row is None or not mask.chunks[row]:
        return []
    rows = [other for other in index.list_neighbours(row, _REACH) if mask.chunks[other]]
    rows.sort(key=lambda other: (other <= row, abs(other - row)))
    own, *others = index.read_chunks([row, *(other for other in rows if other != row)])
    known = {own.text.partition("\n")[0], *_list_questions([own])}
    questions = [question for question in _list_questions(others) if question not in known]
    return list(dict.fromkeys(questions))[: MOST_QUESTIONS - 1]


def _list_questions(chunks: Iterable[Chunk]) -> list[str]:
    questions = []
    for chunk in chunks:
        if chunk.question is None:
            continue
        start, end = (place - chunk.start for place in chunk.question)
        words = " ".join(chunk.text[start:end].split())
        if 0 <= start < end and words and len(words) <= _LONGEST:
            questions.append(words)
    return questions
