"""``ragdesk indexes``: what was published, whether it is whole, and the way back."""

from dataclasses import asdict, dataclass
from pathlib import Path

import click

from indexes.index import Index
from indexes.store import generations
from indexes.upkeep import backup, garbage, history, restore, rollback, verify
from indexes.upkeep.backup import BackupSummary
from indexes.upkeep.history import GenerationStatus
from ingest.document import DocumentNote
from ingest.skip_memory import read_skips, skips_to_json
from ragdesk.assemble import EXTRA_FILES
from ragdesk.cli import shared_options, terminal
from ragdesk.cli.call_workspace import load_workspace
from ragdesk.cli.ingest_report import SHOWN_ITEMS, print_notes, print_skips
from ragdesk.degradation import find_words_remedy
from ragdesk.errors import CheckFailed, SettingsError

INDEXES_EXAMPLES = """
\b
Examples:
  ragdesk indexes list                 every collection, and what answers
  ragdesk indexes show                 the generations of a collection
  ragdesk indexes skipped              files that could not be read, and notes on documents
  ragdesk indexes verify               read every file anew; exit 1 if one is damaged
  ragdesk indexes rollback             answer from the generation before
  ragdesk indexes gc --keep 2          remove older ones
  ragdesk indexes compact              merge segments that many small changes left
  ragdesk indexes backup kb.rdb        all that answers, in one file with checksums
  ragdesk indexes restore kb.rdb       publish it again; nothing is embedded
"""
STANDING_FIELDS = (
    *("generation", "created", "documents", "chunks", "vectors", "segments"),
    "embedder",  # its name
)


@click.group("indexes", epilog=INDEXES_EXAMPLES)
def command() -> None:
    """List, check, merge, back up and roll back what was published."""


def _standing_cells(standing: GenerationStatus) -> list[object]:
    state = standing.problem or ("answers" if standing.current else "")
    created = standing.created[:16].replace("T", " ")  # UTC
    values = {name: getattr(standing, name) for name in STANDING_FIELDS} | {"created": created}
    return [*values.values(), state]


@dataclass(frozen=True, slots=True, kw_only=True)
class _WordsStep:
    """The step that a generation with words of another version needs, alone and as a sentence."""

    next_step: str
    text: str


def _find_words_step(folder: Path, generation: int) -> _WordsStep | None:
    """Find what is to be done before a published generation answers at its best, if anything."""
    with Index.open_generation(folder, generation) as index:
        if not index.words_outdated:
            return None
        remedy = find_words_remedy(folder, is_newer=index.words_newer)
        until = "vectors alone answer" if index.sums["vectors"] else "no question is answered"
    sentence = remedy.format_sentence(folder.name)
    return _WordsStep(
        next_step=remedy.format_step(folder.name),
        text=f"Its words are of another version; until that is mended, {until}. {sentence}",
    )


@command.command("list")
@shared_options.json_option
@click.pass_obj
def indexes_list(call: shared_options.CliCall, *, as_json: bool) -> None:
    """List the collections, each with the generation that answers."""
    workspace = load_workspace(call)
    histories = {
        name: history.list_history(workspace.collection_folder(name))
        for name in workspace.list_collections()
    }
    current = {name: next((s for s in all_ if s.current), None) for name, all_ in histories.items()}
    if as_json:
        rows = [
            {"collection": name, "generations": len(histories[name]), **(asdict(s) if s else {})}
            for name, s in current.items()
        ]
        shared_options.print_json({"collections": rows})
    elif not histories:
        click.echo("No collections. Make one: ragdesk ingest PATH")
    else:
        lines = [[name, *_standing_cells(s)] for name, s in current.items() if s]
        terminal.print_table(terminal.open_console(), ("collection", *STANDING_FIELDS, ""), lines)


@command.command("show")
@shared_options.collection_option
@shared_options.json_option
@click.pass_obj
def indexes_show(call: shared_options.CliCall, *, collection: str, as_json: bool) -> None:
    """List the generations of a collection, oldest first."""
    workspace = load_workspace(call)
    standings = history.list_history(workspace.find_collection(collection))
    if as_json:
        listed = [asdict(standing) for standing in standings]
        shared_options.print_json({"collection": collection, "generations": listed})
    else:
        terminal.print_table(
            terminal.open_console(), (*STANDING_FIELDS, ""), map(_standing_cells, standings)
        )


