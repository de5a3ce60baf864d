"""Help texts of companies that do not exist, and the questions that customers ask about them.

Written for the training of ``sentence_training`` by writers who had seen none of our measured sets,
companies and code; tests/lab/help_texts/README.md says how. A document has sections, a section
sentences (or rows of a table), questions with the places of the sentences that answer, and
questions near the subject that nothing in the document answers.
"""

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes.text.tokens import tokenize_text

FOLDER = Path(__file__).parents[1] / "help_texts"
HELD_OUT = 15  # every so many documents are held out
DocumentPlace = tuple[int, int]  # of the texts, and of a document in them


@dataclass(frozen=True, slots=True)
class HelpUnit:
    """A sentence or a row. section: its place in the document. heading, faq: what it stands below.

    faq: the question that the section answers, as the company writes it; empty where it has none.
    """

    text: str
    section: int
    heading: str
    faq: str

    def read_text(self, *, with_faq: bool = True, with_heading: bool = True) -> str:
        """Return it as it is compared with a question: below its heading, behind its question."""
        asked = f"{self.faq} " if self.faq and with_faq else ""
        return f"{self.heading}. {asked}{self.text}" if with_heading else f"{asked}{self.text}"


@dataclass(frozen=True, slots=True)
class HelpQuestion:
    """A question about a document. answers: places of the units that answer it; none for no one."""

    document: int
    section: int
    text: str
    answers: frozenset[int]


@dataclass(frozen=True, slots=True)
class HelpTexts:
    """The documents of a language, as units, and all questions about them."""

    documents: Sequence[Sequence[HelpUnit]]
    questions: Sequence[HelpQuestion]

    def split_held_out(self) -> tuple[list[HelpQuestion], list[HelpQuestion]]:
        """Return the questions to learn from, and those of documents that are held out."""
        held = [q for q in self.questions if q.document % HELD_OUT == 0]
        return [q for q in self.questions if q.document % HELD_OUT], held


def read_help_texts(language: str, folder: Path = FOLDER) -> HelpTexts:
    """Read the documents of a language."""
    documents, questions = [], []
    lines = (folder / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        record = json.loads(line)
        units = list(_iter_units(record))
        documents.append(units)
        for place, section in enumerate(record["sections"]):
            first = next(n for n, unit in enumerate(units) if unit.section == place)
            for asked in section.get("questions", ()):
                places = [asked["a"]] if isinstance(asked["a"], int) else asked["a"]
                answers = frozenset(first + n for n in places if n < len(section["text"]))
                if answers:
                    questions.append(HelpQuestion(number, place, asked["q"], answers))
            questions += [
                HelpQuestion(number, place, near, frozenset()) for near in section.get("near", ())
            ]
    return HelpTexts(documents, questions)


def _iter_units(record: dict[str, list[dict[str, list[str]]]]) -> Iterator[HelpUnit]:
    for place, section in enumerate(record["sections"]):
        columns = str(section.get("columns") or "")
        for text in section["text"]:
            line = _name_cells(text, columns) if columns else text
            heading, faq = str(section["heading"]), str(section.get("faq") or "")
            yield HelpUnit(line.replace("\n", " "), place, heading, faq)


def _name_cells(row: str, columns: str) -> str:
    """Write a row as the desk reads it: "column: cell; column: cell"."""
    cells, names = ([part.strip() for part in line.split("|")] for line in (row, columns))
    if len(cells) != len(names):
        return row
    pairs = zip(names, cells, strict=True)
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)


