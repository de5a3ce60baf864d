"""Measure what is said: right, wrong and refused shares, and what stands beside an answer.

    python -m tests.lab.quality.rightness --keep DIR --sets DIR --tidb DIR --xquad DIR

Asks the desk every case of the sample company and of the sets that are named, scores the answers
with the metrics of ``ragdesk eval``, and writes the section "Rightness" of RESULTS.md with
``--write``. XQuAD's questions are asked twice: as they are, and with the paragraph that answers
them out of sight; with ``--hide`` those of the other sets too, with the section that answers them
out of sight. ``--set decide.floor=0`` answers everything: what ``decision_fit`` is fitted on.
``--json FILE`` keeps every answer, and ``--compare BEFORE AFTER`` lists the
cases that changed. Shares are of all answerable cases, never of the answered alone.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from eval.case import Case, read_case_lines
from eval.evidence import locate_evidence
from eval.imports import squad
from eval.measure import score_cases
from eval.run import digest_case
from eval.scoring_types import ScoredCase
from eval.stats import Estimate, estimate_mean
from eval.trial import Trial
from indexes.chunk import SearchFilter
from ragdesk.answering.answer import Question, to_json_object
from ragdesk.answering.desk import Desk
from ragdesk.open_collection import OpenCollection
from tests.lab.collection_shelf import CollectionShelf
from tests.lab.open_sets import written
from tests.lab.quality import conversations, handbook
from tests.lab.quality.hidden_sections import find_evidence_rows, hide_rows
from tests.lab.quality.retrieval_table import add_run_arguments, read_settings
from tests.lab.results import write_section

SEED = 20261130
LANGUAGES = ("en", "zh")
NEW_QUESTIONS = "new questions"
NEW_CASES = Path(__file__).parents[1] / "fresh_sets" / "questions.dev.jsonl"
OWN_SETS = ("sample company", NEW_QUESTIONS, "XQuAD", "follow_ups")
HEAD = (
    "| set | answerable | right | wrong | refused | near-domain answered | far answered "
    "| section hidden, answered | beside | median length |\n" + "| --- " * 10 + "|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What a case's answer was worth. right, beside: None where that does not apply.

    hidden: its section was out of sight; right then means that it stands elsewhere too.
    """

    set: str
    id: str
    cluster: str
    stratum: str
    answerable: bool
    question: str
    hidden: bool
    outcome: str
    reason: str
    text: str
    right: bool | None
    beside: bool | None
    likelihood: float
    signals: dict[str, float]

    @property
    def is_answered(self) -> bool:
        """Tell whether an answer was given."""
        return self.outcome == "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSet:
    """Cases over a collection. filters: by case id, what may be searched.

    hidden: cases that are asked once more, without the sections that answer them.
    """

    name: str
    collection: OpenCollection
    cases: tuple[Case, ...]
    filters: dict[str, SearchFilter] = field(default_factory=dict)
    hidden: tuple[Case, ...] = ()


def iter_answer_sets(
    options: argparse.Namespace, shelf: CollectionShelf, stack: ExitStack
) -> Iterator[AnswerSet]:
    """Take in and yield the sets that were named; ``stack`` closes their collections."""
    for part in _iter_named_sets(options, shelf, stack):
        hidden = [case for case in part.cases if case.answerable and not part.filters]
        yield replace(part, hidden=tuple(hidden)) if options.hide else part


def _iter_named_sets(
    options: argparse.Namespace, shelf: CollectionShelf, stack: ExitStack
) -> Iterator[AnswerSet]:
    company = stack.enter_context(shelf.open_collection("company", handbook.HANDBOOK / "documents"))
    yield from _split_languages("sample company", company, handbook.cases())
    for file in options.cases or [NEW_CASES]:
        yield from _split_languages(NEW_QUESTIONS, company, read_case_lines(file))
    for file in sorted(options.sets.glob("*.jsonl")) if options.sets else ():
        name = file.name.partition(".")[0]
        source = options.tidb if name == "tidb" else options.sets / f"kb_{name}"
        if name == "handbook":
            collection = company
        elif source is not None and source.is_dir():
            collection = stack.enter_context(shelf.open_collection(name, source))
        else:
            print(f"{file.name}: no documents at {source}, left out", flush=True)
            continue
        yield from _split_languages(name, collection, read_case_lines(file))
    for lang in LANGUAGES if options.xquad else ():
        yield _paragraph_set(lang, options, shelf, stack)


