"""The report of an ingest on a terminal: what changed, and what was lost, the worst first."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from indexes.build import Loss
from ingest.document import DocumentNote, Skipped
from ingest.job_report import JobReport
from ingest.same_bytes import DuplicateDocument
from ingest.worst_first import order_notes, order_skips
from ragdesk.cli import shared_options, terminal

SHOWN_ITEMS = 10  # skipped files, notes and copies that are named; the rest is counted
LISTED_CHANGES = 200  # changes of a plan that are listed
CHANGE_MARKS = {"+": "green", "~": "yellow", "-": "red"}


def _loss_line(loss: Loss, *, plan: bool) -> str:
    count = "an unknown number of" if loss.documents is None else f"{loss.documents:,}"
    goes = "would be let go" if plan else "were let go"
    return f"Begun anew: generation {loss.generation} with {count} documents {goes}."


def _version_lines(report: JobReport, *, plan: bool) -> Iterator[str]:
    """Say what a newer version of the program does to what is published."""
    done = "would be" if plan else "were"
    if reread := report.reread:
        reasons = "; ".join(reread.reasons)
        yield f"Of these, {reread.count:,} {done} read once more from the same bytes: {reasons}."
    if report.embedder_change:
        yield f"All vectors {done} made anew: {report.embedder_change.rstrip('.')}."
    if report.words_rebuilt:
        yield (
            f"The words of {report.words_rebuilt:,} chunks {done} written anew, as another version "
            "wrote them; nothing is parsed or embedded for that."
        )


def _list_changes(to: Console, report: JobReport) -> None:
    for mark, uri in report.changes[:LISTED_CHANGES]:
        to.print(f"{mark} {uri}", style=CHANGE_MARKS[mark])
    if (more := len(report.changes) - LISTED_CHANGES) > 0:
        to.print(f"… and {more:,} more; --json lists all.")
    to.print(f"= {report.unchanged:,} unchanged", style="dim")


def print_skips(
    to: Console, skipped: Sequence[Skipped], listing: str, *, most: int | None = SHOWN_ITEMS
) -> None:
    """Print skipped files with their reasons, each reason once before any twice.

    listing: what lists the others. most: how many are named; None: all.
    """
    if not skipped:
        return
    to.print()
    rows = [(item.uri, item.reason) for item in order_skips(skipped)[:most]]
    terminal.print_table(to, ("skipped", "reason"), rows)
    _print_rest(to, len(skipped) - len(rows), "skipped", listing)


def print_notes(
    to: Console, notes: Sequence[DocumentNote], listing: str, *, most: int | None = SHOWN_ITEMS
) -> None:
    """Print the documents of which something was not kept, and what, the worst first.

    listing, most: see ``print_skips``.
    """
    if not notes:
        return
    to.print()
    documents = order_notes(notes)
    rows = [(uri, "; ".join(texts)) for uri, texts in documents[:most]]
    terminal.print_table(to, ("taken in with notes", "what to know"), rows)
    _print_rest(to, len(documents) - len(rows), "with notes", listing)


def _print_rest(to: Console, count: int, what: str, listing: str) -> None:
    if count > 0:
        to.print(f"… and {count:,} more {what}: {listing} lists all.", soft_wrap=True)


def _print_duplicates(to: Console, duplicates: Sequence[DuplicateDocument], ingest: str) -> None:
    """Name documents whose bytes others have too; a whole copy of another source in one line."""
    if not duplicates:
        return
    count = len(duplicates)
    has = "document has" if count == 1 else "documents have"
    to.print(f"\n{count:,} {has} the same bytes as another:")
    pairs = Counter((copy.source, copy.same_source) for copy in duplicates)
    copied = [pair for pair in pairs.most_common(SHOWN_ITEMS) if pair[1] > SHOWN_ITEMS]
    for (source, same), number in copied:
        if source != same:
            to.print(f"  {number:,} of {source} are in {same} too", soft_wrap=True)
            to.print(f"  {_suggest_removal(source, same, ingest)}", style="dim", soft_wrap=True)
    whole = {pair for pair, _ in copied if pair[0] != pair[1]}
    named = [copy for copy in duplicates if (copy.source, copy.same_source) not in whole]
    for copy in named[:SHOWN_ITEMS]:
        where = "" if copy.source == copy.same_source else f" of {copy.same_source}"
        to.print(f"  {copy.uri} = {copy.same_uri}{where}", soft_wrap=True)
    _print_rest(to, len(named) - SHOWN_ITEMS, "copies", "ingest --json")


def _suggest_removal(source: str, same: str, ingest: str) -> str:
    """Say how one of two sources with the same documents goes."""
    if Path(same).exists():
        return f"if that is a copy: {ingest} --remove {shlex.quote(source)}"
    return f"if it moved: {ingest} {shlex.quote(source)} --remove {shlex.quote(same)}"


def print_report(
    to: Console, report: JobReport, call: shared_options.CliCall, *, plan: bool
) -> None:
    """Print what a job did, or with ``plan`` would do."""
    counts = ("added", "changed", "removed", "unchanged")
    parts = [f"{getattr(report, name):,} {name}" for name in counts if getattr(report, name)]
    would = "Plan, nothing was changed: " if plan else ""
    to.print(f"{would}{', '.join(parts) or 'nothing to do'}, {len(report.skipped):,} skipped.")
    if plan:
        _list_changes(to, report)
    for news in _version_lines(report, plan=plan):
        to.print(news, soft_wrap=True)
    if report.loss:
        to.print(_loss_line(report.loss, plan=plan), style="yellow", soft_wrap=True)
    if report.blocked:
        to.print(f"The job itself would refuse: {report.blocked}", style="yellow")
    heads = ("collection", "generation", "documents", "chunks", "vectors", "embedded", "seconds")
    line = [getattr(report, name) for name in heads]
    line[1] = "–" if report.generation is None else report.generation
    line[-1] = round(report.seconds, 1)
    terminal.print_table(to, heads, [line])
    if report.resumed:
        to.print(f"{report.resumed:,} texts more were embedded by an interrupted job.", style="dim")
    listing = "--json" if plan else call.shell_command("indexes skipped", report.collection)
    print_skips(to, report.skipped, listing)
    print_notes(to, report.notes, listing)
    _print_duplicates(to, report.duplicates, call.shell_command("ingest", report.collection))
    if not plan and report.documents:
        ask = call.shell_command("ask", report.collection)
        serve = call.shell_command("serve", shared_options.DEFAULT_COLLECTION)
        to.print(f'\nNext: {ask} "…", or {serve} for the page.', style="dim", soft_wrap=True)
