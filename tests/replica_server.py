"""``python replica_server.py HOME PORT OPTIONS``: serve HOME as one replica of several.

OPTIONS is JSON: serve, options of ``[serve]``; model, the address of a language model's server;
database, of PostgreSQL.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engines import free_port
from fakes import HashEmbedder

from ragdesk import logs
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore, open_home_database
from ragdesk.web import api, server
from ragdesk.web.serve_options import ServeOptions

HERE = Path(__file__).parent


@dataclass
class Replica:
    """One server that can be stopped and started again at the same port."""

    home: Path
    options: dict[str, Any]
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        where = os.pathsep.join([str(HERE.parent), str(HERE), os.environ.get("PYTHONPATH", "")])
        file = str(HERE / "replica_server.py")
        command = [sys.executable, file, str(self.home), str(self.port), json.dumps(self.options)]
        self.process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": where})  # noqa: S603, a file of ours
        until = time.monotonic() + 60
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 1) as line,
            ):
                line.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                if b" 200 " in line.recv(100):
                    return
            assert self.process.poll() is None, "a replica did not start"
            assert time.monotonic() < until, "a replica is not ready"
            time.sleep(0.05)

    def stop(self, seconds: float = 60) -> int:
        """End it by SIGTERM; gives its exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextlib.contextmanager
def run_replicas(home: Path, count: int = 1, **options: Any) -> Iterator[list[Replica]]:
    """Run servers of one home until the end of the block."""
    replicas = [Replica(home, options, free_port()) for _ in range(count)]
    try:
        for replica in replicas:
            replica.start()
        yield replicas
    finally:
        for replica in replicas:
            if replica.process is not None and replica.process.poll() is None:
                replica.stop()


def main(home: Path, port: int, options: dict[str, Any]) -> None:
    serve = ServeOptions(port=port, **options.get("serve", {}))
    settings = replace(Settings(), serve=serve, decide=DecideOptions(floor=0.0))
    if model := options.get("model"):
        generate = GenerateOptions(
            urls=(model,), first_seconds=60.0, silence_seconds=60.0, model="m"
        )
        settings = replace(settings, generate=generate)
    database = open_home_database(home, options.get("database"))
    keys = KeyStore(home, database)
    workspace = Workspace(home, settings, HashEmbedder())
    server.run_server(api.build_app(workspace, keys), serve)
    database.close()


if __name__ == "__main__":
    logs.start_logging("error")
    main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))
