"""The document that a request names, as a citation does: in a generation, and with a chunk."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Query

from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.store.document_table import ListedDocument
from indexes.store.paths import open_plain, original_file
from ragdesk.errors import NotFound
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal
from ragdesk.web.auth import require_scope
from ragdesk.web.document_access import use_kept_document
from ragdesk.web.leases import Leases

DocumentReader = Annotated[Principal, Depends(require_scope("ask"))]
GenerationParam = Annotated[int | None, Query(ge=1, le=2**53)]
ChunkParam = Annotated[
    str | None,
    Query(max_length=100, description="A citation's chunk: which one of two documents of a uri."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentReference:
    """What a request for a part of a document asks for, and who does. Looked up by its route."""

    collection: str
    uri: str
    who: DocumentReader
    leases: Leases
    generation: GenerationParam = None
    chunk: ChunkParam = None

    async def lease_collection(self) -> OpenCollection:
        """Return its open collection. Raises NotFound, or why it cannot be opened."""
        return await self.leases.lease_collection(self.collection)

    def use_document(
        self, opened: OpenCollection
    ) -> AbstractContextManager[tuple[Index, ListedDocument]]:
        """Open the document's generation while it is used. Raises NotFound. Blocks."""
        return use_kept_document(opened, self.uri, self.who, self.generation, self.chunk)

    def read_text(self, opened: OpenCollection) -> str:
        """Read the document's stored text. Raises NotFound. Blocks."""
        with self.use_document(opened) as (index, document):
            return index.read_text_of(document) or ""


ReferenceParam = Annotated[DocumentReference, Depends(DocumentReference)]


def open_original(folder: Path, digest: str) -> BufferedReader:
    """Open the bytes that a document was read from. folder: of its collection. Raises NotFound."""
    try:
        return open_plain(original_file(folder, digest))
    except (FileNotFoundError, IndexDamaged) as error:
        raise NotFound("The original of this document is no longer kept.") from error