def _split_languages(
    name: str, collection: OpenCollection, cases: Sequence[Case] | Iterator[Case]
) -> Iterator[AnswerSet]:
    listed = list(cases)
    for lang in LANGUAGES:
        part = tuple(case for case in listed if case.lang == lang)
        if part:
            yield AnswerSet(name=f"{name} {lang}", collection=collection, cases=part)


def _paragraph_set(
    lang: str, options: argparse.Namespace, shelf: CollectionShelf, stack: ExitStack
) -> AnswerSet:
    """Make the set that asks each question with its paragraph, and with that alone hidden."""
    file = options.xquad / f"xquad.{lang}.json"
    source = written(squad.read_squad_texts(file), shelf.folder / "texts" / "xquad-both" / lang)
    collection = stack.enter_context(shelf.open_collection(f"xquad-{lang}", source))
    uris = {document.uri for document in collection.documents}
    cases = list(squad.read_squad_cases(file))
    asked: list[Case] = []
    filters: dict[str, SearchFilter] = {}
    for case in random.Random(SEED).sample(cases, min(options.questions, len(cases))):  # noqa: S311
        hidden = replace(
            case,
            id=f"{case.id} hidden",
            answerable=False,
            stratum="near_domain",
            evidence=(),
            reference=(),
        )
        asked += [case, hidden]
        filters[hidden.id] = SearchFilter(uris=frozenset(uris - {e.uri for e in case.evidence}))
    return AnswerSet(
        name=f"XQuAD {lang}", collection=collection, cases=tuple(asked), filters=filters
    )


def answer_set(part: AnswerSet) -> list[CaseResult]:
    """Ask every case of a set, and score the answers."""
    asked = [(case, part.collection.desk, False) for case in part.cases]
    for case in part.hidden:
        rows = find_evidence_rows(case, part.collection.index)
        asked.append((case, hide_rows(part.collection.desk, rows), True))
    return asyncio.run(_ask_cases(part, asked))


async def _ask_cases(part: AnswerSet, asked: Sequence[tuple[Case, Desk, bool]]) -> list[CaseResult]:
    trials: dict[bool, dict[str, Trial]] = {False: {}, True: {}}
    places = {}
    for case, desk, hidden in asked:
        question = Question(
            text=case.question,
            history=conversations.turns(case),
            where=part.filters.get(case.id, SearchFilter()),
            explain=True,
        )
        reply = to_json_object(await desk.ask(question))
        trials[hidden][case.id] = Trial(case=case.id, asked=digest_case(case), reply=reply)
        located, problems = locate_evidence(case, part.collection.index.read_text)
        places[case.id] = (located, bool(problems))
    results: list[CaseResult] = []
    for hidden, own in trials.items():
        cases = [case for case, _, flag in asked if flag == hidden]
        scored_cases = score_cases(cases, own, places)
        results += [_describe_case(part.name, scored, hidden=hidden) for scored in scored_cases]
    return results


def _describe_case(name: str, scored: ScoredCase, *, hidden: bool) -> CaseResult:
    if scored.answered_case is None:
        raise ValueError(f"{scored.case.id}: {scored.scores['right'].reason}")
    case, reply = scored.case, scored.answered_case.reply
    right, beside = scored.scores["right"].value, scored.scores["beside"].value
    return CaseResult(
        set=name,
        id=case.id,
        cluster=case.cluster or case.id,
        stratum=case.stratum,
        answerable=case.answerable,
        question=case.question,
        hidden=hidden,
        outcome=reply.outcome,
        reason=reply.reason,
        text=reply.text,
        right=None if right is None else right == 1.0,
        beside=None if beside is None else beside == 1.0,
        likelihood=reply.signals.get("answerable", 0.0),
        signals=dict(reply.signals),
    )


