"""``ragdesk collections``: which collections a home has, and one removed whole."""

from pathlib import Path
from typing import Any

import click

from indexes.errors import IndexesError
from indexes.index import Index
from ingest.errors import IngestError
from ingest.skip_memory import read_skips
from ingest.sources import read_sources
from ragdesk.cli import shared_options, terminal
from ragdesk.cli.call_workspace import load_workspace
from ragdesk.cli.terminal import is_terminal
from ragdesk.collection_removal import remove_published_collection
from ragdesk.errors import SettingsError, describe_error

COLLECTIONS_EXAMPLES = """
\b
Examples:
  ragdesk collections list
  ragdesk collections remove trial         asks for its name, typed once more
  ragdesk collections remove trial --yes   in a script
"""


@click.group("collections", epilog=COLLECTIONS_EXAMPLES)
def command() -> None:
    """List and remove collections."""


@command.command("list")
@shared_options.json_option
@click.pass_obj
def collections_list(call: shared_options.CliCall, *, as_json: bool) -> None:
    """List the collections with their sources, and how many files were skipped."""
    workspace = load_workspace(call)
    rows = [
        _describe_collection(name, workspace.collection_folder(name))
        for name in workspace.list_collections()
    ]
    if as_json:
        shared_options.print_json({"collections": rows})
    elif not rows:
        click.echo("No collections. Make one: ragdesk ingest PATH")
    else:
        to = terminal.open_console()
        names = ("name", "generation", "documents", "chunks", "noted", "skipped")
        lines = [
            ["–" if row.get(name) is None else row[name] for name in names]
            + [row.get("problem") or "\n".join(_format_sources(row))]
            for row in rows
        ]
        terminal.print_table(to, (*names, "sources"), lines)


@command.command("remove")
@click.argument("name", callback=shared_options.check_collection_name)
@click.option("--yes", is_flag=True, help="Without asking.")
@shared_options.json_option
@click.pass_obj
def collections_remove(
    call: shared_options.CliCall, *, name: str, yes: bool, as_json: bool
) -> None:
    """Remove a collection: all its documents and generations, its sources and its originals.

    There is no way back but a backup: ragdesk indexes backup FILE.
    """
    workspace = load_workspace(call)
    facts = _describe_collection(name, workspace.find_collection(name))
    if not yes:
        _confirm_removal(facts, call, as_json=as_json)
    remove_published_collection(workspace, name)
    if as_json:
        shared_options.print_json({"collection": name, "removed": True} | facts)
    else:
        click.echo(f"{name}: removed, with {_count_documents(facts)}.")


def _confirm_removal(facts: dict[str, Any], call: shared_options.CliCall, *, as_json: bool) -> None:
    """Ask for the name, typed once more. Raises SettingsError where nobody can be asked."""
    name = facts["name"]
    what = f"{name} holds {_count_documents(facts)}, in all its generations."
    if as_json or not is_terminal():
        remove = call.shell_command("collections remove", shared_options.DEFAULT_COLLECTION)
        raise SettingsError(f"{what} If they are to go: {remove} {name} --yes")
    click.echo(what, err=True)
    if click.prompt("Type its name to remove it", default="", show_default=False, err=True) != name:
        raise SettingsError("That is not its name. Nothing was changed.")


def _count_documents(facts: dict[str, Any]) -> str:
    count = facts["documents"]
    if count is None:
        return "documents that cannot be counted"
    return "1 document" if count == 1 else f"{count:,} documents"


def _describe_collection(name: str, folder: Path) -> dict[str, Any]:
    """Describe a collection, as far as it can be read: a damaged one is listed too."""
    facts: dict[str, Any] = {"name": name, "generation": None, "documents": None, "chunks": None}
    facts |= {"noted": None, "skipped": None, "sources": []}
    try:
        with Index.open(folder) as index:
            documents = list(index.iter_documents())
            facts["generation"] = index.generation
            facts["documents"] = len(documents)
            facts["chunks"] = index.sums["chunks"]
            facts["noted"] = sum(bool(index.read_notes(document)) for document in documents)
        remembered = read_skips(folder)
        facts["skipped"] = sum(len(memory.skipped) + memory.left_out for memory in remembered)
        counts = dict.fromkeys(read_sources(folder), 0)
        for document in documents:
            counts[document.source] = counts.get(document.source, 0) + 1
        facts["sources"] = [
            {"source": source, "documents": count} for source, count in sorted(counts.items())
        ]
    except (IndexesError, IngestError) as error:
        facts["problem"] = describe_error(error)
    return facts


def _format_sources(row: dict[str, Any]) -> list[str]:
    return [f"{source['source']} ({source['documents']:,})" for source in row["sources"]]
