"""Open a packaged model as an adapter changes it: for comparing texts, and for no index.

An index is made by one model for years, and another one's vectors would not fit it. What compares
a question with a few sentences keeps no vectors, so it may learn with each release. It gives the
vectors of all tokens beside the one of the whole text: which words of a question a sentence meets
is lost in their mean (late interaction: Khattab and Zaharia 2020, arXiv:2004.12832).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexes.embedding.model_adapter import read_adapter_base
from indexes.embedding.model_files import ModelFiles, TokenEncoder
from indexes.errors import ModelMissing
from indexes.search_results import Vectors

_SPECIAL = 1  # token before a text, and one behind it


@dataclass(frozen=True, slots=True)
class TextVectors:
    """A text as a model reads it, in vectors of length one.

    whole: (dim,). tokens: (n, dim), one for each token of its own.
    """

    whole: Vectors
    tokens: Vectors


@dataclass(frozen=True, slots=True)
class AdaptedEncoder:
    """Turns questions and sentences into vectors. Any thread may call.

    query_tokens, passage_tokens: how many tokens the prefixes are.
    """

    encode: TokenEncoder
    query_prefix: str
    passage_prefix: str
    query_tokens: int
    passage_tokens: int

    def encode_query(self, text: str) -> TextVectors:
        """Encode a question."""
        return _split_vectors(self.encode([self.query_prefix + text])[0], self.query_tokens)

    def encode_passages(self, texts: Sequence[str]) -> list[TextVectors]:
        """Encode sentences, in the order given."""
        outputs = self.encode([self.passage_prefix + text for text in texts])
        return [_split_vectors(tokens, self.passage_tokens) for tokens in outputs]


def _split_vectors(tokens: Vectors, prefix: int) -> TextVectors:
    """Return the mean of all tokens, and those that are neither special nor of the prefix."""
    whole = tokens.mean(axis=0)
    own = tokens[_SPECIAL + prefix : -_SPECIAL]
    return TextVectors(_normalise(whole), _normalise(own))


def _normalise(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


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


def prepare_adapted_graph(model: ModelFiles, adapter: Path, cache: Path, *, threads: int) -> None:
    """Make the graph of a packaged model with an adapter, where it is not made yet.

    Raises ModelMissing, as ``open_adapted_encoder``.
    """
    from indexes.embedding import on_onnx  # noqa: PLC0415 - see above

    folder = model.folder.parent if model.has_word_table else cache
    if on_onnx.find_graph(model.adapt(adapter), folder, int8=True) is None:
        open_adapted_encoder(model, adapter, cache, threads=threads)


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

    encode = on_onnx.open_token_encoder(model.adapt(adapter), cache, threads=threads)
    prefixes = (model.query_prefix, model.passage_prefix)
    # Without its blank, which is part of the first token behind it where it can be.
    bare = [prefix.rstrip() for prefix in prefixes]
    sizes = [len(encode([text])[0]) - 2 * _SPECIAL if text else 0 for text in bare]
    return AdaptedEncoder(encode, *prefixes, *sizes)
