"""Measure what follow-up questions are answered with, over the sample company.

    python -m tests.lab.quality.follow_ups [--cases FILE] [--documents FOLDER] [--each]

Each case is asked twice: after the turns that it names, and after those with the desk's own answers
in place of the written ones. Good follow-ups must be answered, and rightly; off-topic ones not. Writes
"Follow-ups" of RESULTS.md.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.answer_metrics import compute_included_share
from eval.case import Case, read_case_lines
from eval.stats import estimate_proportion
from ragdesk.answering.answer import Answer, Outcome, Question, Turn
from ragdesk.answering.desk import Desk
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from tests.lab.quality.conversations import turns
from tests.lab.quality.handbook import HANDBOOK
from tests.lab.results import write_section

CASES = HANDBOOK / "follow_ups.jsonl"
HEAD = "| follow-ups, after the turns as | cases | answered | right |\n|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class FollowUpTrial:
    """A case with the desk's answer. way: where the answers before it come from."""

    case: Case
    way: str
    answer: Answer

    @property
    def answered(self) -> bool:
        return self.answer.outcome is Outcome.ANSWERED

    @property
    def right(self) -> bool:
        """Tell whether all that is needed was said."""
        wanted = self.case.must_include
        return self.answered and compute_included_share(self.answer.text, wanted) == 1


async def replay_turns(desk: Desk, case: Case) -> tuple[Turn, ...]:
    """Ask the earlier questions of a case, and return them with what the desk answers."""
    history: tuple[Turn, ...] = ()
    for turn in turns(case):
        if turn.role == "user":
            answer = await desk.ask(Question(text=turn.text, history=history))
            history = (*history, turn, Turn(role="assistant", text=answer.text))
    return history


async def ask_cases(desk: Desk, cases: Sequence[Case]) -> list[FollowUpTrial]:
    """Ask every case both ways."""
    trials = []
    for case in cases:
        for way, history in (("written", turns(case)), ("asked", await replay_turns(desk, case))):
            answer = await desk.ask(Question(text=case.question, history=history, explain=True))
            trials.append(FollowUpTrial(case, way, answer))
    return trials


def summarise_trials(trials: Sequence[FollowUpTrial]) -> Iterator[str]:
    """Yield a row of the table for each language, way and side."""
    for answerable, name in ((True, "good"), (False, "off-topic")):
        for lang in ("en", "zh"):
            for way in ("written", "asked"):
                kept = [
                    t
                    for t in trials
                    if (t.case.answerable, t.case.lang, t.way) == (answerable, lang, way)
                ]
                if kept:
                    answered = estimate_proportion([float(t.answered) for t in kept])
                    right = sum(t.right for t in kept) if answerable else "–"
                    count = sum(t.answered for t in kept)
                    interval = f"[{answered.low:.2f}, {answered.high:.2f}]"
                    yield (
                        f"| {name}, {lang}, {way} | {len(kept)} | {count} {interval} | {right} |"
                    )


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--documents", type=Path, default=HANDBOOK / "documents")
    parser.add_argument("--home", type=Path, help="where the documents are, or are to be, taken in")
    parser.add_argument("--each", action="store_true", help="print every answer, write nothing")
    options = parser.parse_args()
    cases = [case for case in read_case_lines(options.cases) if case.history]
    with tempfile.TemporaryDirectory() as scratch:
        desks = Workspace(options.home or Path(scratch), Settings())
        if not desks.list_collections():
            desks.make_job("default").run([options.documents])
        trials = asyncio.run(ask_cases(desks.open_collection("default").desk, cases))
    for trial in trials if options.each else ():
        side = ("off", "good")[trial.case.answerable]
        verdict = ("-", "answered")[trial.answered] + (" right" if trial.right else "")
        said = " ".join(trial.answer.text.split())[:160]
        print(f"{trial.case.id} {side} {trial.way}: {verdict} | {trial.case.question} | {said}")
    body = "\n".join([HEAD, *summarise_trials(trials)])
    print(body)
    if not options.each:
        write_section("Follow-ups", "python -m tests.lab.quality.follow_ups", body)


if __name__ == "__main__":
    main()
