"""``ragdesk serve``: the HTTP API and the chat page."""

from contextlib import closing

import click

from ragdesk import logs
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options
from ragdesk.file_handles import raise_handle_limit
from ragdesk.home_lock import use_home
from ragdesk.settings import load_settings
from ragdesk.support.key_store import KeyStore, open_home_database
from ragdesk.web import api, server

SERVE_EXAMPLES = """
\b
Examples:
  ragdesk serve                          http://127.0.0.1:8080, for this machine
  ragdesk keys create website            then others may be let in:
  ragdesk serve --host 0.0.0.0 --port 80
"""


@click.command("serve", epilog=SERVE_EXAMPLES)
@click.option("--host", help="Address to listen on [127.0.0.1]; any other needs a key first.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on [8080].")
@click.option("--log", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
@click.pass_obj
def command(call: shared_options.CliCall, *, host: str | None, port: int | None, log: str) -> None:
    """Serve the HTTP API and the chat page until SIGTERM, then let running answers end.

    A generation that is published meanwhile is picked up without a dropped request.
    """
    flags = {"serve.host": host, "serve.port": port}
    loaded = load_settings(home=call.home, config=call.config, flags=flags)
    options = loaded.settings.serve
    logs.start_logging(log)
    raise_handle_limit()
    address = loaded.settings.support.database
    with use_home(loaded.home), closing(open_home_database(loaded.home, address)) as database:
        keys = KeyStore(loaded.home, database)
        server.check_listen_address(options, keys)
        workspace = Workspace(loaded.home, loaded.settings)
        _ = workspace.engine  # what is wrong with its settings is said before anything listens
        app = api.build_app(workspace, keys)
        app.state.origins = loaded.origins  # shown to administrators
        server.run_server(app, options)
