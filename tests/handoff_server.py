"""``python handoff_server.py HOME PORT WEBHOOK``: serve HOME, which tells a webhook of hand-offs."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fakes import HashEmbedder

from ragdesk import logs
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.handoff.handoff_options import HandoffWebhookOptions
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api, server
from ragdesk.web.serve_options import ServeOptions

SECRET = "whsec_" + "A" * 32
HERE = Path(__file__).parent


def main(home: Path, port: int, webhook: str) -> None:
    options = ServeOptions(port=port, drain_seconds=15)
    settings = replace(
        Settings(),
        serve=options,
        handoff_webhook=HandoffWebhookOptions(url=webhook, secret=SECRET),
    )
    with contextlib.closing(KeyStore(home)) as keys:
        app = api.build_app(Workspace(home, settings, HashEmbedder()), keys)
        server.run_server(app, options)


@contextlib.contextmanager
def run_handoff_server(home: Path, webhook: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Start a server in a process of its own, and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = os.pathsep.join([str(HERE.parent), str(HERE), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(HERE / "handoff_server.py"), str(home), str(port), webhook]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": where})  # noqa: S603, a file of ours
    try:
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        yield port, process
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    logs.start_logging("error")
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
