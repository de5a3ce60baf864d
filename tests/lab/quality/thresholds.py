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
from ragdesk.answering.writing.claim_check import ClaimChecker, VerifyOptions
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
    idf = cache(compute_idf([source for one in rated for source in one.sources]))
    verify = ClaimChecker(options=VerifyOptions(), idf=idf)
    best = max(one.rating for one in rated)
    cited = {one.cluster: [whole(source) for source in one.sources] for one in rated}
    found = []
    for one in rated:
        if one.rating < best or not any(map(str.strip, one.sources)):
            continue
        mine = _conversation(one)
        others = [held for task, held in cited.items() if task.partition("<::>")[0] != mine]
        for start, end in split_sentences(one.text):
            said = one.text[start:end]
            if drop_stopwords(tokenize_text(said)) and not is_refusal_sentence(said):
                own = verify(said, cited[one.cluster]).support
                found.append(Sentence(mine, own, _nearest(verify, said, others)))
    return found


def _nearest(verify: ClaimChecker, said: str, others: Sequence[Sequence[Passage]]) -> float:
    return max((verify(said, held).support for held in others if held), default=0.0)


def _conversation(one: RatedText) -> str:
    return one.cluster.partition("<::>")[0]


def fit(held: Sequence[Sentence]) -> tuple[float, float]:
    """Give ``supported`` and ``partial``, rounded to hundredths."""
    values = np.array([share for one in held for share in (one.own, one.other)])
    right = np.array([True, False] * len(held))
    supported = find_threshold(values, right)
    partial = min(supported, float(np.quantile([one.own for one in held], LOST)))
    return round(supported, 2), round(partial, 2)


def row(name: str, share: float, held: Sequence[Sentence]) -> str:
    """Write what a threshold keeps of the rightly cited, and catches of the wrongly cited."""
    where = [one.conversation for one in held]
    kept = stats.estimate_mean([float(one.own >= share) for one in held], where)
    caught = stats.estimate_mean([float(one.other < share) for one in held], where)
    good, bad = sum(one.own >= share for one in held), sum(one.other >= share for one in held)
    cells = [name, f"{share:.2f}", str(len(held)), _cell(kept), _cell(caught)]
    return f"| {' | '.join([*cells, f'{good / max(1, good + bad):.3f}'])} |"


def _cell(one: stats.Estimate) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def main() -> None:
    """Fit, try, print and write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mtrag", type=Path, required=True)
    given = parser.parse_args()
    held = measure(read_rated_set("mtrag", given.mtrag))
    halves = {
        "fitted on": [one for one in held if one.trained],
        "held out": [one for one in held if not one.trained],
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
