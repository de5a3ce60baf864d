"""Split cited passages into what may bear a claim, and what only stands above it.

A heading, the head of a table and the question of a FAQ entry name what is spoken of and state
nothing: they are the context of the sentences, items and rows below them. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from indexes.chunk import Chunk, Passage
from indexes.text.claim_binding import EvidencePiece
from indexes.text.tokens import tokenize_text
from ragdesk.answering.retrieval.passage_words import (
    SentenceWords,
    analyze_sentences,
    heading_words,
)

LONGEST_HEADING_LINE = 60  # characters of a line without an end that is read as a heading
_ITEM = re.compile(r"\s*(?:[-*+•·▪]\s|[(（]?(?:\d{1,3}|[a-zA-Z])[.)）、．]\s?|第)")
_ENDS = re.compile(r"[.!?。！？…:：;；,，、|][\"'”’»」』）)\]*_]*\s*$")


@dataclass(frozen=True, slots=True)
class EvidenceSentence:
    """A sentence, item or row of a cited passage.

    above: what stands over it and may deny or name it: the last heading, the question of its entry.
    table_head: the first line of its table, where that stands in the passage.
    """

    passage: Passage
    start: int
    end: int
    words: frozenset[str]
    above: str
    table_head: str

    @property
    def text(self) -> str:
        return self.passage.chunk.text[self.start : self.end]

    @property
    def statement(self) -> str:
        """Return the text, an item of a list together with the heading that may deny it."""
        return f"{self.above} {self.text}" if self.above and _ITEM.match(self.text) else self.text

    @property
    def piece(self) -> EvidencePiece:
        """Return it as what a claim is bound to."""
        above = tokenize_text(f"{self.above} {self.table_head}")
        head = self.table_head or self.passage.chunk.lead.rpartition("\n")[2]
        return EvidencePiece(self.text, heading_words(self.passage.chunk).union(above), head)


def split_evidence(passages: Sequence[Passage]) -> list[EvidenceSentence]:
    """Return the sentences of passages that may bear a claim, in order, without headings."""
    return [sentence for passage in passages for sentence in _split_passage(passage)]


@lru_cache(maxsize=512)
def _split_passage(passage: Passage) -> tuple[EvidenceSentence, ...]:
    chunk = passage.chunk
    above = chunk.path[-1] if chunk.path else ""
    question_end = _question_end(chunk)
    table_head = ""
    sentences = analyze_sentences(chunk.text)
    evidence: list[EvidenceSentence] = []
    for number, sentence in enumerate(sentences):
        text = chunk.text[sentence.start : sentence.end]
        names_next = number + 1 < len(sentences) and _is_heading(
            chunk, sentence, sentences[number + 1]
        )
        if sentence.end <= question_end or names_next:
            above = text
        elif number == 0 and _is_table_head(chunk, sentences):
            table_head = text
        else:
            evidence.append(
                EvidenceSentence(
                    passage, sentence.start, sentence.end, sentence.words, above, table_head
                )
            )
    return tuple(evidence)


def _question_end(chunk: Chunk) -> int:
    return chunk.question[1] - chunk.start if chunk.question else 0


def _is_heading(chunk: Chunk, sentence: SentenceWords, following: SentenceWords) -> bool:
    """Tell whether a sentence is a line of its own that names what follows.

    Of several such lines, as of an address, none is.
    """
    own_line = "\n" in chunk.text[sentence.end : following.start]
    starts_line = sentence.start == 0 or "\n" in chunk.text[: sentence.start][-2:]
    return (
        own_line
        and starts_line
        and _is_label(chunk.text[sentence.start : sentence.end])
        and not _is_label(chunk.text[following.start : following.end])
    )


def _is_label(text: str) -> bool:
    return (
        len(text) <= LONGEST_HEADING_LINE
        and "|" not in text
        and "\t" not in text
        and not _ITEM.match(text)
        and not _ENDS.search(text)
    )


def _is_table_head(chunk: Chunk, sentences: Sequence[SentenceWords]) -> bool:
    """Tell whether the first line of a table's chunk is its head: no other row looks like one."""
    return chunk.kind == "table" and len(sentences) > 1 and "\n" not in chunk.lead.strip()
