"""Measure follow-up questions on MTRAG: what rewriting finds, and when the desk asks back.

    python -m tests.lab.quality.conversations --mtrag DIR [--home HOME]

Rewriting, without a model: retrieval for the question as it is made to stand alone, against the
last turn alone, over the passages of all tasks, on tasks with an answer and a conversation before
it; and what it costs where a question has nothing to do with the one before. Asking back
(``clarify``): how often on the tasks that people call underspecified, and how often, wrongly, on
the others. Writes "Conversations" of RESULTS.md.
"""

import argparse
import asyncio
import contextlib
import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from eval.case import Case
from eval.imports import mtrag
from eval.ranking_metrics import compute_ndcg, compute_recall, remove_repeats
from eval.stats import Estimate, estimate_difference, estimate_mean, estimate_proportion
from ragdesk.answering.answer import Answer, Outcome, Question, Turn
from ragdesk.answering.follow_up import needs_context
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.assemble import Workspace
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.quality.handbook import cases as handbook_cases
from tests.lab.quality.handbook import take_in
from tests.lab.results import write_section

DEEP = 10
MEASURES = ("recall@5", "nDCG@10")
HEAD = (
    "| what | tasks | last turn alone | rewritten | rewritten over alone |\n|---|---|---|---|---|"
)


def passages(file: Path, folder: Path) -> None:
    """Write every passage of every task as a document, under its title where it has one."""
    for task in mtrag.read_mtrag_tasks(file):
        for passage in task["contexts"]:
            title = " ".join((passage.get("title") or "").split())
            text = f"# {title}\n\n{passage['text']}" if title else passage["text"]
            (folder / mtrag.name_passage(passage)).with_suffix(".md").write_text(
                text, encoding="utf-8"
            )


def opened(file: Path, home: Path) -> OpenCollection:
    """Take the passages in, where that is not done yet, and open them."""
    desks = Workspace(home, Settings())
    if not desks.list_collections():
        with tempfile.TemporaryDirectory() as folder:
            passages(file, Path(folder))
            desks.make_job("default").run([Path(folder)])
    return desks.open_collection("default")


def turns(case: Case) -> tuple[Turn, ...]:
    """Give what was said before a case's question."""
    return tuple(
        Turn(role="user" if turn["role"] == "user" else "assistant", text=turn["text"])
        for turn in case.history
    )


def score_passages(answer: Answer, case: Case) -> tuple[float, float]:
    """Score what was found: recall@5 and nDCG@10."""
    wanted = {Path(evidence.uri).stem for evidence in case.evidence}
    order = remove_repeats([Path(p.uri).stem for p in answer.passages])
    return compute_recall(order, wanted, k=5), compute_ndcg(order, dict.fromkeys(wanted, 1), k=DEEP)


def rewriting(answers: Sequence[tuple[Case, Answer, Answer]]) -> list[str]:
    """Compare both ways of asking, over all follow-ups and over those that lean on the talk."""
    rows = []
    for name, only in (("every follow-up", False), ("those that point back, or are short", True)):
        kept = [
            (case, score_passages(alone, case), score_passages(whole, case))
            for case, alone, whole in answers
            if case.answerable
            and case.history
            and (not only or needs_context(analyze_question(case.question), turns(case)))
        ]
        clusters = [case.cluster for case, _, _ in kept]
        for at, measure in enumerate(MEASURES):
            theirs = [a[at] for _, a, _ in kept]
            ours = [b[at] for _, _, b in kept]
            cells = [
                estimate_mean(theirs, clusters),
                estimate_mean(ours, clusters),
                estimate_difference(ours, theirs, clusters),
            ]
            rows.append(f"| {measure}, {name} | {len(kept)} | {' | '.join(map(_cell, cells))} |")
    return rows


def another_subject(company: OpenCollection, seed: int = 0) -> str:
    """Ask of the sample company right after another question, and compare with asking it alone."""
    dice = random.Random(seed)  # noqa: S311 (no secret)
    known = [case for case in handbook_cases() if case.answerable]
    alone: list[float] = []
    after: list[float] = []
    for case in known:
        before = dice.choice(
            [other for other in known if other.evidence[0].uri != case.evidence[0].uri]
        )
        turns_before = (
            Turn(role="user", text=before.question),
            Turn(role="assistant", text="Yes."),
        )
        for scores, history in ((alone, ()), (after, turns_before)):
            answer = asyncio.run(company.desk.ask(Question(text=case.question, history=history)))
            scores.append(score_passages(answer, case)[0])
    cells = [estimate_mean(alone), estimate_mean(after), estimate_difference(after, alone)]
    name = "recall@5, sample company, after a question about something else"
    return f"| {name} | {len(known)} | {' | '.join(map(_cell, cells))} |"


def asking_back(
    answers: Sequence[tuple[Case, Answer, Answer]], company: OpenCollection
) -> list[str]:
    """Count how often a task of each kind, and a case of the sample company, is asked back."""
    counts: dict[str, list[float]] = defaultdict(list)
    for case, _, whole in answers:
        counts[f"MTRAG {case.tags[0]}"].append(whole.outcome is Outcome.CLARIFY)
    for case in handbook_cases():
        answer = asyncio.run(company.desk.ask(Question(text=case.question)))
        kind = "answerable" if case.answerable else "unanswerable"
        counts[f"sample company {kind}"].append(answer.outcome is Outcome.CLARIFY)
    return [
        f"| {kind} | {sum(back):.0f} of {len(back)} | {_cell(estimate_proportion(back))} |"
        for kind, back in sorted(counts.items())
    ]


def _cell(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mtrag", type=Path, required=True, help="reference.jsonl, or its folder")
    parser.add_argument("--home", type=Path, help="where the passages are, or are to be, taken in")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mtrag_collection = opened(options.mtrag, options.home or scratch / "mtrag")
        answers = []
        for case in mtrag.read_mtrag_cases(options.mtrag):
            alone = asyncio.run(mtrag_collection.desk.ask(Question(text=case.question)))
            whole = asyncio.run(
                mtrag_collection.desk.ask(Question(text=case.question, history=turns(case)))
            )
            answers.append((case, alone, whole))
        company = take_in(scratch / "company")
        rows = [*rewriting(answers), another_subject(company)]
        back = asking_back(answers, company)
    titles = "| asked back (`clarify`), with the conversation | questions | share |\n|---|---|---|"
    body = "\n".join([HEAD, *rows, "", titles, *back])
    print(body)
    write_section("Conversations", "python -m tests.lab.quality.conversations --mtrag DIR", body)


if __name__ == "__main__":
    main()
