"""The gate over the sample company: an untouched build passes, each planted regression fails."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from seeded_run import dice_of

from eval import gate, measure, run_folder, stats
from eval.metrics import METRICS
from eval.release import release_run
from eval.release_outcome import FAILED, PASSED, UNJUDGED, ReleaseOutcome
from eval.run import run_cases
from eval.targets import CallableTarget
from indexes.embedding.embedder import EmbedderCard, EmbedOptions, open_embedder
from indexes.embedding.model_files import ENGLISH_MODEL
from ragdesk.assemble import Workspace
from ragdesk.cli.eval_target import DeskTarget
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.quality import handbook

GATE = gate.read_gate(handbook.HANDBOOK / "gate.toml")
CASES = handbook.cases()


@pytest.fixture(scope="module")
def opened(asked_company: OpenCollection) -> OpenCollection:
    return asked_company


@pytest.fixture(scope="module")
def untouched(opened: OpenCollection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untouched")
    with DeskTarget(opened) as target:
        run_cases(CASES, target, folder)
    return folder


def judged(opened: OpenCollection, folder: Path, english: OpenCollection | None = None):
    """Ask and judge. english: who is asked in English, where Chinese alone is another's."""
    with DeskTarget(opened) as target, DeskTarget(english or opened) as other:
        ask = {"en": other.ask, "zh": target.ask}
        asked = CallableTarget(lambda case: ask[case.lang](case), target.facts, target.text)
        run_cases(CASES, asked, folder)
    return release_run(folder, GATE)


@pytest.fixture(scope="module")
def passed(untouched: Path) -> ReleaseOutcome:
    return release_run(untouched, GATE)


def test_an_untouched_build_passes(untouched, passed):
    assert [one.line + one.why for one in passed.failed_verdicts] == []
    assert passed.exit_code == PASSED
    suite = ET.fromstring((untouched / "junit.xml").read_text(encoding="utf-8"))  # noqa: S314
    assert suite.get("failures") == suite.get("errors") == "0"


def test_it_passes_with_its_cases_in_another_order(untouched, tmp_path):
    for name in (run_folder.RUN, run_folder.EVIDENCE, "run.jsonl"):
        (tmp_path / name).write_bytes((untouched / name).read_bytes())
    mixed = dice_of(0).sample(CASES, len(CASES))
    lines = {json.loads(line)["id"]: line for line in _lines(untouched / run_folder.CASES)}
    (tmp_path / run_folder.CASES).write_text("".join(lines[c.id] for c in mixed), encoding="utf-8")
    assert release_run(tmp_path, GATE).exit_code == PASSED


@pytest.mark.parametrize("seed", range(20))
def test_it_passes_whatever_the_seed_and_the_order_of_cases(passed, seed, monkeypatch):
    monkeypatch.setattr(stats, "SEED", seed)
    mixed = dice_of(seed).sample(passed.report.scored, len(CASES))
    drawn = replace(
        passed.report,
        scored=mixed,
        overall=measure.aggregate_scores(mixed, METRICS),
        groups={
            name: measure.aggregate_scores(some, METRICS)
            for name, some in measure.group_cases(mixed)
        },
    )
    assert [one.line + one.why for one in gate.judge_report(GATE, drawn) if not one.passed] == []


def test_a_model_that_cannot_read_chinese_ranks_it(opened, tmp_path, cache):
    """Dense weight 1 for Chinese: the English model is useless there."""
    english = open_embedder(EmbedOptions(model=ENGLISH_MODEL, device="cpu"), cache)
    blind = _ReadsNothingYetSaysSo(english)
    given = Settings()
    alone = {"lexical": 0.0, "dense": 1.0, "focus": 0.0, "name": 0.0, "context": 0.0}
    planted = replace(given, retrieve=replace(given.retrieve, **alone))
    desks = Workspace(tmp_path / "home", planted, blind)
    desks.make_job("default").run([handbook.HANDBOOK / "documents"])
    with desks.open_collection("default") as made:
        done = judged(made, tmp_path / "run", english=opened)
    assert done.exit_code == FAILED
    failed = next(one for one in done.failed_verdicts if one.line.startswith("hit@1[lang=zh]"))
    assert len(failed.cases) >= 10
    assert all(case.lang == "zh" for case in CASES if case.id in failed.cases)


