"""One segment: a folder of chunks with their words and vectors, written once, never changed.

A chunk has an entry per view in both indexes: the whole of it, and for a FAQ entry its question
and its answer alone, because customers write questions and a long answer drowns a short question.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.chunk_views import MOST_VIEWS
from indexes.embedding.embedder import EmbedderCard
from indexes.embedding.model_files import NO_MODEL
from indexes.embedding.recipes import split_revision
from indexes.errors import (
    IndexDamaged,
    IndexesError,
    IndexMismatch,
    WordsNewer,
    WordsOutdated,
)
from indexes.lexical.postings import LexicalIndex
from indexes.mapped_arrays import map_array
from indexes.program_versions import make_outdated_error
from indexes.search_results import Vectors
from indexes.store import document_notes, manifest
from indexes.store.chunk_store import ChunkStore
from indexes.store.row_languages import LANGUAGES_FILE, LanguageCodes, encode_languages
from indexes.store.strict_json import check_integer
from indexes.text import tokens
from indexes.vectors.faiss_index import FaissIndex
from indexes.vectors.vector_index import VectorIndex

CHUNKS_FILE = "shelf.sqlite"
LEXICAL_FOLDER = "lexical"
VECTORS_FOLDER = "dense"
OWNERS_FILE = "entries.npy"
KINDS_FILE = "kinds.npy"

# Embedded once with every segment, so that a model that was swapped under its old name is noticed.
CANARY_TEXT = "A refund of 49.90 € reaches your card within 14 days of order RD-20261. 退款 14 天。"
LEAST_COSINE = 0.999
_UNIT = 1e-3  # so near to length one a vector stays as it is: dividing would move its last bit


def normalise_vectors(keys: Sequence[bytes], vectors: Vectors) -> dict[bytes, Vectors]:
    """Normalise vectors to length one, by key; zero and non-finite ones are left out.

    vectors (n, dim): as an embedder made them. Raises IndexesError when fewer than half of them are
    finite: that is no document's fault, and an index without vectors would be worse than none.
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    if finite.sum() * 2 < len(keys):
        raise IndexesError(
            f"The embedder gave no number for {(~finite).sum()} of {len(keys)} texts."
        )
    length = np.linalg.norm(vectors, axis=1)
    usable, unit = finite & (length > 0), np.abs(length - 1) < _UNIT
    return {
        key: vector if is_unit else vector / size
        for key, vector, size, is_unit, good in zip(
            keys, vectors, length, unit, usable, strict=True
        )
        if good
    }


def embedder_facts(card: EmbedderCard) -> dict[str, Any]:
    """Return the manifest facts of the embedder that made the vectors."""
    return {
        "name": card.name,
        "revision": card.revision,
        "dim": card.dim,
        "normalised": card.normalised,
        "recipe": card.recipe,
        "prefixes": {"query": card.query_prefix, "passage": card.passage_prefix},
    }


def read_tokens_version(facts: Mapping[str, Any]) -> int:
    """Return the version of the tokens that a segment's words are; 0.1.0 named none.

    Raises ValueError where a manifest names no version.
    """
    return check_integer(facts.get("tokens", 1))


def describe_embedder_mismatch(facts: Mapping[str, Any], card: EmbedderCard) -> str | None:
    """Describe how an embedder differs from the one a manifest names; None where it does not."""
    wanted = embedder_facts(card)
    built_by = str(facts.get("name"))
    facts = {"recipe": 1, **facts}  # 0.1.0 named none
    if built_by != card.name and NO_MODEL in {built_by, card.name}:
        made = "without vectors" if built_by == NO_MODEL else f"with vectors of {built_by}"
        asks = "none" if card.name == NO_MODEL else f"vectors of {card.name}"
        return f"it was built {made}, and embed.model asks for {asks}"
    differ = [name for name in wanted if facts.get(name) != wanted[name]]
    says = ", ".join(f"{name} {facts.get(name)!r} is not {wanted[name]!r}" for name in differ)
    return f"it was built by another embedder ({says})" if differ else None