@command.command("skipped")
@shared_options.collection_option
@click.option("--all", "everything", is_flag=True, help="Name all of them, not the ten worst.")
@shared_options.json_option
@click.pass_obj
def indexes_skipped(
    call: shared_options.CliCall, *, collection: str, everything: bool, as_json: bool
) -> None:
    """List what the last jobs could not read, and what they did not keep of the documents."""
    folder = load_workspace(call).find_collection(collection)
    remembered = read_skips(folder)
    with Index.open(folder) as index:
        generation = index.generation
        notes = [
            DocumentNote(uri=document.uri, note=note, source=document.source)
            for document in index.iter_documents()
            for note in index.read_notes(document)
        ]
    if as_json:
        facts = {"collection": collection, "generation": generation}
        rows = [asdict(note) for note in notes]
        shared_options.print_json(facts | {"skipped": skips_to_json(remembered), "notes": rows})
        return
    to = terminal.open_console()
    skipped = [item for memory in remembered for item in memory.skipped]
    listing = f"{call.shell_command('indexes skipped', collection)} --all"
    most = None if everything else SHOWN_ITEMS
    print_skips(to, skipped, listing, most=most)
    print_notes(to, notes, listing, most=most)
    if rest := sum(memory.left_out for memory in remembered):
        to.print(f"{rest:,} more were skipped, and are not remembered one by one.")
    if not (skipped or notes):
        click.echo(f"{collection}: nothing was skipped, and there are no notes.")


@command.command("verify")
@shared_options.collection_option
@shared_options.json_option
@click.pass_obj
def indexes_verify(call: shared_options.CliCall, *, collection: str, as_json: bool) -> None:
    """Read every file of every generation anew, and the originals. Exit 1: something is wrong."""
    folder = load_workspace(call).find_collection(collection)
    problems = verify.verify_collection(folder, extra_files=EXTRA_FILES)
    unlisted = [] if problems else [file.name for file in verify.list_unlisted_originals(folder)]
    if as_json:
        results = {"problems": problems, "unlisted_originals": unlisted}
        shared_options.print_json({"collection": collection, **results})
    else:
        for problem in problems:
            click.echo(problem)
    if problems:
        more = (
            "Go back to a whole one: ragdesk indexes rollback --to N; "
            "or take a backup: ragdesk indexes restore FILE --replace"
        )
        call.json = False  # the one document was written above
        raise CheckFailed(f"{len(problems)} problems in {collection!r}. {more}")
    if not as_json:
        click.echo(f"{collection}: every file is as it was written.")
        for name in unlisted:
            click.echo(f"originals/{name} belongs to no document; ragdesk indexes gc removes it.")


@command.command("rollback")
@shared_options.collection_option
@click.option("--to", type=click.IntRange(min=1), help="Generation [the one before].")
@shared_options.old_groups_option
@shared_options.json_option
@click.pass_obj
def indexes_rollback(
    call: shared_options.CliCall,
    *,
    collection: str,
    to: int | None,
    old_groups: bool,
    as_json: bool,
) -> None:
    """Answer from an earlier generation again, once all of it was read and found whole."""
    folder = load_workspace(call).find_collection(collection)
    target = to if to is not None else history.find_previous_generation(folder)
    if target is None:
        raise SettingsError("No generation stands before this one. Name one: --to N")
    number = rollback.roll_back(folder, target, old_groups=old_groups)
    step = _find_words_step(folder, number)
    if as_json:
        facts = {"collection": collection, "generation": number, "content_of": target}
        shared_options.print_json(facts | ({"next_step": step.next_step} if step else {}))
        return
    if number == target:
        click.echo(f"{collection}: generation {number} answers.")
    else:
        click.echo(
            f"{collection}: generation {number} answers: the texts of generation {target}, seen by "
            "those who may see them now."
        )
    if step:
        click.echo(step.text)


