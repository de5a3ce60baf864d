"""Choose the vector store that settings name. Another one is a file of its own and a line here."""

import pkgutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexes.vectors.vector_store import VectorStore

# By ``[indexes] backend``: the class to call with IndexesOptions. By name, as a store is imported
# only where it is used: its library is an extra, and takes seconds.
VECTOR_STORES = {
    "faiss": "indexes.vectors.faiss_store:FaissStore",
    "milvus": "indexes.vectors.on_milvus:MilvusStore",
}


def open_vector_store(backend: str, options: Any) -> "VectorStore":
    """Open a store by its name in the table.

    options: IndexesOptions, which reads the table to check the name, and so is not imported here.
    Raises ModelMissing where its library is not installed, VectorsUnreachable, and ValueError for
    an option that it cannot do without.
    """
    store: VectorStore = pkgutil.resolve_name(VECTOR_STORES[backend])(options)
    return store
