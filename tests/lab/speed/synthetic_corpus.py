"""A large collection grown from real sentences, for ``tests.lab.speed.million``.

Sentences and their vectors are real. They are grown as sentences grow: a vector between those of
two near neighbours, and the residual that some real vector had against such a point, so that
neighbours lie as far apart as real ones do. The text is the two sentences and a third one drawn,
so that the words of a collection grow with it and hardly any text comes twice.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes.build import Build
from indexes.chunk import Chunk, DocumentRecord
from indexes.embedding.embedder import Embedder
from indexes.store.segments import CANARY_TEXT
from indexes.text.scripts import reads_without_cjk
from indexes.text.sentences import split_sentences
from tests.lab.embedder_proxy import Through
from tests.lab.speed.lexical import TYPES

NEAR = 6  # neighbours mixed
SAMPLE = 4_000  # residuals measured
EACH = 10  # chunks of a document
SHARES = {"all": 1, "half": 2, "tenth": 10, "hundredth": 100, "thousandth": 1_000}
SENTENCES = 24_000  # drawn
QUESTIONS = 400  # drawn
Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
_SLAB = 65_536


def unit(vectors: Vectors) -> Vectors:
    """Bring vectors (n, dim) to length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def draw(squad: Path, texts: Sequence[Path], seed: int) -> tuple[list[str], list[str]]:
    """Draw English sentences from SQuAD's paragraphs and other texts, and SQuAD's questions."""
    dice = np.random.default_rng(seed)
    paragraphs = [p for a in json.loads(squad.read_text("utf-8"))["data"] for p in a["paragraphs"]]
    files = [f for p in texts for f in ([p] if p.is_file() else sorted(p.rglob("*")))]
    bodies = [p["context"] for p in paragraphs]
    bodies += [f.read_text("utf-8", errors="replace") for f in files if f.suffix in TYPES]
    sentences = dict.fromkeys(body[a:b] for body in bodies for a, b in split_sentences(body))
    clean = dict.fromkeys(re.sub(r"\s+", " ", sentence) for sentence in sentences)
    plain = [
        sentence for sentence in clean if 25 <= len(sentence) <= 400 and reads_without_cjk(sentence)
    ]
    questions = [q["question"].strip() for p in paragraphs for q in p["qas"][:2]]
    chosen = dice.permutation(len(plain))[:SENTENCES]
    some = dice.permutation(len(questions))[:QUESTIONS]
    return [plain[i] for i in chosen], [questions[i] for i in some]


def neighbours(vectors: Vectors, of: Vectors, k: int) -> Rows:
    """Find the k nearest of ``vectors`` for each of ``of`` (m, dim): (m, k), best first."""
    blocks = []
    for at in range(0, len(of), 512):
        scores = of[at : at + 512] @ vectors.T
        best = np.argpartition(-scores, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        blocks.append(np.take_along_axis(best, order, axis=1))
    return np.concatenate(blocks).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Grown:
    """Vectors (count, dim), mapped, and the sentences (count, 3) each text is made of.

    The first rows are the real sentences, one a text.
    """

    vectors: Vectors
    parents: NDArray[np.int32]
    real: int

    def text(self, row: int, sentences: Sequence[str]) -> str:
        """Give the text of a row."""
        if row < self.real:
            return sentences[row]
        return " ".join(sentences[i] for i in self.parents[row])


def grow(real: Vectors, count: int, seed: int, place: Path) -> Grown:
    """Grow real vectors to a number, or take what an earlier run wrote to ``place``."""
    file = place / f"grown-{count}.npy"
    origins = place / f"parents-{count}.npy"
    if not origins.exists():  # it is written last
        vectors = np.lib.format.open_memmap(file, "w+", np.float32, (count, real.shape[1]))
        parents = _grow(vectors, real, np.random.default_rng(seed))
        vectors.flush()
        np.save(origins, parents, allow_pickle=False)
    kept = np.load(file, mmap_mode="r", allow_pickle=False)
    return Grown(kept, np.load(origins, allow_pickle=False), min(len(real), count))


def _grow(made: Vectors, real: Vectors, dice: np.random.Generator) -> NDArray[np.int32]:
    """Fill ``made`` (count, dim) in place, slab by slab; returns the parents of each row."""
    count = len(made)
    nearest = neighbours(real, real, NEAR)[:, 1:]  # the first is the vector itself
    some = dice.permutation(len(real))[:SAMPLE]
    middle = unit(real[nearest[some, 0]] + real[nearest[some, 1]])
    residual = real[some] - np.sum(real[some] * middle, axis=1, keepdims=True) * middle
    parents = np.zeros((count, 3), np.int32)
    made[: len(real)] = real[:count]
    for at in range(len(real), count, _SLAB):
        size = min(_SLAB, count - at)
        first = dice.integers(0, len(real), size)
        second = nearest[first, dice.integers(0, NEAR - 1, size)]
        share = dice.random((size, 1), dtype=np.float32)
        noise = residual[dice.integers(0, len(residual), size)]
        made[at : at + size] = unit(unit(share * real[first] + (1 - share) * real[second]) + noise)
        drawn = dice.integers(0, len(real), size)
        parents[at : at + size] = np.stack([first, second, drawn], axis=1)
    return parents


@dataclass
class Given(Through):
    """An embedder that is told the vector of each text before it is asked for it.

    coming: vectors by text, taken out as they are used. Texts that come twice get one vector.
    """

    coming: dict[str, Vectors] = field(default_factory=dict)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Give the vectors (n, dim) that were told; the canary is embedded."""
        if list(texts) == [CANARY_TEXT]:
            return self.real.embed_passages(texts)
        return np.stack([self.coming.pop(text) for text in texts])


def collect(
    collection: Path,
    grown: Grown,
    sentences: Sequence[str],
    embedder: Embedder,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a collection of one segment whose entries are the grown rows, in order.

    A document's groups are every share of ``SHARES`` that its dice let it into.
    """
    embedder_ = Given(embedder)
    with Build(collection, embedder_, splitter={}, progress=progress) as build:
        for record, chunks, vectors in _documents(grown, sentences):
            embedder_.coming.update(
                (c.indexed_text, v) for c, v in zip(chunks, vectors, strict=True)
            )
            build.add(record, chunks)
        build.publish()


def member(document: int) -> frozenset[str]:
    """Say which groups a document is for.

    >>> sorted(member(1))[0]
    'all'
    """
    dice = np.random.default_rng(document).random()
    return frozenset(name for name, part in SHARES.items() if dice < 1 / part)


def _documents(
    grown: Grown, sentences: Sequence[str]
) -> Iterator[tuple[DocumentRecord, list[Chunk], Vectors]]:
    for n, at in enumerate(range(0, len(grown.vectors), EACH)):
        rows = range(at, min(at + EACH, len(grown.vectors)))
        words = [grown.text(row, sentences) for row in rows]
        record = DocumentRecord(
            id=f"{n:016x}",
            uri=f"{n}.md",
            source="grown",
            title=f"Document {n}",
            text="\n\n".join(words),
            media_type="text/markdown",
            language="en",
            digest=f"{n:064x}",
            groups=member(n),
        )
        start = 0
        chunks = []
        for text in words:
            chunks.append(
                Chunk(
                    document=record.id,
                    uri=record.uri,
                    title=record.title,
                    text=text,
                    start=start,
                    end=start + len(text),
                )
            )
            start += len(text) + 2
        yield record, chunks, grown.vectors[rows.start : rows.stop]
