"""Generate cases from a collection without a model: answerable and unanswerable questions.

Answerable ones come from FAQ entries and headings. Unanswerable ones ask for sections that are
left out (near: the rest of the document stays) and for documents that are left out (far). The
documents without these parts are written beside the cases: ask about those, in a collection of
their own. Questions from headings are plainer than customers' ones: they calibrate a floor, they
do not tell how good an engine is.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.case import Case, Evidence, Stratum, write_case_lines
from eval.run_folder import CASES
from indexes.text.scripts import detect_language
from indexes.text.sentences import Span

GENERATION_SEED = 20261123
SHORTEST = 40  # characters of a section that says something
OUT_SECTIONS = 0.25  # share of all sections that is left out
OUT_DOCUMENTS = 0.15  # share of all documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of a document. question: of an FAQ entry, as it stands there."""

    heading: str
    span: Span
    question: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDocument:
    """A document with its sections."""

    uri: str
    title: str
    text: str
    sections: tuple[Section, ...]


def generate_cases(
    sources: Iterable[SourceDocument], out: Path, seed: int = GENERATION_SEED
) -> list[Case]:
    """Write cases.jsonl and documents/ below ``out``; return the cases."""
    dice = random.Random(seed)  # noqa: S311, nothing is kept secret by it
    cases: list[Case] = []
    for source in sorted(sources, key=lambda document: document.uri):
        useful = [s for s in source.sections if s.span[1] - s.span[0] >= SHORTEST]
        if useful and dice.random() < OUT_DOCUMENTS:
            cases += [_section_case(source, s, "out_of_kb", n) for n, s in enumerate(useful)]
            continue
        gone = [s for s in useful if len(useful) > 1 and dice.random() < OUT_SECTIONS]
        text = _remove_spans(source.text, [s.span for s in gone])
        cases += [_section_case(source, s, "near_domain", n) for n, s in enumerate(gone)]
        case_sections = [
            s for s in useful if s not in gone and source.text[slice(*s.span)].strip() in text
        ]
        cases += [_section_case(source, s, "in_kb", n) for n, s in enumerate(case_sections)]
        _save_text(out / "documents" / f"{source.uri}.txt", text)
    write_case_lines(out / CASES, cases)
    return cases


def write_question(source: SourceDocument, section: Section) -> str:
    """Write the question of a section: an FAQ entry's own, else one made of heading and title."""
    if section.question:
        return section.question
    about = section.heading or source.title
    within = f" ({source.title})" if source.title and source.title != about else ""
    if detect_language(about) == "zh":
        return f"{about}{within.replace('(', '（').replace(')', '）')}是怎么规定的？"
    return f"What is said about {about}{within}?"


def _section_case(source: SourceDocument, section: Section, stratum: Stratum, number: int) -> Case:
    question = write_question(source, section)
    known = stratum == "in_kb"
    quote = source.text[slice(*section.span)].strip()
    return Case(
        id=f"{stratum}-{source.uri}-{number}",
        lang=detect_language(question),
        question=question,
        answerable=known,
        stratum=stratum,
        evidence=(Evidence(uri=f"{source.uri}.txt", quote=quote),) if known else (),
        tags=("faq" if section.question else "heading",),
        cluster=source.uri,
    )


def _remove_spans(text: str, spans: Sequence[Span]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + text[end:]
    return text


def _save_text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="")
