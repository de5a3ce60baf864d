"""Read what of a unit is compared with the question and with other units, each once. Pure."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

from indexes.text.folding import normalise_text
from indexes.text.polarity import denies_something
from indexes.text.tokens import drop_stopwords, is_han_pair, tokenize_text
from ragdesk.answering.reading.answer_units import AnswerUnit
from ragdesk.answering.reading.document_versions import VersionName, read_version
from ragdesk.answering.reading.section_labels import SectionLabel, read_leading_label
from ragdesk.answering.reading.value_points import find_unit
from ragdesk.answering.reading.value_ranges import ValueRange, find_ranges
from ragdesk.answering.retrieval.sibling_documents import find_codes

_TEXTS_REMEMBERED = 2048


@dataclass(frozen=True)
class UnitFacts:
    """A unit with what its words tell, each computed at its first use."""

    unit: AnswerUnit

    @cached_property
    def words(self) -> frozenset[str]:
        """Its content words; of a row, those of its cells."""
        return content_words(" | ".join(self.unit.cells) or self.unit.core)

    @cached_property
    def lead_words(self) -> frozenset[str]:
        """The content words above it: title, headings, columns, the question of an FAQ entry."""
        return content_words(f"{self.unit.lead} | {' | '.join(self.unit.columns)}")

    @cached_property
    def nearby_words(self) -> frozenset[str]:
        """Its own words and those of the heading right above it."""
        return self.words | content_words(" | ".join(self.unit.passage.chunk.path[-1:]))

    @cached_property
    def codes(self) -> frozenset[str]:
        """The codes and identifiers in its text."""
        return find_codes(self.unit.core)

    @cached_property
    def name_codes(self) -> frozenset[str]:
        """The codes that its document and its headings are named by."""
        chunk = self.unit.passage.chunk
        stem = chunk.uri.rpartition(".")[0] or chunk.uri
        return find_codes(f"{stem} | {chunk.title} | {' | '.join(chunk.path)}")

    @cached_property
    def ranges(self) -> tuple[ValueRange, ...]:
        """The ranges that it names; of a row, in cells whose column may name the unit."""
        unit = self.unit
        if not unit.cells:
            return tuple(find_ranges(unit.core))
        columns = (*unit.columns, *("",) * len(unit.cells))
        return tuple(
            value_range
            for cell, column in zip(unit.cells, columns, strict=False)
            for value_range in find_ranges(cell, find_unit(column))
        )

    @cached_property
    def own_label(self) -> SectionLabel | None:
        """The label that it begins with itself: "Article 7. Deliveries …"."""
        return read_leading_label(self.unit.core)

    @cached_property
    def section_labels(self) -> frozenset[SectionLabel]:
        """The labels of the parts that it stands in, its own included."""
        above = (*self.unit.passage.chunk.path, self.unit.heading)
        labels = (self.own_label, *map(read_leading_label, above))
        return frozenset(label for label in labels if label)

    @cached_property
    def denies(self) -> bool:
        """Tell whether it denies or forbids something, by itself or by what leads it in."""
        headings = " | ".join(self.unit.passage.chunk.path[-1:])
        return denies_something(f"{headings}\n{self.unit.text}")

    @cached_property
    def version(self) -> VersionName:
        """The version of its document or sheet."""
        return read_version(self.unit.passage.chunk)

    @cached_property
    def plain(self) -> str:
        """Its text, for telling copies apart from all else."""
        return " ".join(normalise_text(self.unit.text).split())

    @property
    def document(self) -> str:
        """The id of its document."""
        return self.unit.passage.chunk.document

    @cached_property
    def table(self) -> tuple[object, ...] | None:
        """What the rows of one table share; None for what is no row."""
        chunk = self.unit.passage.chunk
        if self.unit.kind != "row":
            return None
        return (self.document, self.unit.columns or chunk.section, chunk.path)


def likeness(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share (0..1) of the words of two texts that both hold.

    >>> likeness(frozenset({"a", "b"}), frozenset({"b", "c"}))
    0.3333333333333333
    """
    either = len(first | second)
    return len(first & second) / either if either else 0.0


def says_more(words: frozenset[str]) -> bool:
    """Tell whether some words hold a whole one: single Han characters meet by chance.

    >>> says_more(frozenset({"线"})), says_more(frozenset({"线", "二线"})), says_more({"norway"})
    (False, True, True)
    """
    return any(is_han_pair(word) or word.isascii() for word in words)


@lru_cache(maxsize=_TEXTS_REMEMBERED)
def content_words(text: str) -> frozenset[str]:
    """Return the content words of a text as the index spells them."""
    return frozenset(drop_stopwords(tokenize_text(text)))
