"""Data sets of other harnesses: BEIR folders, ragas and deepeval files.

Their contexts become documents.
"""

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.case import Case, Evidence, SourceText
from eval.imports.json_lines import read_json_lines
from indexes.text.scripts import detect_language


def read_beir_texts(folder: Path) -> Iterator[SourceText]:
    """Yield every document of a BEIR corpus under its title."""
    for row in read_json_lines(folder / "corpus.jsonl"):
        title = f"# {row['title']}\n\n" if row.get("title") else ""
        yield SourceText(uri=f"{row['_id']}.md", text=f"{title}{row['text']}\n")


def read_beir_cases(folder: Path) -> Iterator[Case]:
    """Yield every judged query; all files of qrels count."""
    judged: dict[str, list[Evidence]] = defaultdict(list)
    for file in sorted((folder / "qrels").glob("*.tsv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                if int(row["score"]) > 0:
                    evidence = Evidence(uri=f"{row['corpus-id']}.md", grade=int(row["score"]))
                    judged[row["query-id"]].append(evidence)
    for row in read_json_lines(folder / "queries.jsonl"):
        if row["_id"] in judged:
            yield Case(
                id=row["_id"],
                lang=detect_language(row["text"]),
                question=row["text"],
                evidence=tuple(judged[row["_id"]]),
                cluster=row["_id"],
            )


def read_ragas_texts(file: Path) -> Iterator[SourceText]:
    """Yield every reference context of a ragas set once."""
    yield from _context_texts(row.get("reference_contexts") or () for row in _read_list(file))


def read_ragas_cases(file: Path) -> Iterator[Case]:
    """Yield every sample of a ragas set, with field names of today and of before 0.2."""
    for number, row in enumerate(_read_list(file)):
        question = row.get("user_input") or row["question"]
        reference = row.get("reference") or row.get("ground_truth") or ""
        yield _context_case(number, question, str(reference), row.get("reference_contexts") or ())


def read_deepeval_texts(file: Path) -> Iterator[SourceText]:
    """Yield every context of deepeval's test cases once."""
    yield from _context_texts(row.get("context") or () for row in _read_list(file))


def read_deepeval_cases(file: Path) -> Iterator[Case]:
    """Yield every test case, or golden, of deepeval."""
    for number, row in enumerate(_read_list(file)):
        reference = row.get("expected_output") or row.get("expectedOutput") or ""
        yield _context_case(number, row["input"], str(reference), row.get("context") or ())


def _context_case(number: int, question: str, reference: str, contexts: Sequence[str]) -> Case:
    return Case(
        id=f"{number:05}",
        lang=detect_language(question),
        question=question,
        reference=(reference,) if reference else (),
        evidence=tuple(Evidence(uri=_context_uri(text), quote=text.strip()) for text in contexts),
        cluster=_context_uri(contexts[0]) if contexts else f"{number:05}",
    )


def _context_texts(contexts: Iterator[Sequence[str]] | Any) -> Iterator[SourceText]:
    once = dict.fromkeys(text for some in contexts for text in some)
    yield from (SourceText(uri=_context_uri(text), text=text) for text in once)


def _context_uri(text: str) -> str:
    return f"{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.txt"


def _read_list(file: Path) -> list[dict[str, Any]]:
    text = file.read_text(encoding="utf-8")
    if text.lstrip().startswith(("[", '{\n "goldens"', '{"goldens"')):
        content = json.loads(text)
        return list(content["goldens"]) if isinstance(content, dict) else content
    return list(read_json_lines(file))
