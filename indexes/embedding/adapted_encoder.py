"""Open a packaged model as an adapter changes it: for comparing texts, and for no index.

An index is made by one model for years, and another one's vectors would not fit it. What compares
a question with a few sentences keeps no vectors, so it may learn with each release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes.embedding.model_adapter import read_adapter
from indexes.embedding.model_files import ModelFiles, TextEncoder
from indexes.search_results import Vectors


@dataclass(frozen=True, slots=True)
class AdaptedEncoder:
    """Turns questions and sentences into unit vectors. Any thread may call."""

    encode: TextEncoder
    query_prefix: str
    passage_prefix: str

    def embed_query(self, text: str) -> Vectors:
        """Embed a question: (dim,)."""
        return self.encode([self.query_prefix + text]).reshape(-1)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Embed sentences: (n, dim), in the order given."""
        return self.encode([self.passage_prefix + text for text in texts])


def open_adapted_encoder(
    model: ModelFiles, adapter: Path, cache: Path, *, threads: int
) -> AdaptedEncoder | None:
    """Open a packaged model in int8 with an adapter.

    None where the adapter is not its own, or the weights are not here of which it would be made.

    The graph is made once a machine, in a few seconds. Raises ModelMissing where a file is damaged.
    """
    if read_adapter(adapter).base != model.digest:
        return None
    from indexes.embedding import on_onnx  # noqa: PLC0415 - not for whoever answers without models

    adapted = model.adapt(adapter)
    if adapted.has_word_table:
        is_made = on_onnx.is_exported(adapted, adapted.folder.parent, int8=True)
        if adapted.weights is None and not is_made:
            return None
        encode = on_onnx.open_multilingual_encoder(adapted, int8=True, threads=threads)
    else:
        encode = on_onnx.open_onnx_encoder(adapted, cache, int8=True, threads=threads)
    return AdaptedEncoder(encode, model.query_prefix, model.passage_prefix)
