"""Measure how the gap report groups questions that ask the same.

    python -m tests.lab.quality.gaps [--list] [--write]

60 questions of ours in each language, on 12 subjects that the sample company's documents leave out,
five ways to ask each. Of all pairs of questions: precision is the share of the pairs in one group
that are of one subject, recall the share of a subject's pairs that stand in one group. Each half of
the subjects is measured by itself too: the floor must not hang on a few of them. ``--list`` prints
the groups; ``--write`` writes the section "Groups of the gap report" of RESULTS.md.
"""

import argparse
import csv
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from indexes.embedding.background import Background, measure_background
from indexes.embedding.embedder import Embedder, EmbedOptions, open_embedder
from ragdesk.support.learning.gap_report import GapOptions
from ragdesk.support.learning.question_clusters import Vectors, cluster_questions
from tests.lab.results import write_section

QUESTIONS = Path(__file__).with_name("gap_questions.tsv")
PARTS = {"even": slice(0, None, 2), "odd": slice(1, None, 2), "all": slice(None)}
FLOORS = tuple(round(0.3 + 0.05 * step, 2) for step in range(9))


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question and the subject that it is about."""

    topic: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Pairs of questions: in one group, of one subject, and both."""

    grouped: int
    same: int
    both: int

    @property
    def precision(self) -> float:
        """Share of the grouped pairs that are of one subject."""
        return self.both / max(self.grouped, 1)

    @property
    def recall(self) -> float:
        """Share of the pairs of one subject that are grouped."""
        return self.both / max(self.same, 1)

    @property
    def f_score(self) -> float:
        """Weigh precision twice: a group of two subjects makes one wrong entry out of both."""
        precision, recall = self.precision, self.recall
        return 1.25 * precision * recall / max(0.25 * precision + recall, 1e-9)


def main() -> None:
    """Measure every floor, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        embedder = open_embedder(EmbedOptions(), Path(cache))
        background = measure_background(embedder)
        questions = read_questions()
        table = format_table(questions, embedder, background)
        print(table)
        if args.list:
            for language in ("en", "zh"):
                print_groups([q for q in questions if q.language == language], embedder, background)
    if args.write:
        write_section("Groups of the gap report", "python -m tests.lab.quality.gaps --write", table)


def read_questions() -> list[AskedQuestion]:
    """Read the questions."""
    with QUESTIONS.open(encoding="utf-8") as file:
        return [AskedQuestion(**row) for row in csv.DictReader(file, delimiter="\t")]


def measure_groups(
    questions: Sequence[AskedQuestion], vectors: Vectors, shared: Vectors, floor: float
) -> PairCounts:
    """Count pairs of questions of one language, grouped by a floor."""
    labels = np.zeros(len(questions), dtype=int)
    for number, members in enumerate(cluster_questions(vectors, shared, floor)):
        labels[members] = number
    grouped = same = both = 0
    for a, b in combinations(range(len(questions)), 2):
        is_grouped = bool(labels[a] == labels[b])
        is_same = questions[a].topic == questions[b].topic
        grouped, same, both = grouped + is_grouped, same + is_same, both + (is_grouped and is_same)
    return PairCounts(grouped, same, both)


def format_table(
    questions: Sequence[AskedQuestion], embedder: Embedder, background: Background
) -> str:
    """Write precision and recall by floor, for each half of the subjects of each language."""
    heads = [f"{language}, {part} subjects" for language in ("en", "zh") for part in PARTS]
    lines = [f"| floor | {' | '.join(heads)} |", f"|{' --- |' * (len(heads) + 1)}"]
    best, best_score = 0.0, -1.0
    for floor in FLOORS:
        cells, score = [], 0.0
        for language in ("en", "zh"):
            topics = list(dict.fromkeys(q.topic for q in questions if q.language == language))
            for part in PARTS.values():
                own = [q for q in questions if q.topic in topics[part] and q.language == language]
                vectors = embed_questions(own, embedder)
                counts = measure_groups(own, vectors, background.mean_question(language), floor)
                cells.append(f"{counts.precision:.3f} / {counts.recall:.3f}")
            score += counts.f_score  # of all subjects, the last part
        best, best_score = (floor, score) if score > best_score else (best, best_score)
        lines.append(f"| {floor:.2f} | {' | '.join(cells)} |")
    note = (
        "Precision / recall of pairs. Precision weighs twice (F0.5), as a group of two subjects "
        f"makes one wrong entry: best on all subjects is {best:.2f}; the report uses "
        f"{GapOptions().floor:.2f}."
    )
    return "\n".join([*lines, "", note])


def embed_questions(questions: Sequence[AskedQuestion], embedder: Embedder) -> Vectors:
    """Embed questions (n, dim). Raises ValueError where the embedder reads none."""
    rows = [embedder.embed_query(question.text) for question in questions]
    if any(row is None for row in rows):
        raise ValueError("This embedder does not read every question.")
    return np.stack([row for row in rows if row is not None])


def print_groups(
    questions: Sequence[AskedQuestion], embedder: Embedder, background: Background
) -> None:
    """Print the groups that the floor of the report makes."""
    vectors = embed_questions(questions, embedder)
    shared = background.mean_question(questions[0].language)
    for members in cluster_questions(vectors, shared, GapOptions().floor):
        for n in members:
            print(f"{questions[n].topic:14} {questions[n].text}")
        print()


if __name__ == "__main__":
    main()