@command.command("compact")
@shared_options.collection_option
@click.option("--all", "everything", is_flag=True, help="Into one segment, whatever the effort.")
@shared_options.json_option
@click.pass_obj
def indexes_compact(
    call: shared_options.CliCall, *, collection: str, everything: bool, as_json: bool
) -> None:
    """Merge segments that many small changes left. Nothing is embedded.

    Words that another version of ragdesk wrote are written anew, without the files they came from.
    An ingest merges small ones by the way, and what is due after it has published; this does it
    now, or with --all makes one segment of all.
    """
    workspace = load_workspace(call)
    folder = workspace.find_collection(collection)
    done = workspace.make_job(collection).compact(everything=everything)
    workspace.replicate_collection(collection)
    current = next(
        standing
        for standing in history.list_history(folder)
        if standing.generation == done.generation
    )
    if as_json:
        facts = {
            "generation": current.generation,
            "segments": current.segments,
            "changed": done.changed,
            "words_rebuilt": done.words_rebuilt,
            "segments_rebuilt": done.outdated_segments,
        }
        shared_options.print_json({"collection": collection, **facts})
    else:
        what = "merged" if done.changed else "nothing is due"
        if rebuilt := done.outdated_segments:
            chunks = _count_noun(done.words_rebuilt, "chunk")
            what = f"the words of {_count_noun(rebuilt, 'segment')} ({chunks}) were written anew"
        click.echo(
            f"{collection}: {what}; {_count_noun(current.segments, 'segment')} in generation "
            f"{current.generation}."
        )


def _count_noun(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 segment``, ``2 segments``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@shared_options.collection_option
@shared_options.json_option
@click.pass_obj
def indexes_backup(
    call: shared_options.CliCall, *, file: Path, collection: str, as_json: bool
) -> None:
    """Write the generation that answers, with its originals, into one FILE with checksums.

    An ingest may go on meanwhile: the backup holds what answered when it began.
    """
    if file.exists():
        raise SettingsError(f"{file} is there already. Name another file.")
    folder = load_workspace(call).find_collection(collection)
    _print_backup(
        backup.write_backup(folder, file, extra_files=EXTRA_FILES),
        collection,
        file,
        as_json,
    )


@command.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@shared_options.collection_option
@click.option("--replace", is_flag=True, help="Even over a collection that has documents.")
@shared_options.old_groups_option
@shared_options.json_option
@click.pass_obj
def indexes_restore(  # noqa: PLR0913, one parameter an option
    call: shared_options.CliCall,
    *,
    file: Path,
    collection: str,
    replace: bool,
    old_groups: bool,
    as_json: bool,
) -> None:
    """Publish what a backup FILE holds as the next generation of a collection.

    Every sum is checked first. With --replace, the generation that answered before is kept:
    ragdesk indexes rollback goes back to it.
    """
    folder = load_workspace(call).collection_folder(collection)
    if generations.list_generations(folder) and not replace:
        more = "Restore into another (--collection NAME), or say --replace."
        raise SettingsError(f"The collection {collection!r} holds documents. {more}")
    number = restore.restore_backup(file, folder, extra_files=EXTRA_FILES, old_groups=old_groups)
    with Index.open_generation(folder, number) as index:
        sums = dict(index.sums)
    step = _find_words_step(folder, number)
    if as_json:
        facts = {"collection": collection, "generation": number, **sums}
        shared_options.print_json(facts | ({"next_step": step.next_step} if step else {}))
        return
    summary = f"{sums['documents']:,} documents, {sums['chunks']:,} chunks"
    click.echo(f"{collection}: generation {number} answers, with {summary}.")
    if step:
        click.echo(step.text)


def _print_backup(facts: BackupSummary, collection: str, file: Path, as_json: bool) -> None:  # noqa: FBT001
    if as_json:
        shared_options.print_json({"collection": collection, "file": str(file), **asdict(facts)})
    else:
        summary = (
            f"{facts.documents:,} documents, {facts.chunks:,} chunks, {facts.size / 1e6:,.1f} MB"
        )
        click.echo(f"{collection}: generation {facts.generation} is in {file} ({summary}).")


@command.command("gc")
@shared_options.collection_option
@click.option(
    "--keep", default=garbage.KEPT_GENERATIONS, show_default=True, type=click.IntRange(min=1)
)
@shared_options.json_option
@click.pass_obj
def indexes_gc(call: shared_options.CliCall, *, collection: str, keep: int, as_json: bool) -> None:
    """Remove old generations, and what only they used. What is being read stays.

    Every publish clears the older ones by itself: see [indexes] keep_generations in the settings.
    """
    folder = load_workspace(call).find_collection(collection)
    removed = [
        path.relative_to(folder).as_posix() for path in garbage.collect_garbage(folder, keep=keep)
    ]
    if as_json:
        shared_options.print_json({"collection": collection, "removed": removed})
    else:
        click.echo(f"{collection}: removed {len(removed)} folders and files.")
