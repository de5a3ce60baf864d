"""Sets of other harnesses: BEIR folders, ragas and deepeval files. Contexts become documents."""

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.case import Case, Evidence, Text
from indexes.text import language


def beir_texts(folder: Path) -> Iterator[Text]:
    """Give every document of a BEIR corpus under its title."""
    for row in _rows(folder / "corpus.jsonl"):
        title = f"# {row['title']}\n\n" if row.get("title") else ""
        yield Text(uri=f"{row['_id']}.md", text=f"{title}{row['text']}\n")


def beir_cases(folder: Path) -> Iterator[Case]:
    """Give every judged query; all files of qrels count."""
    judged: dict[str, list[Evidence]] = defaultdict(list)
    for file in sorted((folder / "qrels").glob("*.tsv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                if int(row["score"]) > 0:
                    evidence = Evidence(uri=f"{row['corpus-id']}.md", grade=int(row["score"]))
                    judged[row["query-id"]].append(evidence)
    for row in _rows(folder / "queries.jsonl"):
        if row["_id"] in judged:
            yield Case(
                id=row["_id"],
                lang=language(row["text"]),
                question=row["text"],
                evidence=tuple(judged[row["_id"]]),
                cluster=row["_id"],
            )


def ragas_texts(file: Path) -> Iterator[Text]:
    """Give every reference context of a ragas set once."""
    yield from _texts(row.get("reference_contexts") or () for row in _list(file))


def ragas_cases(file: Path) -> Iterator[Case]:
    """Give every sample of a ragas set; today's names of its fields and those before 0.2."""
    for number, row in enumerate(_list(file)):
        question = row.get("user_input") or row["question"]
        reference = row.get("reference") or row.get("ground_truth") or ""
        yield _case(number, question, str(reference), row.get("reference_contexts") or ())


def deepeval_texts(file: Path) -> Iterator[Text]:
    """Give every context of deepeval's test cases once."""
    yield from _texts(row.get("context") or () for row in _list(file))


def deepeval_cases(file: Path) -> Iterator[Case]:
    """Give every test case, or golden, of deepeval."""
    for number, row in enumerate(_list(file)):
        reference = row.get("expected_output") or row.get("expectedOutput") or ""
        yield _case(number, row["input"], str(reference), row.get("context") or ())


def _case(number: int, question: str, reference: str, contexts: Sequence[str]) -> Case:
    return Case(
        id=f"{number:05}",
        lang=language(question),
        question=question,
        reference=(reference,) if reference else (),
        evidence=tuple(Evidence(uri=_uri(text), quote=text.strip()) for text in contexts),
        cluster=_uri(contexts[0]) if contexts else f"{number:05}",
    )


def _texts(every: Iterator[Sequence[str]] | Any) -> Iterator[Text]:
    once = dict.fromkeys(text for some in every for text in some)
    yield from (Text(uri=_uri(text), text=text) for text in once)


def _uri(text: str) -> str:
    return f"{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.txt"


def _list(file: Path) -> list[dict[str, Any]]:
    text = file.read_text(encoding="utf-8")
    if text.lstrip().startswith(("[", '{\n "goldens"', '{"goldens"')):
        held = json.loads(text)
        return list(held["goldens"]) if isinstance(held, dict) else held
    return list(_rows(file))


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())
