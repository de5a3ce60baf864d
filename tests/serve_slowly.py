"""``python serve_slowly.py HOME PORT SECONDS [HANDLES]``: serve HOME, each answer taking so long."""

import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

from fakes import HashEmbedder

from ragdesk import logs
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieve import Retrieval, Retrieve
from ragdesk.assemble import Desks
from ragdesk.settings import Settings
from ragdesk.support.access import Keys
from ragdesk.web import api, server
from ragdesk.web.limits import ServeOptions


def main(home: Path, port: int, seconds: float) -> None:
    find = Retrieve.__call__

    def slowly(self: Retrieve, question: Question, *, top_k: int | None = None) -> Retrieval:
        time.sleep(seconds)
        return find(self, question, top_k=top_k)

    Retrieve.__call__ = slowly  # type: ignore[method-assign]
    options = ServeOptions(port=port, keep_alive_seconds=1, read_seconds=1.0, drain_seconds=15)
    keys = Keys(home)
    desks = Desks(home, replace(Settings(), serve=options), HashEmbedder())
    server.run(api.build(desks, keys), options)
    keys.close()


if __name__ == "__main__":
    if len(sys.argv) > 4 and int(sys.argv[4]):
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[4]),) * 2)
    logs.start("warning")
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
