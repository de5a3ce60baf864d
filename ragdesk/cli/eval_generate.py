"""``ragdesk eval generate``: makes cases of a collection, without a model."""

from collections.abc import Iterator
from pathlib import Path

import click

from eval.generate import Section, SourceDocument, generate_cases
from indexes.chunk import Chunk
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import load_settings

GENERATE_EXAMPLES = """
\b
Examples:
  ragdesk eval generate --out made
  ragdesk ingest made/documents --collection made
  ragdesk eval run made/cases.jsonl --collection made --out runs/made
  ragdesk eval calibrate runs/made
"""


@click.command("generate", epilog=GENERATE_EXAMPLES)
@shared_options.collection_option
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False))
@shared_options.json_option
@click.pass_obj
def command(call: shared_options.CliCall, /, *, collection: str, out: Path, as_json: bool) -> None:
    """Make cases from the headings and FAQ entries of a collection.

    A quarter of the sections and some documents are left out of the copy that is written beside
    the cases: questions for them have no answer there. Ask about the copy, not the collection.
    """
    loaded = load_settings(home=call.home, config=call.config)
    with Workspace(loaded.home, loaded.settings).open_collection(collection) as opened:
        cases = generate_cases(_iter_sources(opened), out)
    counts = {s: sum(c.stratum == s for c in cases) for s in ("in_kb", "near_domain", "out_of_kb")}
    if as_json:
        shared_options.print_json({"cases": len(cases), **counts, "out": str(out)})
        return
    summary = ", ".join(f"{count} {stratum}" for stratum, count in counts.items())
    click.echo(f"{len(cases)} cases ({summary}) in {out / 'cases.jsonl'}")
    click.echo(f"Next: ragdesk ingest {out / 'documents'} --collection made")


def _iter_sources(opened: OpenCollection) -> Iterator[SourceDocument]:
    for listed in opened.documents:
        record, chunks = opened.index.read_document(listed)
        sections = tuple(_make_section(chunk) for chunk in chunks)
        yield SourceDocument(
            uri=record.uri, title=record.title, text=record.text, sections=sections
        )


def _make_section(chunk: Chunk) -> Section:
    start, end = chunk.question or (chunk.start, chunk.start)
    question = chunk.text[start - chunk.start : end - chunk.start].strip()
    heading = chunk.path[-1] if chunk.path else ""
    return Section(heading=heading, span=(chunk.start, chunk.end), question=question)
