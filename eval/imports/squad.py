"""Data sets in the format of SQuAD: XQuAD, CMRC 2018, SQuAD 2.0. A paragraph is a document.

https://rajpurkar.github.io/SQuAD-explorer, https://github.com/google-deepmind/xquad,
https://github.com/ymcui/cmrc2018
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval.case import Case, Evidence, SourceText
from indexes.text.scripts import detect_language


def read_squad_texts(file: Path) -> Iterator[SourceText]:
    """Yield every paragraph as a document of its own, named by article and place."""
    for uri, _, paragraph in _squad_paragraphs(file):
        yield SourceText(uri=uri, text=paragraph["context"])


def read_squad_cases(file: Path) -> Iterator[Case]:
    """Yield every question. An impossible one has its paragraph as evidence of nothing.

    Questions without a word (CMRC has two) are left out: nobody can find anything for them.
    """
    for uri, article, paragraph in _squad_paragraphs(file):
        for question in paragraph["qas"]:
            if not question["question"].strip():
                continue
            impossible = question.get("is_impossible", False)
            answers = tuple(dict.fromkeys(a["text"].strip() for a in question["answers"]))
            if not (answers or impossible):
                raise ValueError(f"question {question['id']} has no answer: a test file hides them")
            yield Case(
                id=question["id"],
                lang=detect_language(question["question"]),
                question=question["question"].strip(),
                answerable=not impossible,
                stratum="near_domain" if impossible else "in_kb",
                reference=() if impossible else answers,
                must_include=() if impossible else (answers,),
                evidence=() if impossible else (Evidence(uri=uri, quote=answers[0]),),
                tags=(uri,),
                cluster=article,
            )


def _squad_paragraphs(file: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    data = json.loads(file.read_text(encoding="utf-8"))["data"]
    for number, article in enumerate(data):
        name = article.get("title") or str(number)
        for place, paragraph in enumerate(article["paragraphs"]):
            yield f"{number:04}-{place:03}.txt", name, paragraph