class Segment:
    """A segment, its files verified, open for reading by any thread.

    chunks, entries: how many. most_views: entries of one chunk, at most. owners (entries,): the
    chunk row of each entry, ascending. kinds (entries,): its view. tokens_version: of the tokens
    that its words are. Raises IndexDamaged naming the file, or IndexMismatch.
    """

    def __init__(self, folder: Path, *, card: EmbedderCard | None = None) -> None:
        self.digest = folder.name
        self._folder = folder
        sealed = manifest.read_manifest(folder)
        if sealed.checksum != self.digest:
            raise IndexDamaged(f"{folder / manifest.MANIFEST_FILE} belongs to another segment.")
        manifest.verify_files(folder, sealed)
        self.facts = sealed.facts
        if card and (difference := describe_embedder_mismatch(sealed.facts["embedder"], card)):
            raise IndexMismatch(f"{folder / manifest.MANIFEST_FILE}: {difference}.")
        self.chunks, self.entries, self.tokens_version = _read_counts(folder, sealed.facts)
        self.owners: NDArray[np.uint32] = _map_entries(folder / OWNERS_FILE, self.entries)
        self.kinds: NDArray[np.uint8] = _map_entries(folder / KINDS_FILE, self.entries)
        if self.entries and int(self.owners[-1]) != self.chunks - 1:
            raise IndexDamaged(f"{folder / OWNERS_FILE} is not for {self.chunks} chunks.")
        self.most_views = MOST_VIEWS if self.entries > self.chunks else 1
        self.lexical = LexicalIndex.open(folder / LEXICAL_FOLDER)
        self.dense: VectorIndex = FaissIndex(folder / VECTORS_FOLDER)
        self.chunk_store = ChunkStore(folder / CHUNKS_FILE)
        if LANGUAGES_FILE in sealed.files:
            self.languages = _map_entries(folder / LANGUAGES_FILE, self.chunks)
        self._closed = False

    def close(self) -> None:
        """Close files and release maps; a search that still runs keeps what it uses."""
        if self._closed:
            return
        self._closed = True
        self.chunk_store.close()
        self.__dict__.pop("languages", None)
        del self.owners, self.kinds, self.lexical, self.dense

    @cached_property
    def languages(self) -> LanguageCodes:
        """The languages (chunks,) of its chunks, by their codes.

        Mapped with the other files when the segment is opened; read out of the chunks, once, where
        it was written before there was a file of them.
        """
        return encode_languages(self.chunk_store.iter_languages())

    @cached_property
    def notes(self) -> document_notes.NotesById:
        """The notes of its documents, by their ids; read at first use. Raises IndexDamaged."""
        return document_notes.read_notes(self._folder)

    @property
    def has_current_words(self) -> bool:
        """Tell whether its words are the tokens that a question is made of today."""
        return self.tokens_version == tokens.TOKENS_VERSION

    @property
    def has_newer_words(self) -> bool:
        """Tell whether a newer version of the program wrote its words."""
        return self.tokens_version > tokens.TOKENS_VERSION

    @property
    def canary(self) -> Vectors:
        """The vector (dim,) that the embedder gave the canary text."""
        return np.frombuffer(base64.b64decode(self.facts["canary"]), dtype="<f4")

    def compare_canary(self, vector: Vectors) -> None:
        """Compare an embedder's vector (dim,) of the canary text with the stored one."""
        cosine = float(self.canary @ vector)
        if not cosine >= LEAST_COSINE:
            raise IndexMismatch(
                f"Segment {self.digest}: the embedder answers the canary text with another "
                f"vector (cosine {cosine:.4f}). Was the model changed? Ingest again."
            )

    def entries_of(self, rows: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the entries of some chunk rows (n,), and for each its place in ``rows``."""
        own = np.asarray(rows, dtype=self.owners.dtype)  # of another type, all owners are copied
        first = np.searchsorted(self.owners, own, side="left")
        count = np.searchsorted(self.owners, own, side="right") - first
        places = np.repeat(np.arange(len(rows)), count)
        offsets = np.arange(len(places)) - np.repeat(np.cumsum(count) - count, count)
        return first[places] + offsets, places


def refuse_newer_segments(segments: Iterable[Segment], card: EmbedderCard) -> None:
    """Raise ProgramOutdated where a newer program wrote the words or the vectors of a segment.

    card: of the embedder that this process writes with. Vectors of another model are no newer ones:
    a change of the model is a choice of the settings.
    """
    for segment in segments:
        if (version := segment.tokens_version) > tokens.TOKENS_VERSION:
            raise make_outdated_error(
                f"words of version {version}, this one writes {tokens.TOKENS_VERSION}"
            )
        made, own = segment.facts["embedder"], embedder_facts(card)
        if is_same_model(made, card) and _recipes_of(made) > _recipes_of(own):
            raise make_outdated_error("vectors of a newer recipe")


def is_same_model(facts: Mapping[str, Any], card: EmbedderCard) -> bool:
    """Tell whether a manifest's embedder is a model's, in whatever version of its recipes."""
    return _model_of(facts) == _model_of(embedder_facts(card))


def refuse_outdated_words(parts: Iterable[Segment]) -> None:
    """Refuse words that a question's would miss. Raises WordsOutdated, WordsNewer."""
    parts = tuple(parts)
    error_type = WordsNewer if any(part.has_newer_words for part in parts) else WordsOutdated
    for part in parts:
        if not part.has_current_words:
            raise error_type(
                f"Its words are of version {part.tokens_version}, questions are asked by version "
                f"{tokens.TOKENS_VERSION}, and it has no vectors to be found by."
            )


def _model_of(facts: Mapping[str, Any]) -> tuple[str, str]:
    return str(facts.get("name")), split_revision(str(facts.get("revision")))[0]


def _recipes_of(facts: Mapping[str, Any]) -> tuple[int, int]:
    """Return the recipes of export and embedding; 0.1.0 named none of embedding."""
    recipe = facts.get("recipe", 1)
    export = split_revision(str(facts.get("revision")))[1]
    return export, recipe if isinstance(recipe, int) else 0


def seal_segment(folder: Path, facts: Mapping[str, Any]) -> str:
    """Write the manifest of a finished segment, sync everything, return the segment's digest."""
    return manifest.seal_folder(folder, facts).checksum


def canary_facts(vector: Vectors) -> str:
    """Return the manifest facts of the canary's vector."""
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def _read_counts(folder: Path, facts: Mapping[str, Any]) -> tuple[int, int, int]:
    """Read the numbers of chunks and entries, and the tokens' version. Raises IndexDamaged."""
    try:
        counts = facts["counts"]
        chunks = check_integer(counts["chunks"])
        entries = check_integer(counts["entries"], least=chunks, most=MOST_VIEWS * chunks)
        tokens_version = read_tokens_version(facts)
    except (ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(
            f"{folder / manifest.MANIFEST_FILE} does not count its chunks."
        ) from error
    return chunks, entries, tokens_version


def _map_entries(file: Path, count: int) -> NDArray[Any]:
    array = map_array(file)
    if len(array) != count:
        raise IndexDamaged(f"{file} holds {len(array)} entries; its manifest says {count}.")
    return array