class CandidateChooser:
    """Chooses the units that a held-out question is compared with: what answers, and what is like it.

    The others are of the same section and of its siblings, those first that share most words with
    the question, and one of another document.
    """

    def __init__(self, texts: HelpTexts) -> None:
        self._documents = texts.documents
        self._words = [
            [frozenset(tokenize_text(f"{unit.heading}. {unit.text}")) for unit in units]
            for units in texts.documents
        ]

    def choose(
        self, question: HelpQuestion, most: int, chance: random.Random
    ) -> tuple[list[HelpUnit], frozenset[int]]:
        """Return units, and the places among them that answer."""
        units, asked = self._documents[question.document], frozenset(tokenize_text(question.text))
        words = self._words[question.document]

        def worth(place: int) -> float:
            share = len(asked & words[place]) / math.sqrt(len(words[place]) + 1)
            return share + 0.1 * chance.random()

        right = sorted(question.answers)
        others = [n for n in range(len(units)) if n not in question.answers]
        same = [n for n in others if units[n].section == question.section]
        same.sort(key=worth, reverse=True)
        siblings = [n for n in others if units[n].section != question.section]
        siblings.sort(key=worth, reverse=True)
        wanted = most - len(right) - 1
        near = same[: max(2, wanted * 5 // 8)]
        chosen = [*right, *near, *siblings[: wanted - len(near)]]
        picked = [(units[n], n in right) for n in chosen]
        picked.append((chance.choice(chance.choice(self._documents)), False))
        chance.shuffle(picked)
        answers = frozenset(n for n, (_, answers) in enumerate(picked) if answers)
        return [unit for unit, _ in picked], answers


@dataclass(frozen=True, slots=True)
class HelpBatch:
    """Units of some documents, and questions about them.

    answers: of each question, the places of the units that answer it; none for no one. hidden: (questions,
    units), true where a question is not compared with a unit.
    """

    units: Sequence[str]
    questions: Sequence[str]
    answers: Sequence[frozenset[int]]
    hidden: NDArray[np.bool_]


class DocumentBatches:
    """Batches of whole documents to learn from: each question meets all units of all of them.

    near_share: of the questions without an answer, how many are used. removal_share: of the others,
    how many are used as though the section that answers them were not there.
    """

    def __init__(
        self, texts: Sequence[HelpTexts], *, near_share: float, removal_share: float
    ) -> None:
        self._texts = texts
        self._near_share, self._removal_share = near_share, removal_share
        self._questions: dict[DocumentPlace, list[HelpQuestion]] = {}
        for place, language_texts in enumerate(texts):
            for question in language_texts.split_held_out()[0]:
                self._questions.setdefault((place, question.document), []).append(question)

    def split(self, size: int, chance: random.Random) -> list[list[DocumentPlace]]:
        """Return the places of all documents to learn from, in batches, in an order by chance."""
        places = sorted(self._questions)
        chance.shuffle(places)
        return [places[first : first + size] for first in range(0, len(places), size)]

    def read(self, documents: Sequence[DocumentPlace], chance: random.Random) -> HelpBatch:
        """Return the units of documents, at times without what is above them, and questions."""
        units: list[str] = []
        questions: list[str] = []
        answers: list[frozenset[int]] = []
        hidden_places: list[list[int]] = []
        for place, number in documents:
            first = len(units)
            own_units = self._texts[place].documents[number]
            units += [_vary(unit, chance) for unit in own_units]
            for question in self._questions[place, number]:
                if not question.answers and chance.random() >= self._near_share:
                    continue
                is_removed = bool(question.answers) and chance.random() < self._removal_share
                same = [n for n, u in enumerate(own_units) if u.section == question.section]
                questions.append(question.text)
                hidden_places.append([first + n for n in same] if is_removed else [])
                right = frozenset() if is_removed else question.answers
                answers.append(frozenset(first + n for n in right))
        hidden = np.zeros((len(questions), len(units)), np.bool_)
        for row, columns in enumerate(hidden_places):
            hidden[row, columns] = True
        return HelpBatch(units, questions, answers, hidden)


def _vary(unit: HelpUnit, chance: random.Random) -> str:
    """Write a unit as it may stand in other documents: at times without what is above it."""
    return unit.read_text(with_faq=chance.random() < 0.7, with_heading=chance.random() >= 0.1)
