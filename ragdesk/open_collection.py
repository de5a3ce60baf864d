"""A collection that is open for questions: its index at one generation, and its desk."""

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from indexes.chunk import Passage
from indexes.errors import IndexesError
from indexes.index import Index
from indexes.store.document_table import ListedDocument
from indexes.store.generations import collect_access_since
from ingest.document_redaction import is_redacted
from ragdesk.answering.answer import Question
from ragdesk.answering.desk import Desk
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCollection:
    """A collection at one generation, open for questions until it is closed.

    Whoever opens it closes it. release: frees what a card holds for its index. opening_id:
    names this opening of it, and no other.
    """

    collection: str
    folder: Path
    index: Index
    retrieve: Retriever
    desk: Desk
    documents: Sequence[ListedDocument]
    release: Callable[[], None] | None = None
    opening_id: str = field(default_factory=lambda: secrets.token_hex(8))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its files and unmap its arrays; again is harmless. No search may still run."""
        self.index.close()
        if self.release is not None:
            self.release()

    def search(self, question: Question, top_k: int) -> tuple[Passage, ...]:
        """Find passages, best first. Blocks."""
        return self.retrieve(question, top_k=top_k).passages

    @contextlib.contextmanager
    def open_generation(self, generation: int) -> Iterator[Index]:
        """Open another generation while it is kept, as it may be seen now. Raises NotFound.

        What was removed since, or shut to some, stays so: whatever has the same name today.
        """
        try:
            access = collect_access_since(self.folder, generation)
            index = Index.open_generation(self.folder, generation, access=access)
        except IndexesError as error:
            raise NotFound(f"Generation {generation} is not kept.") from error
        with index:
            if is_redacted(self.index.reading) and not is_redacted(index.reading):
                raise NotFound(f"Generation {generation} is from before personal data was removed.")
            yield index
