"""``ragdesk indexes``: what was published, whether it is whole, and the way back."""

from dataclasses import asdict
from pathlib import Path

import click

from indexes import backup, generations, upkeep
from indexes.backup import Backup
from indexes.index import Index
from indexes.upkeep import Standing
from ragdesk import present
from ragdesk.assemble import Desks
from ragdesk.errors import CheckFailed, SettingsError
from ragdesk.settings import load
from ragdesk.verbs import call

EXAMPLES = """
\b
Examples:
  ragdesk indexes list                 every collection, and what answers
  ragdesk indexes show                 the generations of a collection
  ragdesk indexes verify               read every file anew; exit 1 if one is damaged
  ragdesk indexes rollback             answer from the generation before
  ragdesk indexes gc --keep 2          remove older ones
  ragdesk indexes compact              merge segments that many small changes left
  ragdesk indexes backup kb.rdb        all that answers, in one file with checksums
  ragdesk indexes restore kb.rdb       publish it again; nothing is embedded
"""
FIELDS = ("generation", "created", "documents", "chunks", "vectors", "segments")


@click.group("indexes", epilog=EXAMPLES)
def command() -> None:
    """List, check, merge, back up and roll back what was published."""


def _desks(door: call.Call) -> Desks:
    loaded = load(home=door.home, config=door.config)
    return Desks(loaded.home, loaded.settings)


def _line(standing: Standing) -> list[object]:
    state = standing.problem or ("answers" if standing.current else "")
    created = standing.created[:16].replace("T", " ")  # UTC
    values = {name: getattr(standing, name) for name in FIELDS} | {"created": created}
    return [*values.values(), state]


@command.command("list")
@call.json
@click.pass_obj
def list_(door: call.Call, *, as_json: bool) -> None:
    """List the collections, each with the generation that answers."""
    desks = _desks(door)
    found = {name: upkeep.history(desks.folder(name)) for name in desks.names()}
    now = {name: next((s for s in all_ if s.current), None) for name, all_ in found.items()}
    if as_json:
        listed = [
            {"collection": name, "generations": len(found[name]), **(asdict(s) if s else {})}
            for name, s in now.items()
        ]
        call.say_json({"collections": listed})
    elif not found:
        click.echo("No collections. Make one: ragdesk ingest PATH")
    else:
        lines = [[name, *_line(s)] for name, s in now.items() if s]
        present.table(present.console(), ("collection", *FIELDS, ""), lines)


@command.command("show")
@call.collection
@call.json
@click.pass_obj
def show(door: call.Call, *, collection: str, as_json: bool) -> None:
    """List the generations of a collection, oldest first."""
    desks = _desks(door)
    found = upkeep.history(desks.existing(collection))
    if as_json:
        listed = [asdict(standing) for standing in found]
        call.say_json({"collection": collection, "generations": listed})
    else:
        present.table(present.console(), (*FIELDS, ""), map(_line, found))


@command.command("verify")
@call.collection
@call.json
@click.pass_obj
def verify(door: call.Call, *, collection: str, as_json: bool) -> None:
    """Read every file of every generation anew, and the originals. Exit 1: something is wrong."""
    folder = _desks(door).existing(collection)
    problems = upkeep.verify(folder)
    unlisted = [] if problems else [file.name for file in upkeep.unlisted_originals(folder)]
    if as_json:
        found = {"problems": problems, "unlisted_originals": unlisted}
        call.say_json({"collection": collection, **found})
    else:
        for problem in problems:
            click.echo(problem)
    if problems:
        more = (
            "Go back to a whole one: ragdesk indexes rollback --to N; "
            "or take a backup: ragdesk indexes restore FILE --replace"
        )
        door.json = False  # the one document was written above
        raise CheckFailed(f"{len(problems)} problems in {collection!r}. {more}")
    if not as_json:
        click.echo(f"{collection}: every file is as it was written.")
        for name in unlisted:
            click.echo(f"originals/{name} belongs to no document; ragdesk indexes gc removes it.")


