"""A public set as a desk would have it: taken in by a real job, and opened for questions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from eval.case import SourceText
from indexes.embedding import model_files
from indexes.embedding.embedder import Embedder, EmbedOptions, embed_question, open_embedder
from indexes.index import Index
from indexes.search_results import Vectors
from ingest.job import IngestJob
from tests.lab.embedder_proxy import Through


@dataclass
class Remembering(Through):
    """An embedder that embeds each text once: a bench asks the same question in several ways."""

    known: dict[tuple[str, str], Vectors] = field(default_factory=dict)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if ("passage", text) not in self.known]
        for text, vector in zip(new, self.real.embed_passages(new), strict=True):
            self.known["passage", text] = vector
        rows = [self.known["passage", text] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.card.dim)

    def embed_query(self, text: str) -> Vectors:
        if ("query", text) not in self.known:
            self.known["query", text] = embed_question(self.real, text)
        return self.known["query", text]


def embedder(home: Path) -> Remembering:
    """Open the packaged embedder, its export cached under ``home``."""
    return Remembering(open_embedder(EmbedOptions(), home / "models"))


def written(texts: Iterable[SourceText], folder: Path) -> Path:
    """Write the documents of a set as files, once."""
    folder.mkdir(parents=True, exist_ok=True)
    for text in texts:
        file = folder / text.uri
        if not file.exists():
            file.write_text(text.text, encoding="utf-8")
    return folder


def opened(name: str, source: Path, home: Path, embedder: Embedder) -> Index:
    """Take a folder in as the collection ``name`` of ``home``, and open it.

    What was taken in by an earlier run is not embedded again.
    """
    collection = home / "collections" / name
    tokenizer = model_files.find_model(model_files.PACKAGED_MODEL, home / "models").tokenizer
    report = IngestJob(collection=collection, embedder=embedder, tokenizer=tokenizer).run([source])
    print(f"{name}: {report.documents} documents, {report.chunks} chunks, {report.seconds:.0f} s")
    return Index.open(collection, card=embedder.card)
