"""The cases of an evaluation: questions, their known answers, and their source texts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Role = Literal["user", "assistant"]
Stratum = Literal["in_kb", "near_domain", "out_of_kb", "underspecified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceText:
    """A document of a public data set, to be written to a file and ingested like any other."""

    uri: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The place of an answer. quote: empty when only the document, or its page, is known.

    page: 1-based. grade: how relevant, as the set has it.
    """

    uri: str
    quote: str = ""
    grade: int = 1
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question, and what is known of its answer.

    must_include: of each inner list one must be said. cluster: cases that are not independent
    (of one article, one document); intervals are drawn over clusters.
    """

    id: str
    lang: str
    question: str
    history: tuple[Mapping[str, str], ...] = ()
    answerable: bool = True
    stratum: Stratum = "in_kb"
    reference: tuple[str, ...] = ()
    must_include: tuple[tuple[str, ...], ...] = ()
    must_not_include: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    tags: tuple[str, ...] = ()
    cluster: str = ""


def list_turns(case: Case) -> list[tuple[Role, str]]:
    """Return the earlier turns as (user or assistant, words), whatever the data set calls them.

    >>> history = ({"speaker": "agent", "text": "Yes."},)
    >>> list_turns(Case(id="1", lang="en", question="Why?", history=history))
    [('assistant', 'Yes.')]
    """
    turns: list[tuple[Role, str]] = []
    for turn in case.history:
        role = turn.get("role", turn.get("speaker", "user"))
        if words := turn.get("text") or turn.get("content"):
            turns.append(("user" if role == "user" else "assistant", words))
    return turns


def read_case_lines(file: Path) -> Iterator[Case]:
    """Read cases, one JSON object a line. Raises ValueError with the line that is wrong."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield _case_from_json(json.loads(line))
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{file}:{number}: {error}") from error


def write_case_lines(file: Path, cases: Iterable[Case]) -> int:
    """Write cases, one JSON object a line; return how many."""
    lines = [json.dumps(asdict(case), ensure_ascii=False) for case in cases]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)


def _case_from_json(fields: dict[str, Any]) -> Case:
    lists = ("history", "reference", "must_not_include", "tags")
    return Case(
        **{
            **fields,
            **{name: tuple(fields.get(name, ())) for name in lists},
            "must_include": tuple(tuple(any_of) for any_of in fields.get("must_include", ())),
            "evidence": tuple(Evidence(**passage) for passage in fields.get("evidence", ())),
        }
    )
