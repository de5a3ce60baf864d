"""MTRAG: conversations over documents; some of the questions have no answer in them.

https://github.com/IBM/mt-rag-benchmark. A file of generation tasks (reference.jsonl): each row
holds the turns so far, the passages for the last question, and what a person would answer.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval.case import Case, Evidence, SourceText, Stratum
from indexes.text.scripts import detect_language

_ODD = re.compile(r"[^\w.-]+")
STRATA: dict[str, Stratum] = {
    "ANSWERABLE": "in_kb",
    "PARTIAL": "in_kb",
    "UNANSWERABLE": "near_domain",
    "UNDERSPECIFIED": "underspecified",
    "CONVERSATIONAL": "in_kb",
}


def read_mtrag_texts(file: Path) -> Iterator[SourceText]:
    """Yield every passage of every task once, as a document."""
    names: set[str] = set()
    for task in read_mtrag_tasks(file):
        for passage in task.get("contexts", ()):
            name = name_passage(passage)
            if name not in names and passage.get("text"):
                names.add(name)
                yield SourceText(uri=name, text=passage["text"])


def read_mtrag_cases(file: Path) -> Iterator[Case]:
    """Yield every last question with the turns before it; small talk asks nothing and is left out.

    The passages of a task are what a retriever found for it, not all of them evidence; the
    documents are known as evidence only where the question has an answer.
    """
    for task in read_mtrag_tasks(file):
        kind = (task.get("answerability") or task.get("Answerability") or ["ANSWERABLE"])[0]
        if kind == "CONVERSATIONAL":
            continue
        *before, last = task["input"]
        answerable = STRATA[kind] == "in_kb"
        yield Case(
            id=task["task_id"],
            lang=detect_language(last["text"]),
            question=last["text"],
            history=tuple({"role": _turn_role(turn), "text": turn["text"]} for turn in before),
            answerable=answerable,
            stratum=STRATA[kind],
            reference=tuple(t["text"] for t in task.get("targets", ())) if answerable else (),
            evidence=tuple(Evidence(uri=name_passage(p)) for p in task["contexts"])
            if answerable
            else (),
            tags=(kind.lower(), str(task.get("Collection", ""))),
            cluster=task.get("conversation_id", task["task_id"]),
        )


def read_mtrag_tasks(file: Path) -> Iterator[dict[str, Any]]:
    """Yield every task as the data set has it."""
    file = file / "reference.jsonl" if file.is_dir() else file
    yield from map(json.loads, filter(str.strip, file.read_text(encoding="utf-8").splitlines()))


def name_passage(passage: dict[str, Any]) -> str:
    """Return the document name of a passage."""
    return f"{_ODD.sub('_', passage['document_id'])}.txt"


def _turn_role(turn: dict[str, Any]) -> str:
    return "user" if turn["speaker"] == "user" else "assistant"
