"""What unrelated texts look like to an embedding model: its vectors of our neutral texts.

The cosine of two texts that have nothing to do with each other is .03 for one model and .74 for
another, .82 in Chinese and .70 from one language to the other. So it is measured: sixty passages
and forty questions on everyday things, in each language that the model reads, embedded once.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from indexes.embedding.embedder import Embedder, EmbedderCard
from indexes.embedding.model_cache import remember_bytes
from indexes.search_results import Vectors

_MEASUREMENTS: Final = 64  # of all models of a process
TEXTS_FILE: Final = Path(__file__).with_name("background_texts.json")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Background:
    """A model's vectors of neutral texts: questions and passages (n, dim), by language.

    A language that the model does not read is missing. What is measured of them is kept, as every
    question needs it.
    """

    questions: Mapping[str, Vectors]
    passages: Mapping[str, Vectors]

    @lru_cache(maxsize=_MEASUREMENTS)  # noqa: B019 - a model has one background for good
    def mean_question(self, language: str) -> Vectors:
        """Return the mean vector (dim,) of the questions of a language: what they all share."""
        return np.asarray(self.questions[language].mean(axis=0), dtype=np.float32)

    @lru_cache(maxsize=_MEASUREMENTS)  # noqa: B019
    def measure_cosines(
        self, question_language: str, passage_language: str, shared_part: float = 0.0
    ) -> tuple[float, float]:
        """Return mean and standard deviation of the cosines of all questions and passages.

        shared_part: so much of what the questions share is taken off each of them first.
        """
        shift = shared_part * self.mean_question(question_language)
        questions = self.questions[question_language] - shift
        cosines = questions @ self.passages[passage_language].T
        return float(cosines.mean()), float(cosines.std())


NO_BACKGROUND: Final = Background(questions={}, passages={})


def measure_background(embedder: Embedder) -> Background:
    """Embed the neutral texts that a model reads: some 200, about a second."""
    texts = _read_texts()
    readable = [name for name, own in texts.items() if _can_read(embedder.card, own["passages"])]
    return Background(
        questions={name: _embed_questions(embedder, texts[name]["questions"]) for name in readable},
        passages={name: embedder.embed_passages(texts[name]["passages"]) for name in readable},
    )


def open_background(embedder: Embedder, cache_folder: Path) -> Background:
    """Return the background of a model out of the cache; measure it on its first use.

    cache_folder: may be deleted at any time.
    """
    if embedder.card.words_only:
        return NO_BACKGROUND
    file = cache_folder / "background" / f"{_hash_maker(embedder.card)}.npz"
    data = remember_bytes(
        file, lambda: _pack(measure_background(embedder)), lambda d: _unpack(d) is not None
    )
    background = _unpack(data)
    return measure_background(embedder) if background is None else background


@cache
def _read_texts() -> dict[str, dict[str, list[str]]]:
    texts: dict[str, dict[str, list[str]]] = json.loads(TEXTS_FILE.read_text(encoding="utf-8"))
    return texts


def _can_read(card: EmbedderCard, passages: list[str]) -> bool:
    return all(map(card.can_embed, passages))


def _embed_questions(embedder: Embedder, questions: list[str]) -> Vectors:
    vectors = [embedder.embed_query(question) for question in questions]
    return np.stack([vector for vector in vectors if vector is not None])


def _hash_maker(card: EmbedderCard) -> str:
    """Return a digest of all that the vectors depend on: model, prefixes, and our texts."""
    maker = hashlib.sha256(repr(card).encode())
    maker.update(TEXTS_FILE.read_bytes())
    return maker.hexdigest()[:32]


def _pack(background: Background) -> bytes:
    arrays = {f"q-{name}": vectors for name, vectors in background.questions.items()}
    arrays |= {f"p-{name}": vectors for name, vectors in background.passages.items()}
    out = BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]  # numpy 2.3 thinks of allow_pickle
    return out.getvalue()


def _unpack(data: bytes) -> Background | None:
    """Read vectors of a cache file; None where it was cut or changed."""
    try:
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            named = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError, BadZipFile):
        return None
    return Background(
        questions={name[2:]: v for name, v in named.items() if name.startswith("q-")},
        passages={name[2:]: v for name, v in named.items() if name.startswith("p-")},
    )
