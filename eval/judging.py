"""Judge the answers of a stored run: one JSON line a case, errors as errors, replayed offline."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval import stats, store, trial
from eval.case import Case
from eval.errors import NoAnswer
from eval.judge import Judge
from eval.reply import Reply, read

JUDGED, CACHE = "judged.jsonl", "judge"


def judge_run(folder: Path, judge: Judge, jobs: int = 8) -> dict[str, Any]:
    """Judge every answer that was given, write judged.jsonl and judge.json; give the figures."""
    cases = sorted(store.read_cases(folder), key=lambda case: case.id)
    trials = trial.read(folder)
    answers = [(c, r) for c in cases if (r := _answer(c, trials)) is not None]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        rows = list(pool.map(lambda pair: _row(pair[0], pair[1], judge), answers))
    store.write_lines(folder / JUDGED, rows)
    found = {**figures(rows), "judge": _facts(judge)}
    store.write_json(folder / "judge.json", found)
    return found


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up: mean with interval, and how many were left out, failed or downgraded."""
    ok = [row for row in rows if row["status"] == "ok"]
    estimate = (
        stats.mean([r["faithfulness"] for r in ok], [r["cluster"] for r in ok]) if ok else None
    )
    return {
        "judge_faithfulness": {
            "value": round(estimate.value, 6) if estimate else None,
            "ci_low": round(estimate.low, 6) if estimate else None,
            "ci_high": round(estimate.high, 6) if estimate else None,
            "n_ok": len(ok),
            "n_skipped": sum(row["status"] == "skipped" for row in rows),
            "n_error": sum(row["status"] == "error" for row in rows),
        },
        "downgraded": sum(bool(v["downgraded"]) for row in ok for v in row["verdicts"]),
    }


def _answer(case: Case, trials: Mapping[str, trial.Trial]) -> Reply | None:
    held = trials.get(case.id)
    if held is None or held.status != "ok":
        return None
    reply = read(held.reply, held.resolved)
    return reply if reply.outcome == "answered" and reply.said else None


def _row(case: Case, reply: Reply, judge: Judge) -> dict[str, Any]:
    passages = [f"{p.lead}\n{p.text}" if p.lead else p.text for p in reply.passages]
    base = {"case": case.id, "cluster": case.cluster or case.id}
    try:
        judged = judge([one.text for one in reply.said], passages)
    except NoAnswer as error:
        return {
            **base,
            "status": "error",
            "reason": str(error),
            "faithfulness": None,
            "verdicts": [],
        }
    nothing = judged.faithfulness is None
    return {
        **base,
        "status": "skipped" if nothing else "ok",
        "reason": "the answer claims nothing" if nothing else "",
        "faithfulness": judged.faithfulness,
        "prompt": judged.prompt,
        "verdicts": list(_verdicts(judged.verdicts)),
    }


def _verdicts(verdicts: Sequence[Any]) -> Iterator[dict[str, Any]]:
    yield from map(asdict, verdicts)


def _facts(judge: Judge) -> dict[str, Any]:
    given = judge.options
    return {"model": given.model, "revision": given.revision, "seed": given.seed, "temperature": 0}
