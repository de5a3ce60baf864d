"""Measure the check of sentences on what a small real model wrote, claim by claim, read by people.

    python -m tests.lab.quality.natural_claims --measure [--claims PATH…] [--half dev] [--show]
    python -m tests.lab.quality.natural_claims --record --url URL --into FOLDER [--documents DIR
        --questions FILE]

A claim is labelled borne out, not, or no claim; good ones are those that are borne out. Lost is a good
one that the check leaves out, passed one that is not borne out and is said, said back one that claims
nothing and counts as a supported claim. An answer is wrong where it says something that is not borne
out, or nothing that answers the question. ``--half`` takes the claims that fell into one half, by
their words. Writes "Natural claims" of RESULTS.md, unless ``--show`` prints what was judged wrongly.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eval import stats
from eval.validate import compute_idf
from indexes.chunk import Passage
from indexes.text.coverage import choose_pieces
from indexes.text.tokens import tokenize_text
from ragdesk.answering.answer import Claim, ClaimVerdict, Outcome
from ragdesk.answering.decision import decide_outcome
from ragdesk.answering.statement import Statement
from ragdesk.answering.writing.citations import cite_statement
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.writing_options import VerifyOptions
from tests.lab.quality.claim_recorder import RecordOptions, record_claims
from tests.lab.quality.claim_sets import (
    ClaimRecord,
    ClaimSet,
    group_answers,
    read_claim_set,
    write_claim_set,
)
from tests.lab.quality.handbook import HANDBOOK, cases, take_in
from tests.lab.results import write_section

SMOLLM2 = Path(__file__).parents[1] / "claims_smollm2"
SAID = {ClaimVerdict.SUPPORTED, ClaimVerdict.PARTIAL}


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim with what the check made of it."""

    record: ClaimRecord
    statement: Statement

    @property
    def is_said(self) -> bool:
        """Tell whether it counts as a claim of the answer."""
        return self.statement.verdict in SAID


def check_claims(claim_set: ClaimSet, options: VerifyOptions | None = None) -> list[Checked]:
    """Check every claim that has a label, words weighed over the passages of the set."""
    texts = [passage.chunk.indexed_text for passage in claim_set.passages.values()]
    check = ClaimChecker(options=options or VerifyOptions(), idf=cache(compute_idf(texts)))
    return [
        Checked(record, check(record.claim, claim_set.cited(record), record.question))
        for record in claim_set.claims
        if record.label
    ]


def claim_rows(name: str, checked: Sequence[Checked]) -> list[str]:
    """Write a row for each kind of mistake, with intervals over questions."""
    rows = []
    for label, what, wrong in (
        ("not", "not borne out, passed", True),
        ("borne", "borne out, lost", False),
        ("no_claim", "no claim, said as one", True),
    ):
        some = [item for item in checked if item.record.label == label]
        if some:
            share = stats.estimate_mean(
                [float(item.is_said is wrong) for item in some],
                [item.record.question for item in some],
                within=(0, 1),
            )
            count = sum(item.is_said is wrong for item in some)
            rows.append(f"| {name} | {what} | {count} of {len(some)} | {share} |")
    return rows


def answer_rows(name: str, checked: Sequence[Checked]) -> list[str]:
    """Count answers right, wrong and refused: nothing checked, and what the check leaves."""
    answers: dict[str, list[Checked]] = {}
    for item in checked:
        answers.setdefault(item.record.answer, []).append(item)
    rows = []
    for how, keep in (("check off", False), ("check on", True)):
        kinds = [_judge_answer(some, check=keep) for some in answers.values()]
        cells = [f"{kind} {kinds.count(kind)}" for kind in ("right", "wrong", "refused")]
        rows.append(f"| {name} | answers, {how} | {', '.join(cells)} of {len(kinds)} | |")
    return rows


def _judge_answer(checked: Sequence[Checked], *, check: bool) -> str:
    said = [item for item in checked if item.is_said or not check]
    if check and decide_outcome(_claims(said)) is not Outcome.ANSWERED:
        return "refused"
    if any(item.record.label == "not" for item in said):
        return "wrong"
    return "right" if any(item.record.answers for item in said) else "wrong"


def _claims(checked: Iterable[Checked]) -> list[Claim]:
    return [cite_statement(item.statement, ())[0] for item in checked]


