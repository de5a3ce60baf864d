"""``ragdesk demo``: the sample company taken in, and a question in each language."""

import asyncio
from dataclasses import replace

import click
from rich.console import Console
from rich.text import Text

from indexes.index import Index
from ragdesk.answering.answer import Question
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options, terminal
from ragdesk.cli.ingest import bar
from ragdesk.errors import CheckFailed, SettingsError
from ragdesk.sample_company import DEMO_FOLDER, SAMPLE_FOLDER, mark_demo
from ragdesk.settings import load_settings

DEMO_QUESTIONS = (
    "Can I send my coffee machine back after I used it?",
    "可以寄到香港吗？",
)
DEMO_EXAMPLES = """
\b
Examples:
  ragdesk demo                      in a home of its own, which it names
  ragdesk --home var/demo serve     then open http://127.0.0.1:8080
"""


@click.command("demo", epilog=DEMO_EXAMPLES)
@shared_options.collection_option
@click.pass_obj
def command(call: shared_options.CliCall, *, collection: str) -> None:
    """Take in the sample company's handbook, and ask it a question in English and in Chinese.

    It has a home of its own, inside the home of your documents, unless --home names one: the two
    never mix. Run it again as often as you like: what has not changed is not taken in again.
    """
    if not SAMPLE_FOLDER.is_dir():
        raise CheckFailed(
            f"The sample company is not at {SAMPLE_FOLDER}: this installation came without it. "
            "Take in documents of your own: ragdesk ingest PATH"
        )
    loaded = load_settings(home=call.home, config=call.config)
    home = loaded.home if call.home else loaded.home / DEMO_FOLDER
    workspace = Workspace(home, loaded.settings)
    to = terminal.open_console()
    _check_only_sample(workspace, collection)
    with bar(terminal.open_console(err=True)) as watch:
        choice = workspace.embedders.choose(workspace.collection_folder(collection))
        job = workspace.make_job(collection, choice=choice)
        report = job.run([SAMPLE_FOLDER], on_progress=watch)
    mark_demo(workspace.collection_folder(collection))
    to.print(
        f"{report.documents} documents of the sample company, {report.chunks:,} chunks, "
        f"generation {report.generation} ({report.seconds:.1f} s)."
    )
    here = replace(call, home=home)
    with workspace.open_collection(collection) as opened:
        for question in DEMO_QUESTIONS:
            to.print()
            to.print(Text(f"› {question}", "bold"))
            to.print()
            answer = asyncio.run(opened.desk.ask(Question(text=question)))
            terminal.print_answer(to, answer, here.shell_command("ask", collection))
    _print_next(to, here.shell_command("ask", collection), here.shell_command("serve", "default"))


def _print_next(to: Console, ask: str, serve: str) -> None:
    """Say what to type next: more of the sample company, or documents of one's own, elsewhere."""
    to.print()
    to.print(Text("Next:", "bold"))
    lines = (
        (f'{ask} "Can I return opened coffee?"', ""),
        (serve, "then open http://127.0.0.1:8080"),
        ("ragdesk ingest PATH", "your own documents, in a home of their own"),
    )
    for command_line, why in lines:
        to.print(f"  {command_line}   {why}".rstrip(), soft_wrap=True)


def _check_only_sample(workspace: Workspace, collection: str) -> None:
    """Keep the sample company out of a collection of somebody's own documents."""
    if collection not in workspace.list_collections():
        return
    with Index.open(workspace.collection_folder(collection)) as index:
        foreign = any(
            document.source != str(SAMPLE_FOLDER.resolve()) for document in index.iter_documents()
        )
    if foreign:
        raise SettingsError(
            f"Collection {collection!r} holds other documents. Keep the sample company apart: "
            "ragdesk demo --collection demo"
        )
