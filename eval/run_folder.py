"""The folder of a run: cases, located evidence, trials and reports.

run.json        the target, and when it was first asked
cases.jsonl     the cases as they were asked
evidence.jsonl  per case, where its evidence stood, and what was not found
run.jsonl       one trial a line (``eval.trial``)
report.json, scores.jsonl, report.md, report.html, junit.xml   what was measured
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.case import Case, read_case_lines
from eval.errors import BadCases
from eval.evidence import CaseProblem, EvidencePlace

RUN = "run.json"
CASES = "cases.jsonl"
EVIDENCE = "evidence.jsonl"
Located = Mapping[str, tuple[tuple[EvidencePlace, ...], tuple[CaseProblem, ...]]]


def write_json(file: Path, value: Any) -> None:
    """Write a JSON document, reproducibly. Raises ValueError for NaN."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


def read_json(file: Path) -> Any:
    """Read a JSON document. Raises BadCases."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadCases(f"{file}: {error}") from error


def read_cases(file: Path) -> list[Case]:
    """Read cases from a file, or from the folder that holds it. Raises BadCases."""
    file = file / CASES if file.is_dir() else file
    try:
        cases = list(read_case_lines(file))
    except (OSError, ValueError) as error:
        raise BadCases(f"{error}") from error
    if not cases:
        raise BadCases(f"{file} holds no cases.")
    counts = Counter(case.id for case in cases)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise BadCases(f"{file}: the id {twice[0]!r} is used more than once.")
    return cases


def write_located(folder: Path, located: Located) -> None:
    """Write the located evidence of each case."""
    lines = [
        {
            "case": case,
            "places": [asdict(place) for place in places],
            "problems": [problem.what for problem in problems],
        }
        for case, (places, problems) in sorted(located.items())
    ]
    text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
    (folder / EVIDENCE).write_text(text, encoding="utf-8")


def read_located(folder: Path) -> dict[str, tuple[tuple[EvidencePlace, ...], bool]]:
    """Read the located evidence of each case, and whether any was not located."""
    located: dict[str, tuple[tuple[EvidencePlace, ...], bool]] = {}
    for line in (folder / EVIDENCE).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        located[row["case"]] = (tuple(map(_place_from_json, row["places"])), bool(row["problems"]))
    return located


def read_target_facts(folder: Path) -> dict[str, Any]:
    """Read the facts of a run's target. Raises BadCases where the folder is no run."""
    if not (folder / RUN).is_file():
        raise BadCases(f"{folder} holds no run. Make one: ragdesk eval run CASES --out {folder}")
    facts: dict[str, Any] = read_json(folder / RUN)
    return facts


def read_scores(folder: Path) -> list[dict[str, Any]]:
    """Read the scores of single cases of a measured run. Raises BadCases."""
    file = folder / "scores.jsonl"
    if not file.is_file():
        raise BadCases(
            f"{folder} was not measured. Run: ragdesk eval run --cache-only --out {folder}"
        )
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def write_lines(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one JSON object a line. Raises ValueError for NaN."""
    text = [json.dumps(row, ensure_ascii=False, sort_keys=True, allow_nan=False) for row in rows]
    file.write_text("".join(f"{line}\n" for line in text), encoding="utf-8")


def _place_from_json(values: Mapping[str, Any]) -> EvidencePlace:
    spans = tuple((start, end) for start, end in values["spans"])
    return EvidencePlace(**{**values, "spans": spans})
