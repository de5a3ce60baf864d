"""RAGTruth: answers of language models, with unsupported spans marked by people.

https://github.com/ParticleMedia/RAGTruth. A folder with response.jsonl and source_info.jsonl.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval.case import Case, Evidence, SourceText
from eval.imports.json_lines import read_json_lines


def read_ragtruth_texts(folder: Path) -> Iterator[SourceText]:
    """Yield every source as a document."""
    for row in read_json_lines(folder / "source_info.jsonl"):
        yield SourceText(uri=f"{row['source_id']}.txt", text=write_source(row))


def read_ragtruth_cases(folder: Path) -> Iterator[Case]:
    """Yield the questions of the question-answering part, with their source as evidence."""
    for row in read_json_lines(folder / "source_info.jsonl"):
        if row.get("task_type") != "QA":
            continue
        info = row["source_info"]
        yield Case(
            id=str(row["source_id"]),
            lang="en",
            question=str(info["question"]),
            evidence=(Evidence(uri=f"{row['source_id']}.txt"),),
            cluster=str(row["source_id"]),
        )


def write_source(row: dict[str, Any]) -> str:
    """Write the source that a model was given: a text, or the values of a structured one."""
    info = row["source_info"]
    if isinstance(info, str):
        return info
    if "passages" in info:
        return str(info["passages"])
    return json.dumps(info, ensure_ascii=False, indent=1)
