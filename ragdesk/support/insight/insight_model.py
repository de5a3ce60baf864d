"""A classifier of texts with what holds for it, and the file that it is kept in.

Safetensors, which holds numbers and strings and nothing that runs. Weights are whole numbers of
eight bits with a scale a label; labels, names of features and the card are JSON beside them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from indexes.errors import ModelMissing
from indexes.search_results import Vectors
from ragdesk.answering.turns.text_classifier import (
    ClassWeights,
    TextClassifier,
    VectorWeights,
    share_likelihoods,
)
from ragdesk.support.insight.insight_features import extract_text_features
from ragdesk.support.insight.intents import OUT_OF_SCOPE

MODEL_FORMAT: Final = 1
_SCALES, _VECTORS = ".scales", "vectors."
_WEIGHT_STEPS = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightModel:
    """A classifier of texts.

    floors: likelihood (0..1) of the best label under which none of them fits, by the embedder's
    digest; "" where the words alone are read. card: how it was made.
    """

    classifier: TextClassifier[str]
    floors: Mapping[str, float]
    card: Mapping[str, Any]

    def score_labels(
        self, text: str, vector: Vectors | None = None, digest: str = ""
    ) -> dict[str, float]:
        """Return the likelihood (0..1) of each label; all of them together are 1.

        vector: of the text as a question (dim,), by the embedder of which ``digest`` names the
        weights; without one the words alone are read.
        """
        logits = self.classifier.weigh_text(extract_text_features(text), vector, digest)
        shares = share_likelihoods(logits).tolist()
        return dict(zip(self.classifier.labels, shares, strict=True))

    def choose_label(
        self, text: str, vector: Vectors | None = None, digest: str = ""
    ) -> tuple[str | None, float]:
        """Return the likeliest label, None where none fits, and the likelihood of the nearest."""
        scores = self.score_labels(text, vector, digest)
        outside = scores.pop(OUT_OF_SCOPE, 0.0)
        label = max(scores, key=scores.__getitem__)
        floor = self.find_floor(digest if vector is not None else "")
        return (label if scores[label] >= max(floor, outside) else None), scores[label]

    def find_floor(self, digest: str) -> float:
        """Return the floor of texts with vectors of an embedder, or by words alone."""
        return self.floors.get(digest, self.floors[""])


def quantise_columns(weights: ClassWeights) -> tuple[NDArray[np.int8], ClassWeights]:
    """Return weights (n, labels) as whole numbers of eight bits, and the scales (labels,)."""
    scales = np.maximum(np.abs(weights).max(axis=0, initial=0.0), 1e-12) / _WEIGHT_STEPS
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def write_insight_model(file: Path, model: InsightModel) -> None:
    """Write a model, or replace the one that is there, in one step."""
    classifier = model.classifier
    names = sorted(classifier.words)
    size = len(classifier.labels)
    words = np.array([classifier.words[name] for name in names]).reshape(len(names), size)
    arrays: dict[str, NDArray[Any]] = {"intercepts": classifier.intercepts}
    arrays["words"], arrays["words" + _SCALES] = quantise_columns(words)
    for digest, weights in classifier.vectors.items():
        if not isinstance(weights, VectorWeights):
            raise TypeError(f"a model of {type(weights).__name__} is not kept in this file")
        name = f"{_VECTORS}{digest}"
        arrays[name], arrays[name + _SCALES] = quantise_columns(weights.output)
        arrays[f"{name}.intercepts"] = weights.intercepts
    facts = {
        "format": MODEL_FORMAT,
        "labels": classifier.labels,
        "features": names,
        "vectors": sorted(classifier.vectors),
        "word_share": classifier.word_share,
        "floors": dict(model.floors),
        "card": dict(model.card),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".tmp-{file.name}")
    save_file(arrays, draft, metadata={"insight": json.dumps(facts, ensure_ascii=False)})
    draft.chmod(0o644)  # as the packaged ones: no secret
    draft.replace(file)


def read_insight_model(file: Path) -> InsightModel:
    """Read a model. Raises ModelMissing where the file is damaged or of another version."""
    try:
        with safe_open(str(file), framework="np") as opened:
            facts = json.loads((opened.metadata() or {})["insight"])
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if facts["format"] != MODEL_FORMAT:
            raise ValueError(f"its format is {facts['format']}, not {MODEL_FORMAT}")  # noqa: TRY301 - the message below names it
        labels, names = tuple(facts["labels"]), facts["features"]
        words = _restore_columns(arrays, "words", (len(names), len(labels)))
        classifier = TextClassifier(
            labels=labels,
            words=dict(zip(names, words, strict=True)),
            intercepts=arrays["intercepts"],
            vectors={
                digest: VectorWeights(
                    _restore_columns(arrays, f"{_VECTORS}{digest}", (None, len(labels))),
                    arrays[f"{_VECTORS}{digest}.intercepts"],
                )
                for digest in facts["vectors"]
            },
            word_share=float(facts["word_share"]),
        )
        floors = {digest: float(floor) for digest, floor in facts["floors"].items()}
        return InsightModel(classifier=classifier, floors=floors, card=facts["card"])
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ModelMissing(
            f"{file} is no whole classifier of this version ({error}). Train it again: ragdesk "
            "insight train FILE, or remove the file: the packaged intents then hold."
        ) from error


def _restore_columns(
    arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int | None, int]
) -> ClassWeights:
    numbers, scales = arrays[name], arrays[name + _SCALES]
    if numbers.shape[1] != shape[1] or (shape[0] or len(numbers)) != len(numbers):
        raise ValueError(f"{name} has {numbers.shape} numbers")
    return np.asarray(numbers.astype(np.float32) * scales, dtype=np.float32)
