"""Questions and sentences of sets in SQuAD's format, as a source of samples."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from indexes.text.folding import simplify_characters
from indexes.text.sentences import Span, split_sentences
from ragdesk.answering.retrieval.passage_words import has_words
from ragdesk.tuning.reader_samples import SampleSource, SourceQuestion, SourceUnit


class SquadReader:
    """Reads one file.

    skipped: titles of articles that are left out. kept_traditional: one of so many articles stays
    in its characters, the others are written in simplified ones; 0: all stay.
    """

    def __init__(
        self, name: str, *, skipped: Collection[str] = (), kept_traditional: int = 0
    ) -> None:
        self._name, self._skipped, self._kept = name, skipped, kept_traditional
        self._units: list[SourceUnit] = []
        self._questions: list[SourceQuestion] = []

    def read_source(self, file: Path) -> SampleSource:
        """Return the sentences of a file's paragraphs, and its questions."""
        articles = json.loads(file.read_text(encoding="utf-8"))["data"]
        for number, article in enumerate(articles):
            title = str(article.get("title") or number)
            if title in self._skipped:
                continue
            simplify = bool(self._kept) and number % self._kept != 0
            for place, paragraph in enumerate(article["paragraphs"]):
                self._read_paragraph(title, f"{number}-{place}", paragraph, simplify=simplify)
        return SampleSource(name=self._name, units=self._units, questions=self._questions)

    def _read_paragraph(
        self, title: str, section: str, paragraph: dict[str, Any], *, simplify: bool
    ) -> None:
        def write(text: str) -> str:
            return simplify_characters(text) if simplify else text

        context = write(paragraph["context"])
        spans = [span for span in split_sentences(context) if has_words(context[slice(*span)])]
        first = len(self._units)
        heading = write(title.replace("_", " "))
        for i, (start, end) in enumerate(spans):
            before = context[slice(*spans[i - 1])] if i else ""
            self._units.append(
                SourceUnit(
                    text=context[start:end],
                    lead=f"{heading}\n{before}" if before else heading,
                    section=section,
                    article=title,
                )
            )
        for question in paragraph["qas"]:
            answers = [(write(a["text"]), a["answer_start"]) for a in question["answers"]]
            places = _place_answers(spans, context, answers)
            if not question["question"].strip() or bool(answers) != bool(places):
                continue
            self._questions.append(
                SourceQuestion(
                    text=write(question["question"].strip()),
                    section=section,
                    article=title,
                    answers=tuple((first + i, span) for i, span in places.items()),
                    answer_texts=tuple(dict.fromkeys(text for text, _ in answers)),
                )
            )


def _place_answers(
    spans: list[Span], context: str, answers: list[tuple[str, int]]
) -> dict[int, Span | None]:
    """Find the sentences in which answers stand, and the characters in them."""
    places: dict[int, Span | None] = {}
    for text, start in answers:
        if context[start : start + len(text)] != text:
            continue
        for i, (a, b) in enumerate(spans):
            if a <= start < b:
                places.setdefault(i, (start - a, min(start + len(text), b) - a))
    return places