def format_rows(results: Sequence[CaseResult]) -> Iterator[str]:
    """Write a row of shares for each set."""
    for name in dict.fromkeys(result.set for result in results):
        own = [result for result in results if result.set == name]
        here = [result for result in own if not result.hidden]
        known = [result for result in here if result.answerable]
        beside = [result for result in here if result.beside is not None]
        cells = [
            name,
            str(len(known)),
            _share(known, [bool(r.is_answered and r.right) for r in known]),
            _share(known, [r.is_answered and not r.right for r in known]),
            _share(known, [not r.is_answered for r in known]),
            *(_count_answered(here, stratum) for stratum in ("near_domain", "out_of_kb")),
            _count_false_answers([result for result in own if result.hidden]),
            _share(beside, [bool(r.beside) for r in beside]),
            _median_length(here),
        ]
        yield f"| {' | '.join(cells)} |"


def pool_sets(results: Sequence[CaseResult], names: Sequence[str]) -> list[CaseResult]:
    """Return the results of several sets as those of one, a language each."""
    return [
        replace(result, set=f"customers' sets {result.set.rpartition(' ')[2]}")
        for result in results
        if result.set in names
    ]


def _share(results: Sequence[CaseResult], values: Sequence[bool]) -> str:
    if not results:
        return "–"
    share: Estimate = estimate_mean([float(v) for v in values], [r.cluster for r in results])
    return str(share)


def _count_answered(results: Sequence[CaseResult], stratum: str) -> str:
    part = [r for r in results if r.stratum == stratum and not r.answerable]
    return f"{sum(r.is_answered for r in part)} of {len(part)}" if part else "–"


def _count_false_answers(results: Sequence[CaseResult]) -> str:
    wrong = [r.is_answered and not r.right for r in results]
    return f"{sum(wrong)} of {len(wrong)}" if wrong else "–"


def _median_length(results: Sequence[CaseResult]) -> str:
    lengths = [len(r.text) for r in results if r.is_answered and r.answerable]
    return f"{statistics.median(lengths):.0f}" if lengths else "–"


def write_results(file: Path, results: Sequence[CaseResult]) -> None:
    """Write results, one a line."""
    lines = [json.dumps(asdict(result), ensure_ascii=False) for result in results]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_results(file: Path) -> list[CaseResult]:
    """Read results that were written down."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [CaseResult(**json.loads(line)) for line in lines]


def compare_results(before: Sequence[CaseResult], after: Sequence[CaseResult]) -> Iterator[str]:
    """List the cases whose answer became right or wrong, was begun or was given up."""
    earlier = {(result.set, result.id, result.hidden): result for result in before}
    for result in after:
        old = earlier.get((result.set, result.id, result.hidden))
        if old and (old.right, old.is_answered) != (result.right, result.is_answered):
            yield (
                f"{result.set} {result.id}: {_describe_state(old)} -> {_describe_state(result)}\n"
                f"    asked:  {result.question!r}\n    before: {old.text!r}\n"
                f"    after:  {result.text!r}"
            )


def _describe_state(result: CaseResult) -> str:
    if not result.is_answered:
        return "refused"
    return "right" if result.right else "wrong"


def main() -> None:
    """Ask, print, and write down if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    for name in ("sets", "tidb", "xquad"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR")
    parser.add_argument("--cases", type=Path, action="append", help="more cases of the company")
    parser.add_argument("--questions", type=int, default=200, help="of XQuAD, a language")
    parser.add_argument("--hide", action="store_true", help="ask without the sections too")
    parser.add_argument("--json", type=Path, help="where to keep every answer")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    options = parser.parse_args()
    if options.compare:
        print("\n".join(compare_results(*map(read_results, options.compare))))
        return
    results: list[CaseResult] = []
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        shelf = CollectionShelf(options.keep or Path(scratch), read_settings(options))
        for part in iter_answer_sets(options, shelf, stack):
            results += answer_set(part)
            shelf.embedder.save()
            own = [result for result in results if result.set == part.name]
            print(*format_rows(own), sep="\n", flush=True)
    if options.json:
        write_results(options.json, results)
    own = {result.set for result in results if result.set.startswith(OWN_SETS)}
    pooled = pool_sets(results, sorted({result.set for result in results} - own))
    body = "\n".join([HEAD, *format_rows(results), *format_rows(pooled)])
    print(body)
    if options.write:
        write_section("Rightness", "python -m tests.lab.quality.rightness …", body)


if __name__ == "__main__":
    main()
