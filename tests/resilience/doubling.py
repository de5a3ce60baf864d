"""Doubles hostile texts of one kind each, and holds what their reading costs to their length.

``python -m tests.resilience.doubling`` prints the CPU time of four sizes, each twice the last, and
the ratio of the last two; 1 when a kind takes more than ``RATIO`` times as long for twice the text.
``--write`` puts the tables into RESILIENCY.md.
"""

import argparse
import gc
import io
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from indexes.text.contradictions import find_contradictions
from indexes.text.quantities import find_quantities
from indexes.text.sentences import split_sentences
from indexes.text.tokens import find_identifiers, tokenize_text
from ingest.errors import Unreadable
from ingest.parse import registry
from ragdesk.answering.clarify import is_vague
from ragdesk.answering.follow_up import refers_back
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.writing.answer_decoder import MarkedDecoder
from ragdesk.answering.writing.sanitize import GrowingSanitizer, sanitize_text
from ragdesk.answering.writing.structured_decoder import StructuredDecoder
from ragdesk.errors import EngineFailed
from tests.lab.results import write_section

FIGURES = Path(__file__).parents[2] / "tests/resilience/RESILIENCY.md"
RATIO = 2.6  # of CPU times when a text doubles
FLOOR = 0.03  # seconds; less is not judged
MAIL = "From: a@b.example\nTo: c@d.example\nSubject: S\nDate: Mon, 1 Jan 2024 10:00:00 +0000\n"

Work = Callable[[int], Callable[[], object]]


def parsed(name: str, write: Callable[[int], str | bytes]) -> Work:
    def work(n: int) -> Callable[[], object]:
        body = write(n)
        content = body.encode() if isinstance(body, str) else body
        return partial(_parse, content, name)

    return work


def _parse(body: bytes, name: str) -> None:
    with suppress(Unreadable):  # a refusal must be cheap as well
        registry.parse_document(body, name)


def reading(function: Callable[[str], object], write: Callable[[int], str]) -> Work:
    return lambda n: partial(function, write(n))


def _points_back(question: str) -> tuple[bool, bool]:
    analysis = analyze_question(question)
    return is_vague(analysis), refers_back(analysis)


def office(
    kind: str, part: str, write: Callable[[int], str], **parts: str
) -> Callable[[int], bytes]:
    """Pack a document part that grows into an office file."""
    space = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="x/officeDocument" Target="{part}"/></Relationships>'
    )

    def pack(n: int) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("_rels/.rels", relations)
            archive.writestr(part, f"<{kind} {space}>{write(n)}</{kind}>")
            for name, text in parts.items():
                archive.writestr(name, text)
        return content.getvalue()

    return pack


def nested_boxes(depth: int) -> str:
    text = "<p><r><t>in</t></r></p>"
    for _ in range(depth):
        text = f"<p><r><t>a</t><pict><txbxContent>{text}</txbxContent></pict></r></p>"
    return f"<body>{text}</body>"


def streamed(
    kind: type[StructuredDecoder] | type[MarkedDecoder], write: Callable[[int], str], step: int = 1
) -> Work:
    """Read a model's stream as it is shown: decoded, grown and cleaned."""

    def work(n: int) -> Callable[[], object]:
        return partial(_stream, kind, write(n), step)

    return work


def _stream(kind: Any, text: str, step: int) -> None:
    reader = kind(8, growing=True)
    growing = GrowingSanitizer()
    try:
        for at in range(0, len(text), step):
            for sentence in reader.feed(text[at : at + step]):
                if sentence.is_complete:
                    sanitize_text(sentence.text)
                    growing = GrowingSanitizer()
                else:
                    growing.grow(sentence.text)
        for sentence in reader.end():
            sanitize_text(sentence.text)
    except EngineFailed:
        pass


def json_of(letters: str) -> Callable[[int], str]:
    return lambda n: '{"sentences": [{"text": "' + letters * n + '", "citations": [1]}]}'


