"""FinanceBench: questions over annual reports, with the page each answer stands on.

https://github.com/patronus-ai/financebench. A folder with questions.jsonl and pdfs/.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from eval.case import Case, Evidence


def read_financebench_cases(folder: Path) -> Iterator[Case]:
    """Yield every question. The set counts pages from 0, evidence here counts them from 1."""
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, filter(str.strip, lines)):
        pages = {(e["doc_name"], e["evidence_page_num"] + 1) for e in row["evidence"]}
        yield Case(
            id=row["financebench_id"],
            lang="en",
            question=row["question"],
            reference=(row["answer"],),
            evidence=tuple(Evidence(uri=f"{name}.pdf", page=page) for name, page in sorted(pages)),
            cluster=row["doc_name"],
        )
