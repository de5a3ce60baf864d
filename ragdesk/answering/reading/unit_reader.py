"""Read a question beside units of text: does this unit answer it, and where.

The protocol, and what a reader sees of a unit: its own words, and a lead that is read and never
quoted (title, headings, the head of a table, the question of an FAQ entry, the sentence before).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexes.chunk import Chunk
from indexes.embedding.unigram_tokenizer import UnigramTokenizer
from indexes.text.sentences import split_sentences
from ragdesk.answering.retrieval.passage_words import has_words

QUESTION_TOKENS, LEAD_TOKENS, UNIT_TOKENS = 40, 32, 96
LEAD_HEAD = 14  # of a lead that is too long: its first tokens name the document, its last lead on
_PREFIX = "query: "


@dataclass(frozen=True, slots=True)
class ReaderInput:
    """A unit as a reader sees it. text: what could be quoted. lead: what stands above it."""

    text: str
    lead: str = ""


@dataclass(frozen=True, slots=True)
class UnitReading:
    """What a reader makes of the units of one question.

    scores: float32 (n,), the log-odds of each unit against "none of these answers". answerable:
    how likely one of them answers (0..1).
    """

    scores: NDArray[np.float32]
    answerable: float


class UnitReader(Protocol):
    """Scores units by how well they answer a question. Blocks; any thread may call."""

    def __call__(self, question: str, units: Sequence[ReaderInput]) -> UnitReading:
        """Return the scores of the units, in their order."""


class ReadableUnit(Protocol):
    """What a unit of an answer has to have to be read."""

    @property
    def reading_text(self) -> str: ...
    @property
    def lead(self) -> str: ...


def score_units(
    reader: UnitReader, question: str, units: Sequence[ReadableUnit], *, most: int
) -> UnitReading:
    """Read the first units, best ones first, at most so many; the scores are of these alone."""
    inputs = [ReaderInput(unit.reading_text, unit.lead) for unit in units[:most]]
    return reader(question, inputs)


def weigh_reading(scores: NDArray[np.float32]) -> UnitReading:
    """Return the reading that scores make: one of the units answers, or none does.

    >>> round(weigh_reading(np.array([0.0, 0.0], np.float32)).answerable, 3)
    0.667
    """
    total = float(np.logaddexp.reduce(np.append(scores, np.float32(0.0)).astype(np.float64)))
    return UnitReading(scores, float(-np.expm1(-total)))


def list_inputs(chunk: Chunk) -> list[ReaderInput]:
    """Return the sentences, items and rows of a chunk as a reader sees them, in their order."""
    above = " › ".join(dict.fromkeys(name for name in (chunk.title, *chunk.path) if name))
    head = chunk.lead.partition("\n")[2] if chunk.kind == "table" else ""
    question_span = slice(*chunk.question) if chunk.question else slice(0, 0)
    inputs: list[ReaderInput] = []
    before = ""
    for start, end in split_sentences(chunk.text):
        text = chunk.text[start:end]
        if question_span.start <= chunk.start + start < question_span.stop or not has_words(text):
            before = text
            continue
        lead = "\n".join(part for part in (above, head, before) if part)
        inputs.append(ReaderInput(text, lead))
        before = text
    return inputs


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """A question and a unit as tokens. unit: the span of the unit's own tokens."""

    ids: tuple[int, ...]
    unit: tuple[int, int]


def encode_pairs(
    pieces: UnigramTokenizer, question: str, units: Sequence[ReaderInput]
) -> list[EncodedPair]:
    """Write a question beside each unit: question, lead and unit, each clipped."""
    question_ids = _list_ids(pieces, _PREFIX + question)[:QUESTION_TOKENS]
    head = [pieces.begin, *question_ids, pieces.end, pieces.end]
    pairs = []
    for unit in units:
        above = [*head, *_clip_lead(_list_ids(pieces, unit.lead)), pieces.end]
        own = _list_ids(pieces, unit.text)[:UNIT_TOKENS]
        pairs.append(EncodedPair((*above, *own, pieces.end), (len(above), len(above) + len(own))))
    return pairs


def _list_ids(pieces: UnigramTokenizer, text: str) -> list[int]:
    return pieces.encode(text, _LONGEST)[1:-1]


def _clip_lead(ids: list[int]) -> list[int]:
    if len(ids) <= LEAD_TOKENS:
        return ids
    return [*ids[:LEAD_HEAD], *ids[LEAD_HEAD - LEAD_TOKENS :]]


_LONGEST = 512