def times(text: str, *, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda n: before + text * n + after


DOCUMENTS: dict[str, tuple[int, Work]] = {  # kind: its largest size, and what reads it
    "markdown, comments at the head": (8_000, parsed("a.md", times("<!-- -->", after="x"))),
    "markdown, comments that stay open": (8_000, parsed("a.md", times("<!-- ", after="x"))),
    "markdown, links that stay open": (8_000, parsed("a.md", times("](a", before="# x\n"))),
    "markdown, blanks": (8_000, parsed("a.md", times(" ", before="# x\n{", after="x"))),
    "markdown, blanks in the front matter": (
        8_000,
        parsed("a.md", times(" ", before="---\ntitle: a", after="b\n---\nx")),
    ),
    "markdown, brackets": (8_000, parsed("a.md", times("[", before="# x\n\n"))),
    "markdown, emphasis": (8_000, parsed("a.md", times("*a _b", before="# x\n\n"))),
    "markdown, table": (
        8_000,
        parsed("a.md", times("| a | b |\n", before="# x\n\n|a|b|\n|-|-|\n")),
    ),
    "html, templates that stay open": (8_000, parsed("a.html", times("<%a<?=", before="<html>x"))),
    "html, style comments that stay open": (
        8_000,
        parsed("a.html", times("/*a", before="<html><style>", after="</style>x")),
    ),
    "html, media rules": (
        8_000,
        parsed("a.html", times("@media", before="<html><style>", after="</style>x")),
    ),
    "html, entities": (8_000, parsed("a.html", times("&amp", before="<html><p>"))),
    "html, tags that stay open": (8_000, parsed("a.html", times("<a<p ", before="<html><p>"))),
    "html, menus in menus": (
        200,
        parsed("a.html", lambda n: "<html>" + "<div class=nav>" * n + "<i>a</i>b" * 4 * n),
    ),
    "html, lists in lists": (
        200,
        parsed("a.html", lambda n: "<html>y" + "<ul><li>" * n + "<a href=#a>x</a>" * 4 * n),
    ),
    "html, tables in tables": (
        200,
        parsed("a.html", lambda n: "<html>" + "<table><tr><th>" * n + "<i>a</i>b" * 4 * n),
    ),
    **{
        f"html, {name} in one another": (
            200,
            parsed("a.html", lambda n, mark=mark: "<html>" + mark * n + "<i>a</i>b" * 60 * n),
        )
        for name, mark in {
            "definitions": "<dl><dt>a<dd>",
            "headers": "<header>",
            "tables without heads": "<table><tr><td>",
        }.items()
    },
    "html, colours in one another": (2_000, parsed("a.html", times("<b style=color:red>x"))),
    "html, white in white": (2_000, parsed("a.html", times("<font color=#fff>x"))),
    "html, list": (8_000, parsed("a.html", times("<li>a", before="<html><ul>"))),
    "mail, blank lines": (8_000, parsed("a.eml", times("\n", before=MAIL + "\nx", after="On"))),
    "mail, parameters": (
        8_000,
        parsed("a.eml", times("p=v; ", before=MAIL + "Content-Type: text/plain; ", after="\n\nx")),
    ),
    "mail, encoded words": (
        8_000,
        parsed(
            "a.eml", times("=?utf-8?q?a", before=MAIL + "Reply-To: a\n".replace("Reply-To", "Cc"))
        ),
    ),
    "csv, quotes": (8_000, parsed("a.csv", times('"a""b",c\n'))),
    "json, nested": (8_000, parsed("a.jsonl", times('{"a":', after="1"))),
    "text, one word": (32_000, parsed("a.txt", times("a"))),
    "text, stops": (32_000, parsed("a.txt", times(".", before="a", after="b"))),
    "text, a question of blanks": (32_000, parsed("a.txt", times(" ", before="Q", after="x"))),
    "text, combining marks": (32_000, parsed("a.txt", times("\u0301", before="a"))),
    "vtt, voices that stay open": (
        8_000,
        parsed("a.vtt", times("<v a", before="WEBVTT\n\n00:01 --> 00:02\n")),
    ),
    "docx, text boxes in text boxes": (
        16,
        parsed("a.docx", office("document", "word/document.xml", nested_boxes)),
    ),
    "sentences, colons": (16_000, reading(split_sentences, times(":", after="0"))),
    "sentences, blanks": (16_000, reading(split_sentences, times(" ", before="a", after="x"))),
    "tokens, one identifier": (16_000, reading(tokenize_text, times("a1-"))),
    "identifiers, digits": (16_000, reading(find_identifiers, times("#1,"))),
    "tokens, spaced codes": (16_000, reading(tokenize_text, times("!\n e 20"))),
    "tokens, numerals": (16_000, reading(tokenize_text, times("九点零五千"))),
    "quantities, numerals": (16_000, reading(find_quantities, times("三千点五"))),
    "quantities, words": (4_000, reading(find_quantities, times("twenty one "))),
    "quantities, digits": (16_000, reading(find_quantities, times("1,"))),
    "flags, one clause": (4_000, reading(lambda t: find_contradictions(t, t), times("not a "))),
    "questions, blanks": (
        2_000,
        reading(_points_back, times(" ", before="is it", after="x")),
    ),
}
ANSWERS: dict[str, tuple[int, Work]] = {
    "json, one word, a letter at a time": (60_000, streamed(StructuredDecoder, json_of("a"))),
    "json, one word at once": (60_000, streamed(StructuredDecoder, json_of("a"), 1 << 20)),
    "json, escapes": (10_000, streamed(StructuredDecoder, json_of("\\u0041"))),
    "json, addresses": (10_000, streamed(StructuredDecoder, json_of("a.co!"), 1 << 20)),
    "json, brackets in a member": (
        30_000,
        streamed(
            StructuredDecoder, times("[", before='{"sentences": [{"text": ', after="}]}"), 1 << 20
        ),
    ),
    "marks, one word, a letter at a time": (60_000, streamed(MarkedDecoder, times("a"))),
    "marks, one word at once": (60_000, streamed(MarkedDecoder, times("a"), 1 << 20)),
    "marks, blanks": (60_000, streamed(MarkedDecoder, times(" \n", before="a", after="x"))),
    "marks, marks": (16_000, streamed(MarkedDecoder, times("[1] ", before="a"))),
    "marks, a mark that has no end": (30_000, streamed(MarkedDecoder, times("1,", before="a ["))),
    "marks, opening brackets": (60_000, streamed(MarkedDecoder, times("[", before="a"))),
    "marks, stops": (60_000, streamed(MarkedDecoder, times(".", before="a"))),
}


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Measure the CPU seconds of some work: the least of several rounds."""
    least = float("inf")
    for _ in range(rounds):
        begun = time.thread_time()
        work()
        least = min(least, time.thread_time() - begun)
        if least > 1:
            break
    return least


def measure(largest: int, work: Work, *, parts: int = 8, rounds: int = 3) -> list[float]:
    """Give the CPU seconds of texts of 1/8, 1/4, 1/2 and the whole of the largest size.

    Without the garbage collector: it looks through all that the process has, too.
    """
    sizes = [
        size
        for size in (largest // 8, largest // 4, largest // 2, largest)
        if size * parts >= largest
    ]
    taken = []
    gc.collect()
    gc.disable()
    try:
        for size in sizes:
            taken.append(seconds(work(size), rounds))
            if taken[-1] > 5:
                break
    finally:
        gc.enable()
    return taken


def slow(taken: list[float]) -> bool:
    """Tell whether twice the text took far more than twice the time, where it took any."""
    return taken[-1] > FLOOR and taken[-1] > RATIO * max(
        taken[-2] if len(taken) > 1 else 0.0, FLOOR / RATIO
    )


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--write", action="store_true")
    reader.add_argument("--only", default="")
    options = reader.parse_args()
    bad = 0
    for heading, kinds in (
        ("P10, continued: a document costs what it is long", DOCUMENTS),
        ("P14, continued: a model's words cost what they are long", ANSWERS),
    ):
        lines = ["| kind | repeated | ms | twice as long, ms | ratio |", "|---|---|---|---|---|"]
        for kind, (largest, work) in kinds.items():
            if options.only not in kind:
                continue
            taken = measure(largest, work)
            bad += slow(taken)
            last = taken[-1]
            before = taken[-2] if len(taken) > 1 else 0.0
            ratio = f"{last / before:.1f}" if last > 0.002 and before else "-"
            row = f"| {kind} | {largest:,} | {1000 * before:.1f} | {1000 * last:.1f} | {ratio} |"
            lines.append(row)
            print(row + (" SLOW" if slow(taken) else ""), flush=True)
        if options.write and not options.only:
            body = (
                "CPU time of one thread, least of three; blanks where it is too short to tell.\n\n"
            )
            command = "python -m tests.resilience.doubling --write"
            write_section(heading, command, body + "\n".join(lines), file=FIGURES)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
