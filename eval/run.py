"""Run an evaluation: locate the evidence, ask every case, keep the trials.

Read this file second, after ``case.py``. A run that was cut short goes on where it stopped; a
case that failed, or was changed since, is asked again.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eval import evidence, run_folder, trial
from eval.case import Case, write_case_lines
from eval.errors import BadCases, NoAnswer, UnsupportedCase
from eval.targets import Target
from eval.trial import Trial

GIVE_UP = 20  # failures in a row: then the target is taken to be down
Watch = Callable[[int, int], None]  # how many of all cases are done


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How cases are asked. jobs: number asked at once. fresh: discard earlier trials."""

    jobs: int = 4
    fresh: bool = False
    watch: Watch = lambda _done, _all: None


def run_cases(
    cases: Sequence[Case], target: Target, folder: Path, options: RunOptions | None = None
) -> dict[str, Trial]:
    """Ask every case not answered yet, and return all trials. Raises EvalError.

    The folder belongs to one target at one generation.
    """
    chosen = options or RunOptions()
    watch = chosen.watch
    folder.mkdir(parents=True, exist_ok=True)
    trials = _begin_run(folder, target, fresh=chosen.fresh)
    write_case_lines(folder / run_folder.CASES, cases)
    texts = target.text if target.readable else None
    run_folder.write_located(folder, _locate_cases(cases, texts))
    ready = {c.id for c in cases if c.id in trials and _is_current_trial(trials[c.id], c)}
    todo = [case for case in cases if case.id not in ready]
    done = len(ready)
    watch(done, len(cases))
    with (folder / trial.TRIALS).open("a", encoding="utf-8") as out:
        for fresh_trial in _ask_cases(todo, target, chosen.jobs):
            out.write(trial.trial_as_line(fresh_trial))
            out.flush()
            trials[fresh_trial.case] = fresh_trial
            done += 1
            watch(done, len(cases))
    return {case.id: trials[case.id] for case in cases if case.id in trials}


def digest_case(case: Case) -> str:
    """Return a digest of a case's question and history, without the known answer."""
    text = json.dumps([case.question, [dict(turn) for turn in case.history]], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def ask_case(case: Case, target: Target) -> Trial:
    """Ask one case. Any failure becomes the trial's reason, never an exception."""
    begun = time.perf_counter()
    blank = Trial(case=case.id, asked=digest_case(case))
    try:
        reply = dict(target.ask(case))
        seconds = time.perf_counter() - begun
        marks = _resolve_citations(reply, target)
        json.dumps(reply, allow_nan=False)
    except UnsupportedCase as error:
        return replace(blank, status="skipped", reason=str(error))
    except NoAnswer as error:
        return _failed_trial(blank, str(error), begun)
    except Exception as error:  # noqa: BLE001, a target is foreign code: its failure is a result
        return _failed_trial(blank, f"{type(error).__name__}: {error}", begun)
    return replace(blank, reply=reply, resolved=marks, seconds=round(seconds, 6))


def _failed_trial(blank: Trial, why: str, begun: float) -> Trial:
    seconds = round(time.perf_counter() - begun, 6)
    return replace(blank, status="error", reason=why, seconds=seconds)


def _begin_run(folder: Path, target: Target, *, fresh: bool) -> dict[str, Trial]:
    """Write the target's facts, and return its earlier trials."""
    facts = dict(target.facts)
    file = folder / run_folder.RUN
    if file.exists() and not fresh:
        before = run_folder.read_target_facts(folder)["target"]
        if before != facts:
            raise BadCases(
                f"{folder} holds a run of {_target_name(before)}, not of {_target_name(facts)}. "
                "Name another folder, or begin anew: --fresh"
            )
        trials = trial.read_trials(folder)
        _rewrite_trials(folder, trials.values())
        return trials
    (folder / trial.TRIALS).unlink(missing_ok=True)
    begun = datetime.now(tz=UTC).isoformat(timespec="seconds")
    run_folder.write_json(file, {"format": 1, "target": facts, "begun": begun})
    return {}


def _rewrite_trials(folder: Path, trials: Iterable[Trial]) -> None:
    """Write whole lines only: a line cut by a kill must not swallow the next one."""
    text = "".join(trial.trial_as_line(earlier_trial) for earlier_trial in trials)
    (folder / trial.TRIALS).write_text(text, encoding="utf-8")


def _target_name(facts: Mapping[str, Any]) -> str:
    generation = facts.get("generation")
    return f"{facts.get('name')}" + (f" at generation {generation}" if generation else "")


def _locate_cases(cases: Sequence[Case], texts: evidence.Texts | None) -> run_folder.Located:
    if texts is None:
        return {case.id: (evidence.list_unlocated_evidence(case), ()) for case in cases}
    return {case.id: evidence.locate_evidence(case, texts) for case in cases}


def _is_current_trial(trial: Trial, case: Case) -> bool:
    return trial.status == "ok" and trial.asked == digest_case(case)


def _ask_cases(cases: Sequence[Case], target: Target, jobs: int) -> Iterable[Trial]:
    """Ask some cases at once, and yield trials as they finish; stop where nothing answers."""
    waiting = iter(cases)
    failed = 0
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        running: set[Future[Trial]] = set()
        while True:
            while len(running) < jobs and failed < GIVE_UP:
                case = next(waiting, None)
                if case is None:
                    break
                running.add(pool.submit(ask_case, case, target))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                finished = future.result()
                failed = failed + 1 if finished.status == "error" else 0
                yield finished


def _resolve_citations(reply: Mapping[str, Any], target: Target) -> dict[str, bool | None]:
    """Look up every citation in the document it names, as it is stored now."""
    marks: dict[str, bool | None] = {}
    for mark in reply.get("citations") or ():
        start, end = mark.get("start"), mark.get("end")
        if not target.readable or start is None or end is None:
            marks[str(mark["number"])] = None
            continue
        text = target.text(mark["uri"], reply.get("generation"))
        marks[str(mark["number"])] = text is not None and text[start:end] == mark["quote"]
    return marks
