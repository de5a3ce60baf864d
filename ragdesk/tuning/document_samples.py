"""Headings and FAQ entries of ordinary documents, as a source of samples: no one has to write any.

A heading asks, and the sentences, items and rows of its section answer; those of its sibling
sections do not, although they stand in the same document and speak of the same things.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from indexes.text.sentences import split_sentences
from ingest.document import Block, Document
from ingest.errors import Unreadable
from ingest.parse.registry import parse_document
from ragdesk.answering.retrieval.passage_words import has_words
from ragdesk.tuning.reader_samples import SampleSource, SourceQuestion, SourceUnit

LEAST_WORDS = 3  # letters of a heading that asks anything
SUFFIXES = frozenset({".md", ".txt", ".html", ".csv"})
_NUMBER = re.compile(r"^[\d.\s#§()]+")


class HeadingReader:
    """Reads documents. A section is a heading with what stands under it, up to the next one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._units: list[SourceUnit] = []
        self._questions: list[SourceQuestion] = []

    def read_folder(self, folder: Path) -> SampleSource:
        """Return the units and headings of all documents of a folder, or of one file."""
        files = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
        for file in files:
            if file.suffix in SUFFIXES and file.is_file():
                try:
                    document = parse_document(file.read_bytes(), file.name)
                except Unreadable:
                    continue  # what no parser reads trains nothing
                self.add_document(document, str(file))
        return self.close_source()

    def close_source(self) -> SampleSource:
        """Return all that was read."""
        return SampleSource(name=self._name, units=self._units, questions=self._questions)

    def add_document(self, document: Document, name: str) -> None:
        """Add the units and questions of a document."""
        sections: dict[tuple[str, ...], list[int]] = {}
        before = ""
        for number, block in enumerate(document.blocks):
            if block.kind == "heading":
                before = ""
                continue
            section = f"{name}#{'/'.join(block.path)}"
            if block.question:
                section = f"{section}?{number}"
            first = len(self._units)
            for text in _split_block(document, block):
                self._units.append(
                    SourceUnit(
                        text=text,
                        lead=_write_lead(document, block, before),
                        section=section,
                        article=name,
                    )
                )
                before = text
            places = range(first, len(self._units))
            if block.question:
                question = document.text[slice(*block.question)]
                self._add_question(question, section, name, list(places))
            elif block.path:
                sections.setdefault(block.path, []).extend(places)
        for path, places_of_path in sections.items():
            self._add_question(path[-1], f"{name}#{'/'.join(path)}", name, places_of_path)

    def _add_question(self, text: str, section: str, article: str, places: list[int]) -> None:
        question = _NUMBER.sub("", text).strip(" .:*")
        if sum(map(str.isalnum, question)) < LEAST_WORDS or not places:
            return
        self._questions.append(
            SourceQuestion(
                text=question,
                section=section,
                article=article,
                answers=tuple((place, None) for place in places),
            )
        )


def _split_block(document: Document, block: Block) -> Iterator[str]:
    """Yield the sentences, items or rows of a block, of a FAQ entry those of its answer.

    A list comes whole beside its items, as it is quoted whole where all are asked for.
    """
    start = block.question[1] if block.question else block.start
    text = document.text[start : block.end]
    for a, b in split_sentences(text):
        if has_words(text[a:b]):
            yield text[a:b]
    if block.kind == "list" and "\n" in text.strip():
        yield text.strip()


def _write_lead(document: Document, block: Block, before: str) -> str:
    """Write what stands above a unit, without the heading that is asked for."""
    names = dict.fromkeys(name for name in (document.title, *block.path[:-1]) if name)
    parts = [" › ".join(name for name in names if name != "".join(block.path[-1:]))]
    parts += [block.header, before]
    return "\n".join(part for part in parts if part)