@command.command("rollback")
@call.collection
@click.option("--to", type=click.IntRange(min=1), help="Generation [the one before].")
@call.old_groups
@call.json
@click.pass_obj
def rollback(
    door: call.Call, *, collection: str, to: int | None, old_groups: bool, as_json: bool
) -> None:
    """Answer from an earlier generation again, once all of it was read and found whole."""
    folder = _desks(door).existing(collection)
    target = to if to is not None else upkeep.previous_generation(folder)
    if target is None:
        raise SettingsError("No generation stands before this one. Name one: --to N")
    number = upkeep.rollback(folder, target, old_groups=old_groups)
    if as_json:
        call.say_json({"collection": collection, "generation": number, "content_of": target})
    elif number == target:
        click.echo(f"{collection}: generation {number} answers.")
    else:
        click.echo(
            f"{collection}: generation {number} answers: the texts of generation {target}, seen by "
            "those who may see them now."
        )


@command.command("compact")
@call.collection
@click.option("--all", "everything", is_flag=True, help="Into one segment, whatever the effort.")
@call.json
@click.pass_obj
def compact(door: call.Call, *, collection: str, everything: bool, as_json: bool) -> None:
    """Merge segments that many small changes left. Nothing is embedded.

    An ingest merges small ones by the way, and what is due after it has published; this does it
    now, or with --all makes one segment of all.
    """
    desks = _desks(door)
    folder = desks.existing(collection)
    done = desks.job(collection).compact(everything=everything)
    desks.replicate(collection)
    now = next(one for one in upkeep.history(folder) if one.generation == done.generation)
    if as_json:
        facts = {"generation": now.generation, "segments": now.segments, "changed": done.changed}
        call.say_json({"collection": collection, **facts})
    else:
        what = "merged" if done.changed else "nothing is due"
        click.echo(f"{collection}: {what}; {now.segments} segments in generation {now.generation}.")


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@call.collection
@call.json
@click.pass_obj
def backup_(door: call.Call, *, file: Path, collection: str, as_json: bool) -> None:
    """Write the generation that answers, with its originals, into one FILE with checksums.

    An ingest may go on meanwhile: the backup holds what answered when it began.
    """
    if file.exists():
        raise SettingsError(f"{file} is there already. Name another file.")
    _tell_backup(backup.write(_desks(door).existing(collection), file), collection, file, as_json)


@command.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@call.collection
@click.option("--replace", is_flag=True, help="Even over a collection that has documents.")
@call.old_groups
@call.json
@click.pass_obj
def restore(  # noqa: PLR0913, one parameter an option
    door: call.Call, *, file: Path, collection: str, replace: bool, old_groups: bool, as_json: bool
) -> None:
    """Publish what a backup FILE holds as the next generation of a collection.

    Every sum is checked first. With --replace, the generation that answered before is kept:
    ragdesk indexes rollback goes back to it.
    """
    folder = _desks(door).folder(collection)
    if generations.numbers(folder) and not replace:
        more = "Restore into another (--collection NAME), or say --replace."
        raise SettingsError(f"The collection {collection!r} holds documents. {more}")
    number = backup.restore(file, folder, old_groups=old_groups)
    with Index.at(folder, number) as index:
        sums = dict(index.sums)
    if as_json:
        call.say_json({"collection": collection, "generation": number, **sums})
    else:
        held = f"{sums['documents']:,} documents, {sums['chunks']:,} chunks"
        click.echo(f"{collection}: generation {number} answers, with {held}.")


def _tell_backup(made: Backup, collection: str, file: Path, as_json: bool) -> None:  # noqa: FBT001
    if as_json:
        call.say_json({"collection": collection, "file": str(file), **asdict(made)})
    else:
        held = f"{made.documents:,} documents, {made.chunks:,} chunks, {made.size / 1e6:,.1f} MB"
        click.echo(f"{collection}: generation {made.generation} is in {file} ({held}).")


@command.command("gc")
@call.collection
@click.option("--keep", default=upkeep.KEPT, show_default=True, type=click.IntRange(min=1))
@call.json
@click.pass_obj
def gc(door: call.Call, *, collection: str, keep: int, as_json: bool) -> None:
    """Remove old generations, and what only they used. What is being read stays.

    Every publish clears the older ones by itself: see [indexes] keep_generations in the settings.
    """
    folder = _desks(door).existing(collection)
    removed = [path.relative_to(folder).as_posix() for path in upkeep.gc(folder, keep=keep)]
    if as_json:
        call.say_json({"collection": collection, "removed": removed})
    else:
        click.echo(f"{collection}: removed {len(removed)} folders and files.")
