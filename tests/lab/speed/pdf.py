"""Read PDFs with the parser, with pypdf and with pdfium alone, and hold page numbers to gold.

    python -m tests.lab.speed.pdf FOLDER… [--gold questions.jsonl]

Times are processor seconds of one process, file after file, the three in turn. pypdf reads every
n-th page only, at most ``--sample`` a file. ``--gold`` takes FinanceBench's questions, whose
evidence names a page (0-based) and gives its full text.
"""

import argparse
import collections
import contextlib
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import pypdf
import pypdfium2  # type: ignore[import-untyped]  # it ships no types

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.pdf import reader
from ingest.parse.pdf.structure import PYPDF_ERRORS
from ingest.parse.pdf.text_boxes import find_boxes
from tests.lab.results import write_section

Result = TypeVar("Result")
LONG = 20  # pages: a file with a row of its own


class Read(NamedTuple):
    """What reading one file gave. Rates are pages per processor second."""

    name: str
    pages: int
    characters: int
    ours: float
    pypdf: float
    pdfium: float


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """Do some work: its result and the processor seconds it took."""
    began = time.process_time()
    result = work()
    return result, max(time.process_time() - began, 1e-9)


def read_with_pdfium(body: bytes) -> int:
    """Read the text of all pages with pdfium alone, no boxes; how many it could read."""
    read = 0
    with contextlib.suppress(pypdfium2.PdfiumError), pypdfium2.PdfDocument(body) as document:
        for page in document:
            text = page.get_textpage()
            text.get_text_range()
            text.close()
            page.close()
            read += 1
    return read


def read_with_pypdf(body: bytes, sample: int) -> int:
    """Read at most ``sample`` pages, evenly chosen, with pypdf; how many it could read."""
    pages = pypdf.PdfReader(io.BytesIO(body), strict=False).pages
    chosen = range(0, len(pages), -(-len(pages) // sample))
    read = 0
    for number in chosen:
        with contextlib.suppress(*PYPDF_ERRORS):
            pages[number].extract_text()
            read += 1
    return read


def measure(file: Path, sample: int) -> tuple[Read, Document]:
    """Read a file three ways. Raises Unreadable."""
    body = file.read_bytes()
    document, ours = timed(lambda: reader.parse(body, file.name))
    count, plain = timed(lambda: read_with_pdfium(body))
    read, slow = timed(lambda: read_with_pypdf(body, sample))
    pages = len(document.pages)
    rates = (pages / ours, read / slow, count / plain)
    return Read(file.stem, pages, len(document.text), *rates), document


def unplaced(document: Document) -> int:
    """Count letters that no box holds, on blocks cut into single words: none is the promise."""
    return sum(
        len(word[0])
        for word in re.finditer(r"\S+", document.text)
        if not find_boxes(document.boxes, word.start(), word.end())
    )


def _words(text: str) -> collections.Counter[str]:
    return collections.Counter(re.findall(r"\w+", text.lower()))


def compare(gold: Path, documents: dict[str, Document]) -> Iterator[tuple[bool, float, float]]:
    """Hold each gold page against all pages of its report: is it the nearest, recall, precision."""
    for line in gold.read_text(encoding="utf-8").splitlines():
        for evidence in json.loads(line)["evidence"]:
            document = documents.get(evidence["doc_name"])
            if document is None:
                continue
            wanted = _words(evidence["evidence_text_full_page"])
            pages = [_words(document.text[page.start : page.end]) for page in document.pages]
            shared = [(wanted & words).total() for words in pages]
            scores = [
                2 * n / max(wanted.total() + w.total(), 1)
                for n, w in zip(shared, pages, strict=True)
            ]
            here = evidence["evidence_page_num"]
            yield (
                scores.index(max(scores)) == here,
                shared[here] / max(wanted.total(), 1),
                shared[here] / max(pages[here].total(), 1),
            )


def _sum(name: str, reads: list[Read]) -> Read:
    pages = sum(read.pages for read in reads)
    characters = sum(read.characters for read in reads)
    ours = sum(read.pages / read.ours for read in reads if read.ours)
    slow = sum(read.pages / read.pypdf for read in reads if read.pypdf)
    plain = sum(read.pages / read.pdfium for read in reads if read.pdfium)
    return Read(name, pages, characters, *(pages / max(t, 1e-9) for t in (ours, slow, plain)))


def report(
    reads: list[Read], skipped: list[str], lost: int, gold: list[tuple[bool, float, float]]
) -> str:
    """Write the figures down as Markdown."""
    rows = [
        "| file | pages | characters | ours, pages/s | pypdf | pdfium text alone |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    long = [read for read in reads if read.pages >= LONG]
    short = [read for read in reads if read.pages < LONG]
    rows += [
        f"| {read.name} | {read.pages:,} | {read.characters:,} | {read.ours:.0f} | {read.pypdf:.1f}"
        f" | {read.pdfium:.0f} |"
        for read in (*long, _sum(f"{len(short)} shorter files", short), _sum("**all**", reads))
    ]
    rows += ["", f"Letters without a box: {lost}. Skipped: {len(skipped)}."]
    rows += [f"- {line}" for line in skipped]
    if gold:
        right = sum(is_near for is_near, _, _ in gold)
        recall = sum(share for _, share, _ in gold) / len(gold)
        precision = sum(share for _, _, share in gold) / len(gold)
        preface = (
            f"Gold pages: {len(gold)}; nearest page of its report is the gold one: {right}. Words"
            f" shared: recall {recall:.3f}, precision {precision:.3f}; running headers are left out"
        )
        rows += ["", f"{preface} on purpose."]
    return "\n".join(rows)


def main() -> None:
    """Measure the PDFs of some folders and write the section of the results file."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.speed.pdf")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--gold", type=Path)
    parser.add_argument("--sample", type=int, default=25, help="pages a file that pypdf reads")
    options = parser.parse_args()
    reads: list[Read] = []
    skipped: list[str] = []
    documents: dict[str, Document] = {}
    for folder in options.folders:
        for file in sorted(folder.rglob("*.pdf")):
            try:
                read, documents[file.stem] = measure(file, options.sample)
            except Unreadable as reason:
                skipped.append(f"{file.stem}: {reason}")
                continue
            reads.append(read)
            print(f"{read.name}: {read.pages} pages, {read.ours:.0f} a second")
    gold = list(compare(options.gold, documents)) if options.gold else []
    body = report(reads, skipped, sum(map(unplaced, documents.values())), gold)
    command = "python -m tests.lab.speed.pdf " + " ".join(folder.name for folder in options.folders)
    write_section("PDF", command, body)
    print(body)


if __name__ == "__main__":
    main()
