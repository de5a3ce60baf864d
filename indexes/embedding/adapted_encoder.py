"""Open a packaged model as an adapter changes it: for comparing texts, and for no index.

An index is made by one model for years, and another one's vectors would not fit it. What compares
a question with a few sentences keeps no vectors, so it may learn with each release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes.embedding.model_adapter import read_adapter_base
from indexes.embedding.model_files import ModelFiles, TextEncoder
from indexes.errors import ModelMissing
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


def can_be_adapted(model: ModelFiles, adapter: Path) -> bool:
    """Tell whether an adapter is a model's own, and its graph made or to be made.

    A converted model whose weights are gone makes no further graph. Raises ModelMissing where the
    adapter's file is damaged.
    """
    if read_adapter_base(adapter) != model.digest:
        return False
    if not model.has_word_table or (model.weights and model.weights.is_file()):
        return True
    if not model.tokenizer.is_file():
        return False
    from indexes.embedding import on_onnx  # noqa: PLC0415 - not for whoever answers without models

    return on_onnx.find_graph(model.adapt(adapter), model.folder.parent, int8=True) is not None


def open_adapted_encoder(
    model: ModelFiles, adapter: Path, cache: Path, *, threads: int
) -> AdaptedEncoder:
    """Open a packaged model in int8 with an adapter.

    The graph is made once a machine, in a few seconds. Raises ModelMissing where a file is damaged
    or the adapter is of another model.
    """
    if not can_be_adapted(model, adapter):
        raise ModelMissing(f"{adapter.name} changes another model than {model.name}.")
    from indexes.embedding import on_onnx  # noqa: PLC0415 - see above

    adapted = model.adapt(adapter)
    if adapted.has_word_table:
        encode = on_onnx.open_multilingual_encoder(adapted, int8=True, threads=threads)
    else:
        encode = on_onnx.open_onnx_encoder(adapted, cache, int8=True, threads=threads)
    return AdaptedEncoder(encode, model.query_prefix, model.passage_prefix)