def test_a_document_that_changed_under_its_cases(tmp_path):
    folder = tmp_path / "documents"
    _copy(handbook.HANDBOOK / "documents", folder)
    file = folder / "policies" / "returns.md"
    file.write_text(file.read_text(encoding="utf-8").replace("30 days", "45 days"), "utf-8")
    by_words = replace(Settings(), embed=EmbedOptions(model="none"))
    desks = Workspace(tmp_path / "home", by_words)
    desks.make_job("default").run([folder])
    with desks.open_collection("default") as made:
        done = judged(made, tmp_path / "run")
    stale = [c.id for c in CASES if any("30 days" in e.quote for e in c.evidence)]
    failed = next(one for one in done.failed_verdicts if one.line == "recall@8.n_error == 0")
    assert done.exit_code == FAILED
    assert set(failed.cases) & set(stale)


def test_citations_shifted_by_one(opened, tmp_path):
    with DeskTarget(opened) as target:

        def shifted(case):
            answer = dict(target.ask(case))
            numbers = [mark["number"] for mark in answer["citations"]]
            turned = {number: number % (len(numbers) + 1) + 1 for number in numbers}
            answer["claims"] = [
                {**claim, "citations": [turned[n] for n in claim["citations"]]}
                for claim in answer["claims"]
            ]
            return answer

        run_cases(CASES, CallableTarget(shifted, {"name": "shifted"}, target.text), tmp_path)
    done = release_run(tmp_path, GATE)
    assert done.exit_code == FAILED
    failed = {one.line: one for one in done.failed_verdicts}
    assert failed["citation_recall.ci_low >= 0.85"].cases


def test_offsets_shifted_by_one(opened, tmp_path):
    with DeskTarget(opened) as target:

        def shifted(case):
            answer = dict(target.ask(case))
            marks = [
                {**m, "start": m["start"] + 1, "end": m["end"] + 1} for m in answer["citations"]
            ]
            return {**answer, "citations": marks}

        run_cases(CASES, CallableTarget(shifted, {"name": "shifted"}, target.text), tmp_path)
    done = release_run(tmp_path, GATE)
    assert done.exit_code == FAILED
    assert any(one.line.startswith("citation_validity") for one in done.failed_verdicts)


def test_an_engine_that_does_not_answer_is_not_judged(tmp_path):
    run_cases(CASES, CallableTarget(lambda _: {}, {"name": "down"}), tmp_path)
    done = release_run(tmp_path, GATE)
    assert done.exit_code == UNJUDGED
    suite = ET.fromstring((tmp_path / "junit.xml").read_text(encoding="utf-8"))  # noqa: S314
    assert suite.get("errors") == "1"


@pytest.mark.usefixtures("passed")
def test_a_significant_loss_against_the_baseline_fails(opened, untouched, tmp_path):
    with DeskTarget(opened) as target:
        last = CallableTarget(
            lambda case: {**target.ask(case), "passages": target.ask(case)["passages"][5:]},
            {"name": "last"},
            target.text,
        )
        run_cases(CASES, last, tmp_path)
    done = release_run(tmp_path, gate.Gate(tests=(), watch=("recall@8", "right")), untouched)
    assert done.exit_code == FAILED
    assert [one.line for one in done.failed_verdicts] == [
        f"recall@8 not worse than {untouched.name}"
    ]
    same = release_run(untouched, gate.Gate(tests=(), watch=("recall@8", "right")), untouched)
    assert same.exit_code == PASSED


class _ReadsNothingYetSaysSo:
    """The English model, with a card that claims it reads Chinese."""

    def __init__(self, model) -> None:
        self._model = model
        self.card: EmbedderCard = replace(model.card, reads_cjk=True)

    def __getattr__(self, name: str):
        return getattr(self._model, name)


def _copy(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file():
            to = target / file.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(file.read_bytes())


def _lines(file: Path) -> Iterator[str]:
    yield from file.read_text(encoding="utf-8").splitlines(keepends=True)
