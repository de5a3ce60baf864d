"""SciFact: claims, and the abstracts that support or refute them.

https://github.com/allenai/scifact. A folder with corpus_train.csv (the abstract is a printed
array of its sentences), claims_train.csv and qrels.tsv.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from eval.case import Case, Evidence, SourceText

_SENTENCE = re.compile(
    r"'((?:[^'\\]|\\[\s\S])*+)(?:'|\\?\Z)"
    r"|\"((?:[^\"\\]|\\[\s\S])*+)(?:\"|\\?\Z)"
)
_LONGEST = 1 << 24  # characters of a field


def read_scifact_texts(folder: Path) -> Iterator[SourceText]:
    """Yield every abstract under its title, as Markdown."""
    for row in _read_scifact_rows(folder / "corpus_train.csv"):
        abstract = " ".join((a or b).strip() for a, b in _SENTENCE.findall(row["abstract"]))
        title = " ".join(row["title"].split())
        yield SourceText(uri=f"{row['doc_id']}.md", text=f"# {title}\n\n{abstract}\n")


def read_scifact_cases(folder: Path) -> Iterator[Case]:
    """Yield every training claim that was judged, with the abstracts about it."""
    judged: dict[str, list[Evidence]] = defaultdict(list)
    for row in _read_scifact_rows(folder / "qrels.tsv", delimiter="\t"):
        evidence = Evidence(uri=f"{row['corpus-id']}.md", grade=int(row["score"]))
        judged[row["query-id"]].append(evidence)
    claims = {row["id"]: row["claim"] for row in _read_scifact_rows(folder / "claims_train.csv")}
    for name, claim in claims.items():
        if name in judged:
            yield Case(
                id=name, lang="en", question=claim, evidence=tuple(judged[name]), cluster=name
            )


def _read_scifact_rows(file: Path, delimiter: str = ",") -> list[dict[str, str]]:
    usual = csv.field_size_limit(_LONGEST)  # of the whole process: put back below
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines, delimiter=delimiter))
    finally:
        csv.field_size_limit(usual)
