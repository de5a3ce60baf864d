"""Fit the shares of ``[verify]`` on one half of rated answers, and try them on the other half.

    python -m tests.lab.quality.thresholds --mtrag DIR

Sentences of answers that every rater called fully faithful, each checked against its own passages,
and against those of the other conversation that carry it best: what the nearest wrong citation
would look like. ``supported`` is the share with the best balanced accuracy between the two;
``partial``, below which a sentence is not said, the one that one in twenty of the rightly cited
misses. Whole conversations fall into one half. Writes "Thresholds" of RESULTS.md.
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from eval import stats
from eval.imports.rated import RatedText, read_rated_set
from eval.target_reply import is_refusal_sentence
from eval.validate import compute_idf, find_threshold
from indexes.chunk import Passage
from indexes.text.sentences import split_sentences
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.writing_options import VerifyOptions
from tests.lab.quality.verify import whole
from tests.lab.results import write_section

LOST = 0.05  # of the rightly cited sentences that may be left out


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: its conversation, its support by its own passages, by the nearest others."""

    conversation: str
    own: float
    other: float

    @property
    def trained(self) -> bool:
        """Tell in which half it falls."""
        return hashlib.sha256(self.conversation.encode()).digest()[0] % 2 == 0


def measure(rated: Sequence[RatedText]) -> list[Sentence]:
    """Check every claim of the faithful answers both ways."""
    idf = cache(compute_idf([source for rated_text in rated for source in rated_text.sources]))
    verify = ClaimChecker(options=VerifyOptions(), idf=idf)
    best = max(rated_text.rating for rated_text in rated)
    cited = {
        rated_text.cluster: [whole(source) for source in rated_text.sources] for rated_text in rated
    }
    sentences = []
    for rated_text in rated:
        if rated_text.rating < best or not any(map(str.strip, rated_text.sources)):
            continue
        mine = _conversation(rated_text)
        others = [passages for task, passages in cited.items() if task.partition("<::>")[0] != mine]
        for start, end in split_sentences(rated_text.text):
            sentence = rated_text.text[start:end]
            if drop_stopwords(tokenize_text(sentence)) and not is_refusal_sentence(sentence):
                own = verify(sentence, cited[rated_text.cluster]).support
                sentences.append(Sentence(mine, own, _nearest(verify, sentence, others)))
    return sentences


def _nearest(verify: ClaimChecker, sentence: str, others: Sequence[Sequence[Passage]]) -> float:
    return max((verify(sentence, passages).support for passages in others if passages), default=0.0)


def _conversation(rated_text: RatedText) -> str:
    return rated_text.cluster.partition("<::>")[0]


def fit(sentences: Sequence[Sentence]) -> tuple[float, float]:
    """Give ``supported`` and ``partial``, rounded to hundredths."""
    values = np.array([share for sentence in sentences for share in (sentence.own, sentence.other)])
    right = np.array([True, False] * len(sentences))
    supported = find_threshold(values, right)
    partial = min(supported, float(np.quantile([sentence.own for sentence in sentences], LOST)))
    return round(supported, 2), round(partial, 2)


def row(name: str, share: float, sentences: Sequence[Sentence]) -> str:
    """Write what a threshold keeps of the rightly cited, and catches of the wrongly cited."""
    where = [sentence.conversation for sentence in sentences]
    kept = stats.estimate_mean([float(sentence.own >= share) for sentence in sentences], where)
    caught = stats.estimate_mean([float(sentence.other < share) for sentence in sentences], where)
    good = sum(sentence.own >= share for sentence in sentences)
    bad = sum(sentence.other >= share for sentence in sentences)
    cells = [name, f"{share:.2f}", str(len(sentences)), _cell(kept), _cell(caught)]
    return f"| {' | '.join([*cells, f'{good / max(1, good + bad):.3f}'])} |"


def _cell(estimate: stats.Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def main() -> None:
    """Fit, try, print and write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mtrag", type=Path, required=True)
    options = parser.parse_args()
    sentences = measure(read_rated_set("mtrag", options.mtrag))
    halves = {
        "fitted on": [sentence for sentence in sentences if sentence.trained],
        "held out": [sentence for sentence in sentences if not sentence.trained],
    }
    supported, partial = fit(halves["fitted on"])
    now = VerifyOptions()
    rows = []
    for half, some in halves.items():
        rows += [
            row(f"supported, fitted: {half}", supported, some),
            row(f"partial, fitted: {half}", partial, some),
            row(f"supported, as set: {half}", now.supported, some),
            row(f"partial, as set: {half}", now.partial, some),
        ]
    head = (
        "| share: half | share | sentences | rightly cited that reach it "
        "| wrongly cited that do not | precision, as many of each |\n|" + " --- |" * 6
    )
    body = "\n".join([head, *rows])
    print(body)
    write_section("Thresholds", "python -m tests.lab.quality.thresholds --mtrag DIR", body)


if __name__ == "__main__":
    main()
