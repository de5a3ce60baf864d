"""Measure the desk's check of sentences against texts that people rated, beside the formula.

    python -m tests.lab.quality.verify --mtrag DIR --summedits DIR --wice DIR [--flags N]

Each sentence of a rated text is checked as the desk would check one that cites all the sources; a
text is as good as its sentences are supported, by weight of words. Balanced accuracy: thresholds
fitted on the other folds. Ten sentences: an answer's own, over again if it has fewer, once as
after retrieval, which read the sources, and once with nothing read; median and 95th percentile
over the texts, in CPU time of one thread. ``--flags N`` prints N flagged sentences a set, to be
read by hand. Writes "Verify" of RESULTS.md.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from eval.imports.rated import RatedText, read_rated_set
from eval.target_reply import is_refusal_sentence
from eval.validate import compute_idf, validate_verifier
from indexes.chunk import Chunk, Passage
from indexes.text.contradictions import read_words
from indexes.text.coverage import Idf
from indexes.text.sentences import split_sentences
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.retrieval.passage_words import analyze_sentences as sentences_of
from ragdesk.answering.statement import Statement
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.writing_options import VerifyOptions
from tests.lab.results import write_section

FLAGGED = 0.5  # what a sentence with a hard flag keeps of its support, in the score of a text


@dataclass
class Checked:
    """Scores texts by the desk's check, and remembers what it said of each sentence."""

    idf: Idf
    flagged: float = FLAGGED
    statements: list[tuple[Statement, Sequence[str]]] = field(default_factory=list)
    seconds: float = 0.0

    def __call__(self, text: str, sources: Sequence[str]) -> float | None:
        """Give the share of a text that is supported; None where it claims nothing."""
        verify = ClaimChecker(options=VerifyOptions(), idf=self.idf)
        cited = [whole(source) for source in sources]
        total = supported = 0.0
        for start, end in split_sentences(text):
            sentence = text[start:end]
            words = set(drop_stopwords(tokenize_text(sentence)))
            if not words or is_refusal_sentence(sentence):
                continue
            began = time.perf_counter()
            statement = verify(sentence, cited)
            self.seconds += time.perf_counter() - began
            self.statements.append((statement, sources))
            weight = sum(map(self.idf, sorted(words)))
            total += weight
            supported += weight * statement.support * (self.flagged if statement.flags else 1.0)
        return supported / total if total else None


def ten(rated: Sequence[RatedText], idf: Idf, *, cold: bool) -> str:
    """Time the check of ten sentences at once. cold: nothing read the sources beforehand."""
    verify = ClaimChecker(options=VerifyOptions(), idf=idf)
    took = []
    for rated_text in rated:
        cited = [whole(source) for source in rated_text.sources]
        sentences = [rated_text.text[a:b] for a, b in split_sentences(rated_text.text)]
        sentences_of.cache_clear()
        read_words.cache_clear()
        for passage in () if cold else cited:
            sentences_of(passage.chunk.text)
        began = time.process_time()
        for sentence in islice(cycle(sentences), 10):
            verify(sentence, cited)
        took.append(1000 * (time.process_time() - began))
    return f"{np.quantile(took, 0.5):.1f}, {np.quantile(took, 0.95):.1f}"


def whole(text: str) -> Passage:
    """Take a source as a passage of its own."""
    chunk = Chunk(document=text[:40], uri="x", title="", text=text, start=0, end=len(text))
    return Passage(chunk=chunk, score=1.0)


def row(name: str, rated: Sequence[RatedText], show: int) -> list[str]:
    """Measure one set: with flags and without."""
    idf = cache(compute_idf([source for rated_text in rated for source in rated_text.sources]))
    lines = []
    pace = [ten(rated, idf, cold=cold) for cold in (False, True)]
    for label, share in (("support", 1.0), ("support and flags", FLAGGED)):
        checked = Checked(idf, share)
        validation = validate_verifier(rated, checked)
        figures = validation["figures"]
        gap = validation["over_the_formula"]["auroc"]
        flagged = [s for s, _ in checked.statements if s.flags]
        cells = [name, label, str(validation["texts"]), _cell(figures["auroc"]), _cell(gap)]
        cells += [
            _cell(figures["balanced_accuracy"]),
            f"{len(flagged)} of {len(checked.statements)}",
        ]
        cells += [f"{1000 * checked.seconds / max(1, len(checked.statements)):.2f}", *pace]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    kinds = Counter(flag.kind for s in flagged for flag in s.flags)
    print(name, dict(kinds), file=sys.stderr)
    step = max(1, len(flagged) // show) if show else 1
    for statement in flagged[::step][:show]:
        print("\n", [(f.kind, f.words) for f in statement.flags], statement.text, file=sys.stderr)
        print("   <-", " / ".join(q.text for q in statement.quotes)[:600], file=sys.stderr)
    return lines


def _cell(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['ci_low']:.3f}, {figure['ci_high']:.3f}]"


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("mtrag", "summedits", "wice"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--flags", type=int, default=0)
    parser.add_argument("--first", type=int, help="only so many texts of a set")
    options = parser.parse_args()
    rows: list[str] = []
    for name in ("mtrag", "summedits", "wice"):
        if path := getattr(options, name):
            rows += row(name, read_rated_set(name, path)[: options.first], options.flags)
    head = (
        "| set | scored by | texts | AUROC | AUROC over the formula, paired | balanced accuracy "
        "| sentences flagged | ms a sentence "
        "| ms for ten, p50, p95 | with sources unread |\n|" + " --- |" * 10
    )
    command = "python -m tests.lab.quality.verify --mtrag DIR --summedits DIR --wice DIR"
    if options.first is None:
        write_section("Verify", command, "\n".join([head, *rows]))


if __name__ == "__main__":
    main()
