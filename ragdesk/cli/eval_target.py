"""The desk as eval sees it: asked in this process, without a server between."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Self

from eval.case import Case, list_turns
from eval.targets import Target, open_target
from ragdesk.answering.answer import Question, Turn, to_json_object
from ragdesk.answering.calibration import sketch_documents
from ragdesk.assemble import Workspace
from ragdesk.cli.shared_options import CliCall
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import load_settings


class DeskTarget:
    """A collection's desk as a target. Any thread may ask; one loop in a thread of its own answers.

    A writer that keeps connections to a model belongs to one loop: hence the single one. close:
    lets go of these connections, in that loop.
    """

    readable = True

    def __init__(
        self, opened: OpenCollection, close: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> None:
        self._opened = opened
        self._close = close
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._close is not None:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def facts(self) -> Mapping[str, Any]:
        """Name the collection and its generation."""
        return {
            "name": f"desk {self._opened.collection}",
            "kind": "desk",
            "generation": self._opened.index.generation,
            "sketch": list(
                sketch_documents(document.digest for document in self._opened.documents)
            ),
        }

    def ask(self, case: Case) -> Mapping[str, Any]:
        """Ask a case, its history with it."""
        history = tuple(Turn(role=role, text=text) for role, text in list_turns(case))
        question = Question(text=case.question, history=history, explain=True)
        future = asyncio.run_coroutine_threadsafe(self._opened.desk.ask(question), self._loop)
        return to_json_object(future.result())

    def text(self, uri: str, generation: int | None = None) -> str | None:
        """Give a document's stored text."""
        del generation  # an opened collection is of one generation
        return self._opened.index.read_text(uri)


@contextlib.contextmanager
def open_eval_target(
    call: CliCall, name: str | None, collection: str, key: str
) -> Iterator[Target]:
    """Open what is to be asked: an address, a mapping file, or this home's own desk.

    Raises BadTarget, or IndexNotFound where this home has no such collection.
    """
    if name is not None:
        with open_target(name, collection=collection, key=key, environ=os.environ) as remote:
            yield remote
        return
    loaded = load_settings(home=call.home, config=call.config)
    workspace = Workspace(loaded.home, loaded.settings)
    with (
        workspace.open_collection(collection) as home_collection,
        DeskTarget(home_collection, workspace.close) as target,
    ):
        yield target
