"""Judge the answers of a stored run: one JSON line a case; errors are lines too."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval import run_folder, stats, trial
from eval.case import Case
from eval.errors import NoAnswer
from eval.judge import Judge
from eval.target_reply import TargetReply, read_reply

JUDGED = "judged.jsonl"
CACHE = "judge"
WITHIN = {"faithfulness": (0.0, 1.0), "fluency": (1.0, 5.0), "helpfulness": (1.0, 5.0)}


def judge_run(folder: Path, judge: Judge, jobs: int = 8) -> dict[str, Any]:
    """Judge every answer of a run, write judged.jsonl and judge.json; return the figures."""
    cases = sorted(run_folder.read_cases(folder), key=lambda case: case.id)
    trials = trial.read_trials(folder)
    answers = [(c, r) for c in cases if (r := find_given_answer(c, trials)) is not None]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        rows = list(pool.map(lambda pair: _judge_row(pair[0], pair[1], judge), answers))
    run_folder.write_lines(folder / JUDGED, rows)
    figures = {**summarise_judgements(rows), "judge": {**judge.replies.facts(), "temperature": 0}}
    run_folder.write_json(folder / "judge.json", figures)
    return figures


def summarise_judgements(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Summarise judgements: mean with interval; counts of skipped, failed and downgraded ones."""
    ok = [row for row in rows if row["status"] == "ok"]
    marked = [row for row in rows if row["status"] != "error"]
    return {
        "judge_faithfulness": _judged_figure("faithfulness", ok, rows),
        "fluency": _judged_figure("fluency", marked, rows),
        "helpfulness": _judged_figure("helpfulness", marked, rows),
        "downgraded": sum(bool(v["downgraded"]) for row in ok for v in row["verdicts"]),
    }


def _judged_figure(
    name: str, ok: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    clusters = [r["cluster"] for r in ok]
    within = WITHIN[name]
    estimate = stats.estimate_mean([r[name] for r in ok], clusters, within) if ok else None
    errors = sum(row["status"] == "error" for row in rows)
    return {
        "value": round(estimate.value, 6) if estimate else None,
        "ci_low": round(estimate.low, 6) if estimate else None,
        "ci_high": round(estimate.high, 6) if estimate else None,
        "n_ok": len(ok),
        "n_skipped": len(rows) - len(ok) - errors,
        "n_error": errors,
    }


def find_given_answer(case: Case, trials: Mapping[str, trial.Trial]) -> TargetReply | None:
    """Return the answer to a case; None where none was given."""
    case_trial = trials.get(case.id)
    if case_trial is None or case_trial.status != "ok":
        return None
    reply = read_reply(case_trial.reply, case_trial.resolved)
    return reply if reply.outcome == "answered" and reply.sentences else None


def _judge_row(case: Case, reply: TargetReply, judge: Judge) -> dict[str, Any]:
    passages = [f"{p.lead}\n{p.text}" if p.lead else p.text for p in reply.passages]
    base = {"case": case.id, "cluster": case.cluster or case.id}
    try:
        judged = judge(case.question, [sentence.text for sentence in reply.sentences], passages)
    except NoAnswer as error:
        nothing: dict[str, Any] = {
            "faithfulness": None,
            "fluency": None,
            "helpfulness": None,
            "verdicts": [],
        }
        return {**base, "status": "error", "reason": str(error), **nothing}
    silent = judged.faithfulness is None
    return {
        **base,
        "status": "skipped" if silent else "ok",
        "reason": "the answer claims nothing" if silent else "",
        "faithfulness": judged.faithfulness,
        "fluency": judged.fluency,
        "helpfulness": judged.helpfulness,
        "prompt": judged.prompt,
        "verdicts": list(_verdicts(judged.verdicts)),
    }


def _verdicts(verdicts: Sequence[Any]) -> Iterator[dict[str, Any]]:
    yield from map(asdict, verdicts)
