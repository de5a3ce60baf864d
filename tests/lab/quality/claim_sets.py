"""Claims that a model wrote, each with the texts it cited and the label of a person.

A folder holds ``claims.jsonl`` (question, claim, cited passages, label) and ``passages.jsonl`` (each
cited passage once). A file of single claims with ``cited_uri`` and ``cited_quote`` is read as well:
its passages are looked up in the collection.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from indexes.chunk import Chunk, Passage
from indexes.text.scripts import detect_language

Label = Literal["", "borne", "not", "no_claim"]
FindPassages = Callable[[str, str], Sequence[Passage]]  # uri and quote in, what holds it out
# Of a chunk, what the check reads; offsets and page are kept to find the place again.
CHUNK_FIELDS = ("uri", "title", "path", "lead", "text", "start", "end", "kind", "page", "question")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRecord:
    """One sentence that a model wrote about a question.

    answer: names the answer it stands in. cited: ids of its passages. label: borne (its passages
    state it), not (they do not), no_claim (it states nothing, or what the question states);
    empty until somebody read it. answers: whether it answers the question, if it is borne out.
    likelihood: the gate's, before the model was asked.
    """

    question: str
    answer: str
    claim: str
    cited: tuple[str, ...]
    label: Label = ""
    answers: bool = False
    likelihood: float = 1.0

    @property
    def language(self) -> str:
        """Return the language of the claim."""
        return "zh" if detect_language(self.claim) == "zh" else "en"

    @property
    def half(self) -> str:
        """Return the half it falls in, drawn by its words: "dev" or "held"."""
        return "held" if hashlib.sha256(self.claim.encode()).digest()[0] % 2 else "dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSet:
    """The claims of a set, and the passages that they cite, by id."""

    claims: tuple[ClaimRecord, ...]
    passages: dict[str, Passage]

    def cited(self, record: ClaimRecord) -> list[Passage]:
        """Return the passages that a claim cites, in its order."""
        return [self.passages[name] for name in record.cited]


def write_claim_set(folder: Path, claim_set: ClaimSet) -> None:
    """Write a set into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = (asdict(record) for record in claim_set.claims)
    _write_lines(folder / "claims.jsonl", rows)
    passages = (
        {"id": name, **_chunk_row(passage.chunk)}
        for name, passage in sorted(claim_set.passages.items(), key=_place)
    )
    _write_lines(folder / "passages.jsonl", passages)


def read_claim_set(path: Path, find_passages: FindPassages | None = None) -> ClaimSet:
    """Read the set of a folder, or a file of single claims, whose passages ``find_passages`` gives.

    Raises ValueError for such a file where none is given.
    """
    if path.is_dir():
        passages = {row["id"]: _read_passage(row) for row in _read_lines(path / "passages.jsonl")}
        records = tuple(_read_record(row) for row in _read_lines(path / "claims.jsonl"))
        return ClaimSet(claims=records, passages=passages)
    if find_passages is None:
        raise ValueError(f"{path} names its sources by their quotes: a collection is needed.")
    return _read_single_claims(path, find_passages)


def _read_single_claims(path: Path, find_passages: FindPassages) -> ClaimSet:
    records, passages = [], {}
    for number, row in enumerate(_read_lines(path), start=1):
        cited = find_passages(row["cited_uri"], row["cited_quote"])
        if not cited:
            raise ValueError(f"{path}:{number}: no passage holds {row['cited_quote']!r}")
        passages.update({passage.chunk.id: passage for passage in cited})
        records.append(
            ClaimRecord(
                question=row["question"],
                answer=f"{path.stem}-{number}",
                claim=row["claim"],
                cited=tuple(passage.chunk.id for passage in cited),
                label=row["label"],
                answers=row["label"] == "borne" and row.get("answers", True),
            )
        )
    return ClaimSet(claims=tuple(records), passages=passages)


def _place(item: tuple[str, Passage]) -> tuple[str, int]:
    return item[1].chunk.uri, item[1].chunk.start


def _chunk_row(chunk: Chunk) -> dict[str, Any]:
    row = {name: getattr(chunk, name) for name in CHUNK_FIELDS}
    return {name: value for name, value in row.items() if value not in (None, "", ())}


def _read_passage(row: dict[str, Any]) -> Passage:
    fields = {name: row[name] for name in CHUNK_FIELDS if name in row}
    for name in ("path", "question"):
        if name in fields:
            fields[name] = tuple(fields[name])
    return Passage(chunk=Chunk(document=row["uri"], **{"title": "", **fields}), score=1.0)


def _read_record(row: dict[str, Any]) -> ClaimRecord:
    return ClaimRecord(**{**row, "cited": tuple(row["cited"])})


def _read_lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def _write_lines(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def group_answers(records: Sequence[ClaimRecord]) -> dict[str, list[ClaimRecord]]:
    """Group claims by the answer they stand in, in order."""
    answers: dict[str, list[ClaimRecord]] = {}
    for record in records:
        answers.setdefault(record.answer, []).append(record)
    return answers
