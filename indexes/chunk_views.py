"""The views of a chunk that are indexed: its text, and the question of an FAQ entry."""

from collections.abc import Iterator

from indexes.chunk import Chunk

WHOLE_VIEW, QUESTION_VIEW, ANSWER_VIEW = 0, 1, 2
MOST_VIEWS = 3  # at most, of one chunk


def iter_views(chunk: Chunk) -> Iterator[tuple[int, str]]:
    """Yield the kind and the words of each entry of a chunk, the whole first.

    >>> faq = Chunk(document="d", uri="a", title="A", text="Q: How? A: So.", start=10, end=24,
    ...             question=(10, 17))
    >>> list(iter_views(faq))
    [(0, 'Q: How? A: So.'), (1, 'Q: How?'), (2, 'A: So.')]
    """
    yield WHOLE_VIEW, chunk.indexed_text
    if chunk.question:
        first, last = (place - chunk.start for place in chunk.question)
        question = chunk.text[first:last].strip()
        answer = f"{chunk.text[:first].strip()} {chunk.text[last:].strip()}".strip()
        if question and answer:
            yield QUESTION_VIEW, question
            yield ANSWER_VIEW, answer
