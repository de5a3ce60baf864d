"""Locate the evidence of cases in the documents as they are now.

A quote is found again whatever the chunks are; where a document no longer contains it, the case is
reported as a problem.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from eval.case import Case, Evidence
from indexes.text.coverage import compute_coverage
from indexes.text.sentences import Span, split_sentences
from indexes.text.tokens import tokenize_text

Texts = Callable[[str], str | None]  # the stored text of a document, by its uri
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePlace:
    """A piece of evidence, located in a document.

    spans: every place in the document where its quote stands; empty where the whole document, or
    page, is the evidence.
    """

    uri: str
    spans: tuple[Span, ...] = ()
    quote: str = ""
    grade: int = 1
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseProblem:
    """A problem of a case. fatal: the case cannot be measured as it stands."""

    case: str
    what: str
    fatal: bool = True


def find_quote(evidence: Evidence, text: str) -> tuple[Span, ...]:
    r"""Find a quote in a text, whatever white space stands between its words.

    >>> find_quote(Evidence(uri="a", quote="30 days"), "In 30\ndays. 30 days!")
    ((3, 10), (12, 19))
    """
    words = [re.escape(word) for word in evidence.quote.split()]
    if not words:
        return ()
    return tuple(match.span() for match in re.finditer(r"\s+".join(words), text))


def locate_evidence(
    case: Case, texts: Texts
) -> tuple[tuple[EvidencePlace, ...], tuple[CaseProblem, ...]]:
    """Locate all evidence of a case, and list what could not be located."""
    places: list[EvidencePlace] = []
    problems: list[CaseProblem] = []
    for evidence in case.evidence:
        text = texts(evidence.uri)
        spans = find_quote(evidence, text) if text is not None else ()
        if text is None:
            problems.append(CaseProblem(case=case.id, what=f"{evidence.uri}: no such document"))
        elif evidence.quote and not spans:
            problems.append(
                CaseProblem(case=case.id, what=f"{evidence.uri}: {_describe_drift(evidence, text)}")
            )
        else:
            places.append(_evidence_place(evidence, spans))
    return tuple(places), tuple(problems)


def list_unlocated_evidence(case: Case) -> tuple[EvidencePlace, ...]:
    """Return the evidence of a case for documents that cannot be read: matched by its quote."""
    return tuple(_evidence_place(evidence, ()) for evidence in case.evidence)


def lint_cases(cases: Iterable[Case], texts: Texts | None) -> Iterator[CaseProblem]:
    """List every case that no longer fits its documents, or cannot be measured as written."""
    earlier_ids: set[str] = set()
    for case in cases:
        if case.id in earlier_ids:
            yield CaseProblem(case=case.id, what="its id was used before")
        earlier_ids.add(case.id)
        yield from _check_case_text(case)
        if texts is not None:
            yield from locate_evidence(case, texts)[1]


def _check_case_text(case: Case) -> Iterator[CaseProblem]:
    if not case.question.strip():
        yield CaseProblem(case=case.id, what="its question is empty")
    if case.answerable and not (case.evidence or case.reference or case.must_include):
        yield CaseProblem(
            case=case.id, what="answerable, but neither evidence nor reference is known"
        )
    if case.answerable and case.stratum in {"near_domain", "out_of_kb"}:
        yield CaseProblem(case=case.id, what=f"answerable, but its stratum is {case.stratum}")
    if not case.answerable and case.stratum == "in_kb":
        yield CaseProblem(case=case.id, what="unanswerable, but its stratum is in_kb")
    if not case.answerable and (case.reference or case.must_include):
        yield CaseProblem(case=case.id, what="unanswerable, but an answer is known", fatal=False)
    if any(not any_of for any_of in case.must_include):
        yield CaseProblem(case=case.id, what="must_include holds an empty list")


def _evidence_place(evidence: Evidence, spans: Sequence[Span]) -> EvidencePlace:
    return EvidencePlace(
        uri=evidence.uri,
        spans=tuple(spans),
        quote=evidence.quote,
        grade=evidence.grade,
        page=evidence.page,
    )


def _describe_drift(evidence: Evidence, text: str) -> str:
    wanted = tokenize_text(evidence.quote)
    nearest = max(
        (text[a:b] for a, b in split_sentences(text)),
        key=lambda sentence: compute_coverage(wanted, tokenize_text(sentence), lambda _: 1.0),
        default="",
    )
    quote = _SPACE.sub(" ", evidence.quote)
    return f"does not hold {quote[:80]!r}; nearest: {_SPACE.sub(' ', nearest)[:80]!r}"
