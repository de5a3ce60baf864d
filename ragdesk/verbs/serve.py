"""``ragdesk serve``: the HTTP API and the chat page."""

import click

from ragdesk import logs
from ragdesk.assemble import Desks
from ragdesk.handles import raise_handle_limit
from ragdesk.settings import load
from ragdesk.support.access import Keys
from ragdesk.verbs import call
from ragdesk.web import api, server

EXAMPLES = """
\b
Examples:
  ragdesk serve                          http://127.0.0.1:8080, for this machine
  ragdesk keys create website            then others may be let in:
  ragdesk serve --host 0.0.0.0 --port 80
"""


@click.command("serve", epilog=EXAMPLES)
@click.option("--host", help="Address to listen on [127.0.0.1]; any other needs a key first.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on [8080].")
@click.option("--log", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
@click.pass_obj
def command(door: call.Call, *, host: str | None, port: int | None, log: str) -> None:
    """Serve the HTTP API and the chat page until SIGTERM, then let running answers end.

    A generation that is published meanwhile is picked up without a dropped request.
    """
    flags = {"serve.host": host, "serve.port": port}
    loaded = load(home=door.home, config=door.config, flags=flags)
    options = loaded.settings.serve
    logs.start(log)
    raise_handle_limit()
    keys = Keys(loaded.home)
    try:
        server.check(options, keys)
        desks = Desks(loaded.home, loaded.settings)
        _ = desks.engine  # what is wrong with its settings is said before anything listens
        server.run(api.build(desks, keys), options)
    finally:
        keys.close()
