"""Keep what measures a reader out of what trains it: paragraphs and questions of measured files.

Sentences are compared, not paragraphs: a paragraph that was cut or joined anew is still the same
text. A sentence that is too short to be anyone's own is not compared.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from indexes.text.folding import normalise_text
from indexes.text.sentences import split_sentences
from ragdesk.errors import SettingsError
from ragdesk.tuning.reader_samples import SampleSource, SourceQuestion

# Bytes from which a sentence is some text's own: 40 letters of English, 14 Han characters.
SHORTEST_SENTENCE = 40
_TEXT_SUFFIXES = frozenset({".md", ".txt", ".html", ".csv"})


@dataclass(frozen=True, slots=True)
class MeasuredTexts:
    """The sentences and questions of measured files, each with the name of its file."""

    sentences: dict[str, str]
    questions: dict[str, str]

    def find_file(self, source: SampleSource, question: SourceQuestion) -> str | None:
        """Return the measured file in which a question stands; None for none."""
        del source
        return self.questions.get(_fold(question.text))

    def find_sections(self, source: SampleSource) -> dict[str, str]:
        """Return the sections of a source that stand in a measured file, with that file's name."""
        return {
            unit.section: file
            for unit in source.units
            if (file := self.sentences.get(_fold(unit.text))) is not None
        }


def read_measured_texts(paths: Sequence[Path]) -> MeasuredTexts:
    """Read files that measure: SQuAD's format, cases as JSON lines, or documents (or a folder)."""
    sentences: dict[str, str] = {}
    questions: dict[str, str] = {}
    for path in paths:
        files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
        for file in files:
            for kind, text in _iter_texts(file):
                if kind == "question":
                    questions.setdefault(_fold(text), str(file))
                    continue
                for start, end in split_sentences(text):
                    sentence = text[start:end]
                    if len(sentence.encode(errors="replace")) >= SHORTEST_SENTENCE:
                        sentences.setdefault(_fold(sentence), str(file))
    return MeasuredTexts(sentences, questions)


def leave_out_measured(source: SampleSource, measured: MeasuredTexts) -> tuple[SampleSource, int]:
    """Return a source without the sections and questions that measure, and how many it lost."""
    sections = measured.find_sections(source)
    old_places = [i for i, unit in enumerate(source.units) if unit.section not in sections]
    places = {old: new for new, old in enumerate(old_places)}
    questions = tuple(
        replace(q, answers=tuple((places[i], span) for i, span in q.answers))
        for q in source.questions
        if q.section not in sections and measured.find_file(source, q) is None
    )
    cut = replace(source, units=[source.units[i] for i in old_places], questions=questions)
    return cut, len(source.questions) - len(questions)


def refuse_measured(source: SampleSource, measured: MeasuredTexts) -> None:
    """Raise SettingsError where a source holds what a measured file holds; it names the file."""
    sections = measured.find_sections(source)
    for section, file in sections.items():
        raise SettingsError(
            f"{source.name} has a paragraph ({section}) that stands in {file}, which measures. "
            "Leave it out: --leave-out-measured, or take another source."
        )
    for question in source.questions:
        if file_of_question := measured.find_file(source, question):
            raise SettingsError(
                f"{source.name} has a question that stands in {file_of_question}, which measures. "
                "Leave it out: --leave-out-measured, or take another source."
            )


def _iter_texts(file: Path) -> Iterator[tuple[str, str]]:
    if file.suffix == ".jsonl":
        for line in file.read_text(encoding="utf-8").splitlines():
            if question := json.loads(line).get("question"):
                yield "question", str(question)
    elif file.suffix == ".json":
        yield from _iter_squad_texts(json.loads(file.read_text(encoding="utf-8")))
    elif file.suffix in _TEXT_SUFFIXES:
        yield "text", file.read_text(encoding="utf-8", errors="replace")


def _iter_squad_texts(data: Any) -> Iterator[tuple[str, str]]:
    if not (isinstance(data, dict) and "data" in data):
        return
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            yield "text", paragraph["context"]
            yield from (("question", q["question"]) for q in paragraph["qas"])


def _fold(text: str) -> str:
    return "".join(filter(str.isalnum, normalise_text(text)))
