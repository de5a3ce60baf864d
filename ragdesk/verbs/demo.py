"""``ragdesk demo``: the sample company taken in, and a question in each language."""

import asyncio
from pathlib import Path

import click
from rich.text import Text

import eval as ruler
from indexes.index import Index
from ragdesk import present
from ragdesk.answering.answer import Question
from ragdesk.assemble import Desks
from ragdesk.errors import CheckFailed, SettingsError
from ragdesk.settings import load
from ragdesk.verbs import call
from ragdesk.verbs.ingest import bar

SAMPLE = Path(ruler.__file__).parent / "handbook" / "documents"
QUESTIONS = (
    "Can I send my coffee machine back after I used it?",
    "可以寄到香港吗？",
)
EXAMPLES = """
\b
Examples:
  ragdesk demo
  ragdesk serve          then open http://127.0.0.1:8080
"""


@click.command("demo", epilog=EXAMPLES)
@call.collection
@click.pass_obj
def command(door: call.Call, *, collection: str) -> None:
    """Take in the sample company's handbook, and ask it a question in English and in Chinese.

    Run it again as often as you like: what has not changed is not taken in again.
    """
    if not SAMPLE.is_dir():
        raise CheckFailed(
            f"The sample company is not at {SAMPLE}: this installation came without it. Take in "
            "documents of your own: ragdesk ingest PATH"
        )
    loaded = load(home=door.home, config=door.config)
    desks, to = Desks(loaded.home, loaded.settings), present.console()
    _check_own(desks, collection)
    with bar(present.console(err=True)) as watch:
        report = desks.job(collection).run([SAMPLE], watch=watch)
    to.print(
        f"{report.documents} documents of the sample company, {report.chunks:,} chunks, "
        f"generation {report.generation} ({report.seconds:.1f} s)."
    )
    with desks.open(collection) as opened:
        for question in QUESTIONS:
            to.print()
            to.print(Text(f"› {question}", "bold"))
            to.print()
            answer = asyncio.run(opened.desk.ask(Question(text=question)))
            present.answer(to, answer, door.again("ask", collection))
    where = "" if loaded.origins["home"] == "default" else f" --home {loaded.home}"
    to.print()
    to.print(Text("Next:", "bold"))
    to.print(f'  ragdesk{where} ask "Can I return opened coffee?"')
    to.print(f"  ragdesk{where} serve      then open http://127.0.0.1:8080")
    to.print(f"  ragdesk{where} ingest PATH  your own documents")


def _check_own(desks: Desks, collection: str) -> None:
    """Keep the sample company out of a collection of somebody's own documents."""
    if collection not in desks.names():
        return
    with Index.open(desks.folder(collection)) as index:
        foreign = any(document.source != str(SAMPLE.resolve()) for document in index.records())
    if foreign:
        raise SettingsError(
            f"Collection {collection!r} holds other documents. Keep the sample company apart: "
            "ragdesk demo --collection demo"
        )
