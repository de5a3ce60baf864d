"""The command line: finds the verb, reads settings once, and turns errors into exit codes.

A verb's file is imported when that verb is called, so that ``ragdesk keys list`` does not
wait for an embedder's libraries.
"""

import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

import ragdesk
from eval.errors import EvalError
from indexes.errors import IndexesError
from ingest.errors import IngestError
from ragdesk.cli.shared_options import CliCall
from ragdesk.errors import ERROR_STATUSES, HomeUnusable, RagdeskError, describe_error, error_status

VERBS = {
    "ingest": "Take in files and folders.",
    "ask": "Answer a question from the documents.",
    "search": "Find the passages nearest to a query.",
    "serve": "Serve the HTTP API and the chat page.",
    "mcp": "Serve search and answers as tools of a model, on standard input and output.",
    "documents": "List, show and remove documents.",
    "collections": "List and remove collections.",
    "indexes": "List, check, merge, back up and roll back what was published.",
    "keys": "Create, list and revoke keys of the HTTP API.",
    "backup": "Write every collection and the database into one file.",
    "restore": "Restore what backup wrote.",
    "support": "Export or erase a person's data; rotate encryption keys.",
    "eval": "Measure answers, and fail a build that got worse.",
    "tune": "Train the reader further, on your own cases.",
    "insight": "List what was not answered; learn from past tickets, and from your own intents.",
    "bench": "Measure how fast this machine ingests, searches and serves.",
    "doctor": "Say what is missing, and how to get it.",
    "settings": "Show every setting, and where its value comes from.",
    "demo": "Take in the sample company, and ask it two questions.",
}
JSON_KEY = "ragdesk.json"
KNOWN_ERRORS = (RagdeskError, IndexesError, IngestError, EvalError, OSError)


class VerbGroup(click.Group):
    """A group whose commands are files of ``ragdesk.cli``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the verbs in the order of a day's work."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's file."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"ragdesk.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs without importing any."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note early whether an error is to be JSON: a usage error comes before the options."""
        ctx.meta[JSON_KEY] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb. A known error becomes a message, the next step in it, and an exit code."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:  # click says it on standard error
            if ctx.meta[JSON_KEY]:
                _print_json_error("usage", error.format_message())
            raise
        except BrokenPipeError:
            raise
        except KNOWN_ERRORS as error:
            status = (
                ERROR_STATUSES[HomeUnusable] if isinstance(error, OSError) else error_status(error)
            )
            if ctx.ensure_object(CliCall).json:
                _print_json_error(status.code, describe_error(error))
            click.echo(f"ragdesk: {describe_error(error)}", err=True)
            ctx.exit(status.exit)


def _print_json_error(code: str, message: str) -> None:
    click.echo(json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False))


RAGDESK_EXAMPLES = """
\b
Examples:
  ragdesk ingest ./handbook
  ragdesk ask "How long do I have to return an order?"
  ragdesk serve
"""


@click.command(
    cls=VerbGroup, epilog=RAGDESK_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--home", type=click.Path(path_type=Path), help="Where everything is kept [var].")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file [ragdesk.toml].")
@click.version_option(ragdesk.__version__, prog_name="ragdesk")
@click.pass_context
def cli(ctx: click.Context, home: Path | None, config: Path | None) -> None:
    """Answers from your own documents, with citations you can check."""
    ctx.obj = CliCall(home=home, config=config)


def main() -> None:
    """Run the command line. A reader that closes its end of a pipe ends it quietly.

    What a verb loads (libraries, 20,000 files of a source) lives until it ends. Looking through all
    of it for garbage took a sixth of such a job's time, so that is done far less often.
    """
    gc.set_threshold(50_000, 20, 20)
    try:
        cli()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # what a shell says of a command that SIGPIPE ended
