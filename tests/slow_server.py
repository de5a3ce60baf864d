"""``python slow_server.py HOME PORT SECONDS [HANDLES]``: serve HOME, each answer taking so long."""

import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakes import HashEmbedder

from ragdesk import logs
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore, open_home_database
from ragdesk.web import api, server
from ragdesk.web.serve_options import ServeOptions


def main(home: Path, port: int, seconds: float) -> None:
    find = Retriever.__call__

    def slowly(*asked: Any, **options: Any) -> Retrieval:
        time.sleep(seconds)
        return find(*asked, **options)

    Retriever.__call__ = slowly  # type: ignore[method-assign]
    options = ServeOptions(port=port, keep_alive_seconds=1, read_seconds=1.0, drain_seconds=15)
    database = open_home_database(home, os.environ.get("RAGDESK_SUPPORT__DATABASE"))
    keys = KeyStore(home, database)
    desks = Workspace(home, replace(Settings(), serve=options), HashEmbedder())
    server.run_server(api.build_app(desks, keys), options)
    database.close()


if __name__ == "__main__":
    if len(sys.argv) > 4 and int(sys.argv[4]):
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[4]),) * 2)
    logs.start_logging("warning")
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
