"""Answers, passages and reports as a person reads them on a terminal.

Colours and underlines go when the output is no terminal; a quote is then set in « ».
"""

import re
import shlex
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from indexes.chunk import Passage
from ragdesk.answering.answer import Answer, Citation, Outcome

PIPED_WIDTH = 110  # columns where the output is no terminal
CONTEXT_CHARACTERS = 160  # characters of context on each side of a quote
OUTCOME_NOTES = {
    Outcome.NOT_FOUND: "not in the documents",
    Outcome.UNSUPPORTED: "not well supported",
    Outcome.CLARIFY: "which one is meant?",
    Outcome.HANDED_OVER: "handed over",
}


def open_console(*, err: bool = False) -> Console:
    """Open the terminal. Nothing in a text is taken for markup."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def is_terminal() -> bool:
    """Tell whether somebody can be asked: standard input is a terminal."""
    return sys.stdin.isatty()


def print_answer(to: Console, answer: Answer, ask: str = "ragdesk ask") -> None:
    """Print an answer, then its sources with the quote underlined in its context.

    ask: the command that asks the same desk again.
    """
    words = Text(answer.text)
    words.highlight_regex(r"\[\d+\]", "bold cyan")
    if note := OUTCOME_NOTES.get(answer.outcome):
        to.print(Text(f"({note})", "yellow"))
    to.print(words)
    if answer.degraded:
        to.print(Text(f"Degraded: {answer.degraded_reason}", "yellow"))
    _print_sources(to, answer)
    _print_next_step(to, answer, ask)
    if _names_sources(answer):
        to.print()
        to.print(Text("Closest in the documents:", "dim"))
        places = dict.fromkeys((p.title, p.path, p.page, p.uri) for p in answer.passages)
        for place in list(places)[:3]:
            to.print(_format_source("  · ", *place))


def _print_next_step(to: Console, answer: Answer, ask: str) -> None:
    """Print what to do next: the choices say it themselves."""
    if answer.choices:
        to.print()
        to.print(Text("Ask again with the one you mean:", "dim"))
        for choice in answer.choices:
            to.print(Text(f"  {ask} {shlex.quote(choice.question)}"), soft_wrap=True)
    elif answer.next_step:
        to.print()
        to.print(Text(answer.next_step.text))
        for link in answer.next_step.links:
            if link.href and link.title not in answer.next_step.text:
                to.print(Text(f"  {link.title}  {link.href}", "dim"))


def _names_sources(answer: Answer) -> bool:
    """Tell whether the nearest places are named: not below a turn that asked for none."""
    sources = answer.next_step.links if answer.next_step else ()
    return answer.outcome is Outcome.NOT_FOUND and any(link.uri for link in sources)


def _print_sources(to: Console, answer: Answer) -> None:
    """Print each citation with what it is of, the quote underlined in its context."""
    if answer.citations:
        to.print()
    passages = {passage.chunk: passage for passage in answer.passages}
    for mark in answer.citations:
        passage = passages.get(mark.chunk)
        lead = f"[{mark.number}] "
        place = (mark.title, mark.path, mark.page, mark.uri, mark.version)
        to.print(_format_source(lead, *place, ocr=bool(mark.ocr)))
        if context := mark.question or " · ".join(filter(None, mark.columns or ())):
            to.print(Text(f"    {context}", "dim"))
        inside = passage and passage.start <= mark.start and mark.end <= passage.end
        body, start = (
            (passage.text, mark.start - passage.start) if passage and inside else (mark.quote, 0)
        )
        _print_indented(to, _quote_in_context(body, start, mark, plain=not to.is_terminal))
        _print_links(to, mark)


def _print_links(to: Console, mark: Citation) -> None:
    """Print where the words of a quote lead, an address a line, never broken."""
    for link in mark.links:
        words = "" if link.text == link.href else f"{' '.join(link.text.split())}: "
        to.print(Text.assemble(f"    {words}", (link.href, "blue")), soft_wrap=True)
    if mark.links:
        to.print()


def _format_source(  # noqa: PLR0913, PLR0917, the parts of one line in their order
    lead: str,
    title: str,
    path: Sequence[str],
    page: int | None,
    uri: str,
    version: str | None = None,
    *,
    ocr: bool = False,
) -> Text:
    headings = [heading for heading in path if heading != title]
    place = "".join(f" › {heading}" for heading in headings)
    text = Text.assemble((lead, "bold cyan"), (title or uri, "bold"), place)
    text.append(f"  page {page}" if page else "", "green")
    text.append("  read by OCR" if ocr else "", "yellow")
    text.append(f"  version {version}" if version else "", "green")
    text.append(f"  {uri}" if title and title != uri else "", "dim")
    return text


def _print_indented(to: Console, text: Text) -> None:
    """Print wrapped words four columns in, with a blank line after them."""
    for line in text.wrap(to, to.width - 4):
        line.rstrip()
        to.print(Text("    ") + line)
    to.print()


def _quote_in_context(body: str, start: int, mark: Citation, *, plain: bool) -> Text:
    """Cut a window around the quote, at spaces where there are any, and mark the quote."""
    end = start + len(mark.quote)
    before = body[max(0, start - CONTEXT_CHARACTERS) : start]
    after = body[end : end + CONTEXT_CHARACTERS]
    if start > CONTEXT_CHARACTERS:
        before = "…" + re.sub(r"^\S{0,20}\s", "", before)
    if end + CONTEXT_CHARACTERS < len(body):
        after = re.sub(r"\s\S{0,20}$", "", after) + "…"
    text = Text()
    text.append(_trim_line_breaks(before), "dim")
    quote = _trim_line_breaks(mark.quote)
    text.append(f"«{quote}»" if plain else quote, "underline")
    text.append(_trim_line_breaks(after), "dim")
    return text


def _trim_line_breaks(text: str) -> str:
    return re.sub(r"(?<![ \t])[ \t]*+\n\s*+", "\n", text)


def print_passages(to: Console, passages: Iterable[Passage]) -> None:
    """Print passages, best first."""
    empty = True
    for rank, passage in enumerate(passages, start=1):
        empty = False
        chunk = passage.chunk
        to.print(_format_source(f"{rank:2}. ", chunk.title, chunk.path, chunk.page, chunk.uri))
        by = ", ".join(sorted(passage.found_by))
        to.print(Text(f"    {passage.score:.3f}  {by}", "dim"))
        _print_indented(to, Text(_trim_line_breaks(chunk.text)))
    if empty:
        to.print(Text("Nothing found.", "yellow"))


def print_table(to: Console, names: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """Print a plain table; numbers stand right."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    rows = [list(line) for line in lines]
    for at, name in enumerate(names):
        numbers = bool(rows) and all(isinstance(row[at], int | float) for row in rows)
        grid.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(f"{c:,}" if isinstance(c, int) else str(c) for c in row))
    to.print(grid)
