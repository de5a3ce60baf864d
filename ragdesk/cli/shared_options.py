"""The options before a verb (``CliCall``), and those that several verbs share."""

import json as json_
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from ragdesk.errors import Invalid
from ragdesk.support.access import split_names

DEFAULT_COLLECTION = "default"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class CliCall:
    """Home and settings file as given, and whether the answer is to be JSON."""

    home: Path | None = None
    config: Path | None = None
    json: bool = False

    def shell_command(self, verb: str, collection: str) -> str:
        """Write a command for the same home, settings file and collection, for a shell.

        >>> CliCall(home=Path("my desk")).shell_command("ask", "faq")
        "ragdesk --home 'my desk' ask --collection faq"
        """
        words = ["ragdesk"]
        words += ["--home", str(self.home)] if self.home else []
        words += ["--config", str(self.config)] if self.config else []
        words += [
            *verb.split(),
            *(["--collection", collection] if collection != DEFAULT_COLLECTION else []),
        ]
        return shlex.join(words)


def _note_json(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:  # noqa: FBT001, click's form
    ctx.ensure_object(CliCall).json = value
    return value


def collection_option(verb: F) -> F:
    """Add ``--collection``."""
    option = click.option(
        "-c",
        "--collection",
        default=DEFAULT_COLLECTION,
        show_default=True,
        callback=check_collection_name,
    )
    return option(verb)


def check_collection_name(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Check the name of a collection. Raises BadParameter."""
    bare = value.replace("-", "").replace("_", "")
    first = value[:1].isalnum() and value.isascii() and value == value.lower()
    if not (first and bare.isalnum() and len(value) <= 63):  # noqa: PLR2004, as over HTTP: schemas.COLLECTION
        raise click.BadParameter("a collection is named in a-z, 0-9, _ and -, at most 63 of them.")
    return value


def parse_names(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> frozenset[str] | None:
    """Read names with commas between them. An empty name, as of an unset variable, is refused."""
    if value is None:
        return None
    try:
        return split_names(value)
    except Invalid as error:
        raise click.BadParameter(str(error)) from error


def old_groups_option(verb: F) -> F:
    """Add ``--old-groups``."""
    about = "Even if it cannot be known who may see its documents now: as they were seen then."
    return click.option("--old-groups", is_flag=True, help=about)(verb)


def json_option(verb: F) -> F:
    """Add ``--json``."""
    about = "Write exactly one JSON document to standard output."
    option = click.option("--json", "as_json", is_flag=True, callback=_note_json, help=about)
    return option(verb)


def print_json(value: Any) -> None:
    """Write one JSON document to standard output."""
    click.echo(json_.dumps(value, ensure_ascii=False, indent=2, default=str))
