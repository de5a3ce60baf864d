"""Answers and claims rated by people, to validate the metrics against.

MTRAG's ratings (three people, 1 to 4), SummEdits, WiCE, BEGIN and RAGTruth (supported or not),
RAGChecker's pairs (which answer is better), and sentences said in other words (all supported).
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from eval.errors import BadCases
from eval.imports import ragtruth
from eval.imports.json_lines import read_json_lines

FAITHFUL = 3.0  # of MTRAG's 1 to 4: a mean below counts as not faithful


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedText:
    """A text with its sources, and the rating that people gave it.

    rating: as the set has it. good: whether it counts as faithful. other: of a pair, the second
    text; then the rating says how much better the first one is. cluster: texts of one source.
    name_context: the turns before it, or a question: names may come from there.
    """

    id: str
    text: str
    sources: tuple[str, ...]
    rating: float
    good: bool
    cluster: str
    part: str = ""
    other: str | None = None
    name_context: str = ""


def read_rated_mtrag(path: Path) -> Iterator[RatedText]:
    """Yield the rated answers whose passages are all in the file, with their mean rating."""
    file = path / "reference_subset_with_human_evaluations.json" if path.is_dir() else path
    content = json.loads(file.read_text(encoding="utf-8"))
    texts = {d["document_id"]: f"{d.get('title') or ''}\n{d['text']}" for d in content["documents"]}
    tasks = {task["task_id"]: task for task in content["tasks"]}
    for evaluation in content["evaluations"]:
        task = tasks[evaluation["task_id"]]
        names = [context["document_id"] for context in task["contexts"]]
        if not all(name in texts for name in names):
            continue
        ratings = [float(r["value"]) for r in evaluation["annotations"]["faithfulness"].values()]
        yield RatedText(
            id=f"{evaluation['task_id']} {evaluation['model_id']}",
            text=evaluation["model_response"],
            sources=tuple(texts[name] for name in names),
            rating=fmean(ratings),
            good=fmean(ratings) >= FAITHFUL,
            cluster=evaluation["task_id"],
            part=task["Answerability"][0].lower(),
            name_context="\n".join(turn["text"] for turn in task.get("input", ())),
        )


def read_ragchecker(path: Path) -> Iterator[RatedText]:
    """Yield the pairs of answers; the reference is their only source."""
    file = next(path.rglob("human_labeled_data.json")) if path.is_dir() else path
    for row in json.loads(file.read_text(encoding="utf-8")):
        yield RatedText(
            id=f"{row['dataset']} {row['query_id']} {row['instance_id']}",
            text=row["model2"]["response"],
            other=row["model1"]["response"],
            sources=(row["gt_answer"],),
            rating=float(row["overall_label"]),
            good=row["overall_label"] > 0,
            cluster=f"{row['dataset']} {row['query_id']}",
            part=row["dataset"],
        )


def read_paraphrases(path: Path) -> Iterator[RatedText]:
    """Yield true paraphrases of sentences, from lines of ``{document, source, said}``.

    The sources of one document together are the passage that a sentence is held against.
    """
    rows = list(read_json_lines(path))
    passages: dict[str, list[str]] = {}
    for row in rows:
        passages.setdefault(row["document"], []).append(row["source"])
    for n, row in enumerate(rows):
        yield RatedText(
            id=f"{row['document']} {n}",
            text=row["said"],
            sources=("\n".join(dict.fromkeys(passages[row["document"]])),),
            rating=1.0,
            good=True,
            cluster=row["document"],
        )


def read_summedits(path: Path) -> Iterator[RatedText]:
    """Yield summaries of conversations and reports, each with one small edit or none."""
    for file in _match_files(path, "*summedits_*.json"):
        for row in json.loads(file.read_text(encoding="utf-8")):
            yield RatedText(
                id=row["id"],
                text=row["summary"],
                sources=(row["doc"],),
                rating=float(row["label"]),
                good=bool(row["label"]),
                cluster=row["doc"][:200],
                part=file.stem.removeprefix("summedits_"),
            )


def read_wice(path: Path) -> Iterator[RatedText]:
    """Yield claims of Wikipedia with the page they cite; partly supported is not supported."""
    for file in _match_files(path, "*.jsonl"):
        for row in read_json_lines(file):
            yield RatedText(
                id=row["meta"]["id"],
                text=row["claim"],
                sources=("\n".join(row["evidence"]),),
                rating={"supported": 2.0, "partially_supported": 1.0}.get(row["label"], 0.0),
                good=row["label"] == "supported",
                cluster=row["meta"]["claim_title"],
                part=file.stem,
            )


def read_begin(path: Path) -> Iterator[RatedText]:
    """Yield replies in conversations with the knowledge they had; generic ones claim nothing."""
    for file in _match_files(path, "*.tsv"):
        with file.open(encoding="utf-8", newline="") as lines:
            for n, row in enumerate(csv.DictReader(lines, delimiter="\t")):
                if row["begin_label"] == "Generic":
                    continue
                yield RatedText(
                    id=f"{file.stem} {n}",
                    text=row["response"],
                    sources=(row["knowledge"],),
                    rating=float(row["begin_label"] == "Fully attributable"),
                    good=row["begin_label"] == "Fully attributable",
                    cluster=row["knowledge"],
                    part=row["data_source"],
                )


def read_rated_ragtruth(path: Path) -> Iterator[RatedText]:
    """Yield the responses of RAGTruth; one without a marked span is faithful."""
    sources = {row["source_id"]: row for row in read_json_lines(path / "source_info.jsonl")}
    for row in read_json_lines(path / "response.jsonl"):
        source = sources[row["source_id"]]
        yield RatedText(
            id=str(row["id"]),
            text=row["response"],
            sources=(ragtruth.write_source(source),),
            rating=float(not row["labels"]),
            good=not row["labels"],
            cluster=str(row["source_id"]),
            part=source.get("task_type", ""),
        )


SETS: dict[str, Callable[[Path], Iterator[RatedText]]] = {
    "mtrag": read_rated_mtrag,
    "ragchecker": read_ragchecker,
    "paraphrases": read_paraphrases,
    "summedits": read_summedits,
    "wice": read_wice,
    "begin": read_begin,
    "ragtruth": read_rated_ragtruth,
}


def read_rated_set(name: str, path: Path) -> list[RatedText]:
    """Read a rated data set. Raises BadCases where the path does not hold it."""
    try:
        rated = list(SETS[name](path))
    except (OSError, KeyError, TypeError, ValueError, StopIteration) as error:
        raise BadCases(f"{path} does not hold {name}: {type(error).__name__}: {error}") from error
    if not rated:
        raise BadCases(f"{path} holds nothing of {name}.")
    return rated


def _match_files(path: Path, pattern: str) -> list[Path]:
    return sorted(path.rglob(pattern)) if path.is_dir() else [path]
