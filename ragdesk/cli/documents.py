"""``ragdesk documents``: which documents a collection holds, and what to know of each."""

import sys
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any

import click

from indexes.chunk import ALWAYS_VALID
from indexes.index import Index
from indexes.store.document_table import ListedDocument
from ingest import sources
from ingest.document_changes import describe_mass_removal
from ingest.errors import MassRemoval
from ingest.skip_memory import find_skip, read_skips
from ingest.source_changes import belongs_to_source, make_source_conflict
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options, terminal
from ragdesk.errors import NotFound
from ragdesk.settings import load_settings

LISTED_DOCUMENTS = 200  # that a terminal shows
DOCUMENTS_EXAMPLES = """
\b
Examples:
  ragdesk documents list                       every document, and how many notes it has
  ragdesk documents list --notes               those of which something was not kept
  ragdesk documents show faq/refund.md         where it came from, and what was not read of it
  ragdesk documents show faq/refund.md --text  the text that answers quote
  ragdesk documents remove notes/old.md        take one out that was put over HTTP
"""


@click.group("documents", epilog=DOCUMENTS_EXAMPLES)
def command() -> None:
    """List, show and remove documents.

    A document of a folder goes when its file does: remove the file and ingest the folder again, or
    take the whole folder away with ragdesk ingest --remove PATH.
    """


def _load_workspace(call: shared_options.CliCall) -> Workspace:
    loaded = load_settings(home=call.home, config=call.config)
    return Workspace(loaded.home, loaded.settings)


@command.command("list")
@shared_options.collection_option
@click.option("--notes", "only_noted", is_flag=True, help="Only documents with notes.")
@click.option("--path", "prefix", default="", help="Only documents whose uri begins so.")
@shared_options.json_option
@click.pass_obj
def documents_list(
    call: shared_options.CliCall, *, collection: str, only_noted: bool, prefix: str, as_json: bool
) -> None:
    """List the documents of a collection by uri."""
    folder = _load_workspace(call).find_collection(collection)
    with Index.open(folder) as index:
        facts = {"collection": collection, "generation": index.generation}
        rows = [
            _describe_document(index, document)
            for document in index.iter_documents()
            if document.uri.startswith(prefix) and (index.read_notes(document) or not only_noted)
        ]
    if as_json:
        shared_options.print_json(facts | {"documents": rows})
        return
    to = terminal.open_console()
    names = ("uri", "title", "source", "chunks", "notes")
    lines = [
        (row["uri"], row["title"], _short_source(row["source"]), row["chunks"], len(row["notes"]))
        for row in rows[:LISTED_DOCUMENTS]
    ]
    terminal.print_table(to, names, lines)
    if (more := len(rows) - LISTED_DOCUMENTS) > 0:
        to.print(f"… and {more:,} more; --json lists all, --path a part.")


@command.command("show")
@click.argument("uri")
@shared_options.collection_option
@click.option("--text", "with_text", is_flag=True, help="Its stored text alone, as it is quoted.")
@shared_options.json_option
@click.pass_obj
def documents_show(
    call: shared_options.CliCall, *, uri: str, collection: str, with_text: bool, as_json: bool
) -> None:
    """Show what is known of a document: its source, who may see it, and what was not read of it."""
    folder = _load_workspace(call).find_collection(collection)
    with Index.open(folder) as index:
        matches = index.documents.list_by_uri(uri)
        if not matches:
            raise NotFound(_describe_absence(folder, uri, call))
        rows = [_describe_document(index, document) for document in matches]
        texts = [index.read_text_of(document) or "" for document in matches]
        facts = {"collection": collection, "generation": index.generation}
    for row, text in zip(rows, texts, strict=True):
        row["characters"] = len(text)
        if with_text:
            row["text"] = text
    if as_json:
        shared_options.print_json(facts | rows[0] | ({"others": rows[1:]} if rows[1:] else {}))
        return
    for row in rows:
        if with_text:
            click.echo(row["text"], nl=sys.stdout.isatty())  # a file gets the text alone
        else:
            _print_document(row)


@command.command("remove")
@click.argument("uris", nargs=-1, required=True, metavar="URI…")
@shared_options.collection_option
@click.option("--allow-removals", is_flag=True, help="Even if that is over half of what was put.")
@shared_options.json_option
@click.pass_obj
def documents_remove(
    call: shared_options.CliCall,
    *,
    uris: tuple[str, ...],
    collection: str,
    allow_removals: bool,
    as_json: bool,
) -> None:
    """Take documents out that were put over HTTP. Nothing is removed unless all of them can be."""
    workspace = _load_workspace(call)
    folder = workspace.find_collection(collection)
    wanted = list(dict.fromkeys(uris))
    with Index.open(folder) as index:
        for uri in wanted:
            _check_removable(index, folder, uri, call)
        put = [d for d in index.iter_documents() if belongs_to_source(sources.API, d.source)]
    refusal = describe_mass_removal("HTTP", document_count=len(put), removed_count=len(wanted))
    if len(wanted) > 1 and refusal and not allow_removals:
        raise MassRemoval(f"{refusal} Nothing was changed.")
    job = workspace.make_job(collection)
    reports = [job.delete(uri) for uri in wanted]
    workspace.replicate_collection(collection)
    removed = sum(report.document.counts.removed for report in reports if report.document)
    facts = {"collection": collection, "generation": reports[-1].generation, "removed": removed}
    if as_json:
        shared_options.print_json(facts | {"documents": reports[-1].documents})
    else:
        click.echo(
            f"{collection}: {removed:,} removed, {reports[-1].documents:,} documents in generation "
            f"{reports[-1].generation}."
        )


def _check_removable(index: Index, folder: Path, uri: str, call: shared_options.CliCall) -> None:
    """Raise NotFound for a document that there is not, SourceConflict for one of a folder."""
    matches = index.documents.list_by_uri(uri)
    if not matches:
        raise NotFound(_describe_absence(folder, uri, call))
    if not any(belongs_to_source(sources.API, document.source) for document in matches):
        raise make_source_conflict(matches[0])


def _describe_absence(folder: Path, uri: str, call: shared_options.CliCall) -> str:
    skip = find_skip(read_skips(folder), uri)
    if skip:
        return f"{uri} is no document, as it was skipped: {skip.reason}"
    listing = call.shell_command("documents list", folder.name)
    return f"No document {uri!r} in {folder.name!r}. List them: {listing}"


def _describe_document(index: Index, document: ListedDocument) -> dict[str, Any]:
    names = ("uri", "title", "source", "media_type", "language", "digest")
    validity = {"validity": asdict(document.validity)} if document.validity != ALWAYS_VALID else {}
    return {
        **{name: getattr(document, name) for name in names},
        "groups": sorted(document.groups),
        "chunks": document.count,
        **validity,
        "notes": list(index.read_notes(document)),
    }


def _short_source(source: str) -> str:
    return "HTTP" if belongs_to_source(sources.API, source) else PurePath(source).name


def _print_document(row: dict[str, Any]) -> None:
    to = terminal.open_console()
    facts = {name: row[name] for name in ("uri", "title", "media_type", "language", "source")}
    facts["groups"] = ", ".join(row["groups"]) or "everybody"
    facts |= {"chunks": f"{row['chunks']:,}", "characters": f"{row['characters']:,}"}
    validity = row.get("validity", {})
    facts |= {name: value for name, value in validity.items() if value}
    for name, value in facts.items():
        to.print(f"{name.replace('_', ' '):<12}{value}", soft_wrap=True)
    for note in row["notes"]:
        to.print(f"{'note':<12}{note}", style="yellow", soft_wrap=True)
