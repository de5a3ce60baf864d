"""RGB: web questions with passages that answer them and passages that only seem to.

https://github.com/chen700564/RGB. A file such as zh_refine.json, one object a line. Each question
becomes two cases: one whose right passages are among the documents, and one of which only the
wrong ones are (hard negatives); the documents of a question lie in a folder of its own.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.case import Case, Evidence, SourceText
from indexes.text.scripts import detect_language


def read_rgb_texts(file: Path) -> Iterator[SourceText]:
    """Yield every passage: ``<id>/right-n.txt`` and ``<id>/wrong-n.txt``."""
    for row in _read_rgb_rows(file):
        for side in ("right", "wrong"):
            for n, text in enumerate(list_rgb_passages(row, side)):
                yield SourceText(uri=f"{row['id']}/{side}-{n:02}.txt", text=text)


def read_rgb_cases(file: Path) -> Iterator[Case]:
    """Yield every question, with its right passages as evidence."""
    for row in _read_rgb_rows(file):
        answers = tuple(list_answer_wordings(row["answer"]))
        right = len(list_rgb_passages(row, "right"))
        yield Case(
            id=f"{file.stem}-{row['id']}",
            lang=detect_language(row["query"]),
            question=row["query"],
            reference=tuple(any_of[0] for any_of in answers),
            must_include=answers,
            evidence=tuple(Evidence(uri=f"{row['id']}/right-{n:02}.txt") for n in range(right)),
            cluster=str(row["id"]),
        )


def list_rgb_passages(row: dict[str, Any], side: str) -> list[str]:
    """List the passages of a question that answer it (``right``) or do not (``wrong``)."""
    entries = row["positive"] if side == "right" else row["negative"]
    flat = [text for entry in entries for text in (entry if isinstance(entry, list) else [entry])]
    return list(dict.fromkeys(text for text in flat if text.strip()))


def list_answer_wordings(answer: Any) -> Iterator[tuple[str, ...]]:
    """Yield, for each part of an answer, the accepted wordings.

    >>> list(list_answer_wordings(["1月3日", ["1月12日", "12日"]]))
    [('1月3日',), ('1月12日', '12日')]
    >>> list(list_answer_wordings("70"))
    [('70',)]
    """
    for part in answer if isinstance(answer, list) else [answer]:
        yield tuple(map(str, part)) if isinstance(part, list) else (str(part),)


def _read_rgb_rows(file: Path) -> Sequence[dict[str, Any]]:
    lines = file.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line.strip()]
