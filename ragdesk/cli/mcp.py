"""``ragdesk mcp``: search and answers as tools of a model, on standard input and output."""

import asyncio
import importlib
import os
from contextlib import closing
from dataclasses import replace
from typing import Any

import click

from ragdesk import logs
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options
from ragdesk.errors import Unauthenticated
from ragdesk.file_handles import raise_handle_limit
from ragdesk.home_lock import use_home
from ragdesk.settings import load_settings
from ragdesk.support.access import LOCAL_PRINCIPAL, authorize
from ragdesk.support.key_store import KeyStore, open_home_database
from ragdesk.support.sign_in.identity import Identity
from ragdesk.web import api
from ragdesk.web.mcp.desk_tools import ToolCaller
from ragdesk.web.server_state import ServerState

KEY_VARIABLE = "RAGDESK_KEY"
MCP_EXAMPLES = """
\b
Examples:
  ragdesk mcp                                  every document, for whoever runs it
  ragdesk --home /srv/desk mcp -c handbook     one collection
  RAGDESK_KEY=rd_… ragdesk mcp                 what a key may see
In a client's settings: command "ragdesk", arguments "--home", "/srv/desk", "mcp".
"""


def _refuse_empty_key(
    _context: click.Context, _parameter: click.Parameter, key: str | None
) -> str | None:
    """Refuse a key that is empty, as of a variable that was never filled in."""
    secret = os.environ.get(KEY_VARIABLE) if key is None else key  # click takes "" for not set
    if secret is not None and not secret.strip():
        raise click.BadParameter(f"it is empty. Write one into {KEY_VARIABLE}, or leave that out.")
    return secret


@click.command("mcp", epilog=MCP_EXAMPLES)
@click.option(
    "-c",
    "--collection",
    callback=lambda ctx, param, value: (
        value and shared_options.check_collection_name(ctx, param, value)
    ),
    help="The only collection that may be asked [all].",
)
@click.option(
    "--key",
    envvar=KEY_VARIABLE,
    callback=_refuse_empty_key,
    help="Ask as this key may, as of each call; better by the variable RAGDESK_KEY. [local user]",
)
@click.option("--log", default="warning", type=click.Choice(["debug", "info", "warning", "error"]))
@click.pass_obj
def command(
    call: shared_options.CliCall, *, collection: str | None, key: str | None, log: str
) -> None:
    """Serve the Model Context Protocol to the program that started this, until it closes its end.

    Tools: search, answer, get_passage, list_collections. Over HTTP a server has them at /mcp.
    """
    door = importlib.import_module("ragdesk.web.mcp.on_mcp_sdk")  # says what is missing first
    loaded = load_settings(home=call.home, config=call.config)
    logs.start_logging(log)
    raise_handle_limit()
    address = loaded.settings.support.database
    with use_home(loaded.home), closing(open_home_database(loaded.home, address)) as database:
        keys = KeyStore(loaded.home, database)
        app = api.build_app(Workspace(loaded.home, loaded.settings), keys, upkeep=False)
        identity = _identify(app, key)
        if collection is not None:
            authorize(identity.who, "ask", collection)
        asyncio.run(_serve(door, app, key, collection))


async def _serve(door: Any, app: Any, key: str | None, collection: str | None) -> None:
    async with app.router.lifespan_context(app):
        state: ServerState = app.state.desk

        async def find_caller() -> ToolCaller:
            identity = await asyncio.to_thread(_identify, app, key)
            who = identity.who
            if collection is not None:
                authorize(who, "ask", collection)
                who = replace(who, collections=frozenset({collection}))
            return ToolCaller(state=state, who=who, identity=replace(identity, who=who))

        await door.serve_standard_streams(find_caller)


def _identify(app: Any, key: str | None) -> Identity:
    """Return who calls, as of now. Raises Unauthenticated for a key that opens nothing."""
    if key is None:
        return Identity(who=LOCAL_PRINCIPAL, label=LOCAL_PRINCIPAL.name)
    identity: Identity | None = app.state.gate.identities.find_by_key(key)
    if identity is None:
        raise Unauthenticated
    return identity
