"""Answers and claims that people rated: the yardsticks of the ruler itself.

MTRAG's ratings (three people, 1 to 4), SummEdits, WiCE, BEGIN and RAGTruth (supported or not),
RAGChecker's pairs (which answer is better), and sentences said in other words (all supported).
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from eval.errors import BadCases
from eval.imports import ragtruth

FAITHFUL = 3.0  # of MTRAG's 1 to 4: a mean below counts as not faithful


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A text, what it was given from, and what people made of it.

    rating: as the set has it. good: whether it counts as faithful. other: of a pair, the second
    text; then the rating says how much better the first one is. cluster: texts of one source.
    beside: what was said before, a question: names may come from it.
    """

    id: str
    text: str
    sources: tuple[str, ...]
    rating: float
    good: bool
    cluster: str
    part: str = ""
    other: str | None = None
    beside: str = ""


def mtrag(path: Path) -> Iterator[Rated]:
    """Give the rated answers whose passages are all in the file; the rating is the raters' mean."""
    file = path / "reference_subset_with_human_evaluations.json" if path.is_dir() else path
    held = json.loads(file.read_text(encoding="utf-8"))
    texts = {d["document_id"]: f"{d.get('title') or ''}\n{d['text']}" for d in held["documents"]}
    tasks = {task["task_id"]: task for task in held["tasks"]}
    for one in held["evaluations"]:
        task = tasks[one["task_id"]]
        names = [context["document_id"] for context in task["contexts"]]
        if not all(name in texts for name in names):
            continue
        given = [float(r["value"]) for r in one["annotations"]["faithfulness"].values()]
        yield Rated(
            id=f"{one['task_id']} {one['model_id']}",
            text=one["model_response"],
            sources=tuple(texts[name] for name in names),
            rating=fmean(given),
            good=fmean(given) >= FAITHFUL,
            cluster=one["task_id"],
            part=task["Answerability"][0].lower(),
            beside="\n".join(turn["text"] for turn in task.get("input", ())),
        )


def ragchecker(path: Path) -> Iterator[Rated]:
    """Give the pairs of answers; the reference is their only source."""
    file = next(path.rglob("human_labeled_data.json")) if path.is_dir() else path
    for row in json.loads(file.read_text(encoding="utf-8")):
        yield Rated(
            id=f"{row['dataset']} {row['query_id']} {row['instance_id']}",
            text=row["model2"]["response"],
            other=row["model1"]["response"],
            sources=(row["gt_answer"],),
            rating=float(row["overall_label"]),
            good=row["overall_label"] > 0,
            cluster=f"{row['dataset']} {row['query_id']}",
            part=row["dataset"],
        )


def paraphrases(path: Path) -> Iterator[Rated]:
    """Give sentences said in other words, all of them true: ``{document, source, said}`` a line.

    The sources of one document together are the passage that a sentence is held against.
    """
    rows = list(_lines(path))
    held: dict[str, list[str]] = {}
    for row in rows:
        held.setdefault(row["document"], []).append(row["source"])
    for n, row in enumerate(rows):
        yield Rated(
            id=f"{row['document']} {n}",
            text=row["said"],
            sources=("\n".join(dict.fromkeys(held[row["document"]])),),
            rating=1.0,
            good=True,
            cluster=row["document"],
        )


def summedits(path: Path) -> Iterator[Rated]:
    """Give summaries, each with one small edit or none, of conversations and reports."""
    for file in _files(path, "*summedits_*.json"):
        for row in json.loads(file.read_text(encoding="utf-8")):
            yield Rated(
                id=row["id"],
                text=row["summary"],
                sources=(row["doc"],),
                rating=float(row["label"]),
                good=bool(row["label"]),
                cluster=row["doc"][:200],
                part=file.stem.removeprefix("summedits_"),
            )


def wice(path: Path) -> Iterator[Rated]:
    """Give claims of Wikipedia with the page they cite; partly supported is not supported."""
    for file in _files(path, "*.jsonl"):
        for row in _lines(file):
            yield Rated(
                id=row["meta"]["id"],
                text=row["claim"],
                sources=("\n".join(row["evidence"]),),
                rating={"supported": 2.0, "partially_supported": 1.0}.get(row["label"], 0.0),
                good=row["label"] == "supported",
                cluster=row["meta"]["claim_title"],
                part=file.stem,
            )


def begin(path: Path) -> Iterator[Rated]:
    """Give replies in conversations and the knowledge they had; generic ones claim nothing."""
    for file in _files(path, "*.tsv"):
        with file.open(encoding="utf-8", newline="") as lines:
            for n, row in enumerate(csv.DictReader(lines, delimiter="\t")):
                if row["begin_label"] == "Generic":
                    continue
                yield Rated(
                    id=f"{file.stem} {n}",
                    text=row["response"],
                    sources=(row["knowledge"],),
                    rating=float(row["begin_label"] == "Fully attributable"),
                    good=row["begin_label"] == "Fully attributable",
                    cluster=row["knowledge"],
                    part=row["data_source"],
                )


def ragtruth_rated(path: Path) -> Iterator[Rated]:
    """Give the responses of RAGTruth; one without a marked stretch is faithful."""
    sources = {row["source_id"]: row for row in _lines(path / "source_info.jsonl")}
    for row in _lines(path / "response.jsonl"):
        held = sources[row["source_id"]]
        yield Rated(
            id=str(row["id"]),
            text=row["response"],
            sources=(ragtruth.source(held),),
            rating=float(not row["labels"]),
            good=not row["labels"],
            cluster=str(row["source_id"]),
            part=held.get("task_type", ""),
        )


SETS: dict[str, Callable[[Path], Iterator[Rated]]] = {
    "mtrag": mtrag,
    "ragchecker": ragchecker,
    "paraphrases": paraphrases,
    "summedits": summedits,
    "wice": wice,
    "begin": begin,
    "ragtruth": ragtruth_rated,
}


def read(name: str, path: Path) -> list[Rated]:
    """Read a rated set. Raises BadCases where the path does not hold it."""
    try:
        found = list(SETS[name](path))
    except (OSError, KeyError, TypeError, ValueError, StopIteration) as error:
        raise BadCases(f"{path} does not hold {name}: {type(error).__name__}: {error}") from error
    if not found:
        raise BadCases(f"{path} holds nothing of {name}.")
    return found


def _files(path: Path, pattern: str) -> list[Path]:
    return sorted(path.rglob(pattern)) if path.is_dir() else [path]


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())