def print_mistakes(checked: Sequence[Checked]) -> None:
    """Print what was judged otherwise than a person did, with what it rests on."""
    for item in checked:
        statement, record = item.statement, item.record
        if item.is_said is (record.label == "borne"):
            continue
        flags = [(flag.kind, flag.words) for flag in statement.flags]
        print(f"\n{record.label} {statement.verdict} {statement.support:.2f} {flags}")
        print(f"  Q {record.question}\n  C {record.claim}")
        print("  <-", " / ".join(quote.text for quote in statement.quotes)[:500])


def find_handbook_passages(path: Path) -> ClaimSet:
    """Read a file of single claims over the sample company, which is taken in for that."""
    with tempfile.TemporaryDirectory() as scratch, take_in(Path(scratch)) as opened:
        chunks = [
            chunk for listed in opened.documents for chunk in opened.index.read_document(listed)[1]
        ]

        def find_passages(uri: str, quote: str) -> list[Passage]:
            """Find what holds a quote; one in the words of the file itself by its words."""
            own = [chunk for chunk in chunks if chunk.uri == uri]
            exact = [chunk for chunk in own if quote in chunk.text]
            words = [frozenset(tokenize_text(chunk.text)) for chunk in own]
            places, _ = choose_pieces(tokenize_text(quote), words, lambda _: 1.0)
            return [
                Passage(chunk=chunk, score=1.0)
                for chunk in exact[:1] or [own[place] for place in places]
            ]

        claim_set = read_claim_set(path, find_passages)
        everything = {chunk.id: Passage(chunk=chunk, score=1.0) for chunk in chunks}
    return ClaimSet(claims=claim_set.claims, passages={**everything, **claim_set.passages})


def measure(paths: Sequence[Path], half: str, *, show: bool) -> str:
    """Measure sets, and return the table."""
    rows = ["| set, language, half | what | count | share |", "| --- | --- | --- | --- |"]
    for path in paths:
        claim_set = read_claim_set(path) if path.is_dir() else find_handbook_passages(path)
        checked = check_claims(claim_set)
        for language in ("en", "zh"):
            some = [
                item
                for item in checked
                if item.record.language == language and half in {"all", item.record.half}
            ]
            if some:
                name = f"{path.stem}, {language}, {half}"
                rows += [*claim_rows(name, some), *answer_rows(name, some)]
                if show:
                    print_mistakes(some)
    return "\n".join(rows)


def record(options: argparse.Namespace) -> None:
    """Ask, and write down what was said; labels are put in by hand."""
    if options.questions:
        lines = options.questions.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        questions = [row["question"] for row in rows if row.get("lang", "en") == "en"]
    else:
        own = (SMOLLM2 / "questions.txt").read_text(encoding="utf-8").splitlines()
        questions = [*(case.question for case in cases() if case.lang == "en"), *own]
    asked = RecordOptions(
        url=options.url,
        temperatures=options.temperatures,
        answers=options.answers,
        tokenizer=options.tokenizer,
        passages=options.passages,
    )
    with tempfile.TemporaryDirectory() as scratch:
        home = options.home or Path(scratch)
        claim_set = record_claims(home, options.documents, questions, asked)
    write_claim_set(options.into, claim_set)
    print(f"{len(group_answers(claim_set.claims))} answers, {len(claim_set.claims)} claims")


def main() -> None:
    """Record, or measure, print and write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--record", action="store_true")
    what.add_argument("--measure", action="store_true")
    parser.add_argument("--claims", type=Path, nargs="+", default=[SMOLLM2])
    parser.add_argument("--half", choices=("dev", "held", "all"), default="all")
    parser.add_argument("--show", action="store_true", help="print what was judged wrongly")
    parser.add_argument("--url", default="http://127.0.0.1:8000/v1")
    parser.add_argument("--into", type=Path, help="the folder to record into")
    parser.add_argument("--home", type=Path, help="a home with the documents taken in")
    parser.add_argument("--documents", type=Path, default=HANDBOOK / "documents")
    parser.add_argument("--questions", type=Path, help="lines with question and lang")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.0])
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--passages", type=int, default=4, help="that the model reads")
    parser.add_argument("--tokenizer", default="", help="the model's tokenizer.json")
    options = parser.parse_args()
    if options.record:
        if options.into is None:
            sys.exit("--record needs --into FOLDER")
        record(options)
        return
    body = measure(options.claims, options.half, show=options.show)
    print(body)
    if not options.show:
        command = "python -m tests.lab.quality.natural_claims --measure --claims PATH…"
        write_section("Natural claims", command, body)


if __name__ == "__main__":
    main()
