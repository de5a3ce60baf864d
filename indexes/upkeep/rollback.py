"""Make an earlier generation current again, under the access groups of now."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from indexes.errors import IndexDamaged, IndexNotFound
from indexes.store import access_log, document_table, generations, locks, past_limits
from indexes.store.access_log import AccessChanges
from indexes.store.document_table import DocumentTable, ListedDocument
from indexes.store.generations import GenerationPlan
from indexes.upkeep.verify import (
    collect_last_readers,
    limits_of_going,
    list_damage,
    renew_limits,
    require_collection,
)

_MANY = 1_000  # documents; more are not looked up one by one


def roll_back(collection: Path, generation: int, *, old_groups: bool = False) -> int:
    """Make an earlier generation current again, after verifying all of it.

    Texts go back, and who may see them does not: a document keeps the groups that were last said
    of it. Where these are others, a new generation of the old content is published with them.
    Returns the number of the one that answers.

    Raises IndexNotFound for one that is not there, IndexDamaged for one that cannot be used, or
    when it cannot be known who may see its documents now (``old_groups``: as they were seen then),
    CollectionBusy while a job runs.
    """
    require_collection(collection)
    with locks.lock_collection(collection):
        if generation not in generations.list_generations(collection):
            raise IndexNotFound(f"{collection} has no generation {generation}.")
        if problems := list_damage(collection, generation):
            raise IndexDamaged(problems[0])
        target = generations.read_generation(collection, generation)
        table = target.folder / document_table.TABLE_FILE
        regrouped = list(
            collect_regrouped(collection, table, old_groups=old_groups, known=generation)
        )
        limits = limits_of_going(collection, table, regrouped)
        if old_groups:
            renew_limits(collection)
        if not regrouped:
            least = generations.limits_revision(collection)
            past_limits.note_closing(
                past_limits.read_limits(collection, least=least), limits.closing
            )
            generations.set_current(collection, generation, target.checksum)
            return generation
        access = AccessChanges(groups={document.place: document.groups for document in regrouped})
        plan = GenerationPlan(
            parent=generation,
            segments=target.segments,
            dead=target.dead,
            sums=target.sums,
            reading=target.reading,
            access=access,
            limits=limits,
        )
        return generations.publish_generation(collection, plan, regrouped, base=table)


def find_rolled_back(collection: Path, target: int, newest: int) -> int | None:
    """Return the generation that a rollback to another one made current, if it was done.

    newest: the highest number of all generations before it. What a rollback publishes, and whatever
    stands on its target since, has a higher one. None where it was not done, or the generations in
    between are gone. Raises IndexDamaged for one of them that cannot be read.
    """
    number = generations.read_current_number(collection)
    numbers = set(generations.list_generations(collection))
    if target not in numbers:
        return None
    while number in numbers and number != target:
        if number <= newest:
            return None
        newer, number = number, _read_parent(collection, number)
        if number == target and _has_same_content(collection, newer, target):
            return newer  # it has the groups of now
    return target if number == target else None


def _read_parent(collection: Path, number: int) -> int | None:
    facts = generations.read_generation_manifest(collection, number).facts
    return None if facts["parent"] is None else int(facts["parent"])


def _has_same_content(collection: Path, number: int, other: int) -> bool:
    first = generations.read_generation(collection, number)
    second = generations.read_generation(collection, other)
    return first.segments == second.segments and first.dead == second.dead


def collect_regrouped(
    collection: Path, table: Path, *, old_groups: bool = False, known: int = 0
) -> Iterator[ListedDocument]:
    """List the documents of a table whose access groups have changed since, with the groups of now.

    The groups of a document are those of the newest generation that lists it. Of a generation that
    was cleared, or whose table is not whole, the access log is read instead. Where the text of a
    document was replaced since, or a log does not say which text it means, the old text is only for
    those whom the groups of both let in. Raises IndexDamaged where neither table nor log can be
    read, unless ``old_groups``. known: of this generation and older ones neither is needed.
    """
    with closing(DocumentTable(table)) as old:
        documents = {document.place: document for document in old.iter_all()}
    numbers = _list_authorities(collection)
    past = collect_last_readers(collection, documents.values(), numbers[:1], old_groups=old_groups)
    limits: dict[tuple[str, str], frozenset[str]] = {}
    for number in numbers:
        if not documents:
            return
        if later := generations.find_whole_table(collection, number):
            for document in _find_listed(later, documents):
                place = document.place
                if document.digest != documents[place].digest:
                    limits.setdefault(place, document.groups)
                else:
                    yield from _regroup(documents.pop(place), document.groups, limits, past)
        elif step := access_log.read_access_log(collection, number):
            for place, groups in [*step[1].groups.items(), *step[1].limits.items()]:
                limits[place] = access_log.intersect_groups(limits.get(place, groups), groups)
        elif not old_groups and number > known:
            raise IndexDamaged(
                f"Who may see what is not known: neither generation {number} nor its access log "
                "can be read. To let those see it who saw it then, say --old-groups: "
                "ragdesk indexes rollback --to N --old-groups"
            )
    for document in documents.values():
        yield from _regroup(document, document.groups, limits, past)


def _list_authorities(collection: Path) -> list[int]:
    """List the generations whose table or access log says who may see what, newest first.

    Cleared ones count, as their logs are left. A gap between the numbers is listed by one number,
    of which nothing can be read.
    """
    known = {*generations.list_generations(collection), *access_log.list_access_logs(collection)}
    gaps = {number - 1 for number in known if number > min(known)}
    return sorted(known | gaps, reverse=True)


def _regroup(
    document: ListedDocument,
    groups: frozenset[str],
    *limits: Mapping[tuple[str, str], frozenset[str]],
) -> Iterator[ListedDocument]:
    """Yield a document with its groups of now, if they changed. limits: by place."""
    now = groups
    for limit in limits:
        now = access_log.intersect_groups(now, limit.get(document.place, frozenset()))
    if now != document.groups:
        yield replace(document, groups=now)


def _find_listed(table: Path, names: Collection[tuple[str, str]]) -> list[ListedDocument]:
    """Return the documents of a table that have some names; of few, without reading all of it."""
    with closing(DocumentTable(table)) as listed:
        if len(names) > _MANY:
            return [document for document in listed.iter_all() if document.place in names]
        matches = [listed.find_in_source(source, uri) for source, uri in names]
        return [document for document in matches if document]
