"""Collections and vectors that a bench keeps in a folder from one run to the next.

Embedding is the dear part of a measurement. A collection stays in the folder and takes in only
what has changed; the vector of each text, passage or question, stays beside it under the
embedder's card, so that a collection of another split, another format or a second language embeds
only what is new. Another model, or the same one with other prefixes, has a home of its own.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from indexes.embedding.embedder import (
    Embedder,
    EmbedderCard,
    EmbedOptions,
    open_embedder,
)
from indexes.search_results import Vectors
from ragdesk.assemble import Workspace
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.embedder_proxy import Through

READER_MODEL = "multilingual-e5-small"
SAVE_SECONDS = 60


@dataclass
class VectorCache(Through):
    """An embedder whose vectors are kept in a file, of passages and of questions.

    vectors: by SHA-256 of the text and what it is. computed, seconds: questions embedded anew,
    and their time.
    """

    file: Path
    vectors: dict[str, Vectors] = field(default_factory=dict)
    computed: int = 0
    seconds: float = 0.0
    _unsaved: int = 0
    _last_save: float = field(default_factory=time.monotonic)

    def embed_query(self, text: str) -> Vectors | None:
        """Embed a question: from the file, where it was embedded before."""
        key = _name_text("query", text)
        if key not in self.vectors:
            begin = time.perf_counter()
            vector = self.real.embed_query(text)
            self.seconds += time.perf_counter() - begin
            if vector is None:
                return None
            self.computed += 1
            self._keep(key, vector)
        return self.vectors[key]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Embed passages: those that the file lacks."""
        keys = [_name_text("passage", text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self.vectors}
        if new:
            for key, vector in zip(new, self.real.embed_passages([*new.values()]), strict=True):
                self._keep(key, vector)
        rows = [self.vectors[key] for key in keys]
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.card.dim)

    def load(self) -> None:
        """Read the vectors that an earlier run saved."""
        if self.file.exists():
            with np.load(self.file) as saved:
                self.vectors = dict(zip(saved["keys"].tolist(), saved["vectors"], strict=True))

    def save(self) -> None:
        """Write the vectors down for the next run."""
        if not self._unsaved:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".draft.npz")
        np.savez(draft, keys=[*self.vectors], vectors=np.stack([*self.vectors.values()]))
        draft.replace(self.file)
        self._unsaved, self._last_save = 0, time.monotonic()

    def _keep(self, key: str, vector: Vectors) -> None:
        self.vectors[key] = vector
        self._unsaved += 1
        if time.monotonic() - self._last_save > SAVE_SECONDS:  # a run that is stopped loses little
            self.save()


def _name_text(role: str, text: str) -> str:
    return hashlib.sha256(f"{role}\0{text}".encode()).hexdigest()


class CollectionShelf:
    """Opens the collections of a bench under one embedder and one set of settings.

    embedder: the one that the settings name, where it is open already.
    """

    def __init__(self, folder: Path, settings: Settings, embedder: Embedder | None = None) -> None:
        self.folder = folder
        self.settings = settings
        self.ingest_seconds = 0.0
        embedder = embedder or open_embedder(settings.embed, folder / "models")
        home = name_home(embedder.card)
        self.embedder = VectorCache(embedder, folder / "vectors" / f"{home}.npz")
        self.embedder.load()
        self.workspace = Workspace(folder / home, settings, self.embedder)
        if embedder.card.name == READER_MODEL:  # a workspace opens none over a proxy
            own = Workspace(folder / home, replace(settings, embed=EmbedOptions()))
            self.workspace.reading.__dict__["reader"] = own.reading.reader

    def open_collection(self, name: str, source: Path) -> OpenCollection:
        """Take a folder in as the collection ``name`` as far as it changed, and open it."""
        begin = time.perf_counter()
        report = self.workspace.make_job(name).run([source])
        opened = self.workspace.open_collection(name)
        self.embedder.save()
        seconds = time.perf_counter() - begin
        self.ingest_seconds += seconds
        print(
            f"{name}: {report.documents} documents, {report.chunks} chunks, "
            f"{report.embedded} embedded, {seconds:.1f} s",
            flush=True,
        )
        return opened


def name_home(card: EmbedderCard) -> str:
    """Return a file name that is the same for equal embedders, and for no others."""
    digest = hashlib.sha256(repr(card).encode()).hexdigest()[:12]
    return f"{card.name}-{digest}"


def choose_settings(model: str, query_prefix: str, passage_prefix: str) -> Settings:
    """Return the default settings with another embedding model."""
    prefixes = {"query_prefix": query_prefix, "passage_prefix": passage_prefix}
    named = {name: prefix for name, prefix in prefixes.items() if prefix}
    return Settings(embed=EmbedOptions(model=model, **named))


def change_setting(settings: Settings, change: str) -> Settings:
    """Return settings with one option changed, written as ``table.name=value``.

    Raises ValueError where there is no such option.

    >>> change_setting(Settings(), "retrieve.near=0.25").retrieve.near
    0.25
    """
    path, _, value = change.partition("=")
    table_name, _, name = path.partition(".")
    table = getattr(settings, table_name, None)
    if not is_dataclass(table) or name not in {option.name for option in fields(table)}:
        raise ValueError(f"no option {path}")
    changed = replace(table, **{name: _read_value(value, getattr(table, name))})  # type: ignore[type-var]
    return replace(settings, **{table_name: changed})


def _read_value(text: str, default: Any) -> Any:
    """Read a value of the kind of the default."""
    if isinstance(default, bool):
        return text.lower() in {"1", "true", "yes"}
    return type(default)(text) if default is not None else int(text)
