"""Fit a classifier of texts: a model of words, and one of each embedder's vectors.

Two logistic models, whose scores are added up: the words' is kept to the features that weigh most.
scikit-learn is imported when it is first needed: that takes seconds.
"""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.search_results import Vectors
from indexes.text.folding import normalise_text
from ragdesk.answering.turns.text_classifier import (
    TextClassifier,
    VectorWeights,
    share_likelihoods,
)
from ragdesk.support.insight.insight_features import extract_text_features
from ragdesk.support.insight.insight_model import InsightModel
from ragdesk.support.insight.intents import OUT_OF_SCOPE, LabelledText

_Floats = NDArray[np.float64]
_Rows = Sequence[Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How freely a classifier fits.

    words_freedom, vector_freedom: scikit-learn's C of the two models. word_share: of the words
    beside a vector. most_features: of the words' model. fewest: texts that hold a feature, or
    writers of such texts, where they are known.
    most_of_label: weight of a label's examples beside the median label's. floor_loss: share of
    the right answers on unseen texts that may fall under the floor. tuned: every so many texts
    are left out of a first fit, on which the floor is chosen.
    """

    words_freedom: float = 30.0
    vector_freedom: float = 0.03
    word_share: float = 0.3
    most_features: int = 5000
    fewest: int = 2
    most_of_label: float = 1.5
    floor_loss: float = 0.015
    tuned: int = 5


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What is learnt: texts by their features, their labels, and their vectors by the digest.

    writers: of the texts; "" where that is not known.
    """

    rows: _Rows
    correct: Sequence[str]
    vectors: Mapping[str, Vectors]
    writers: Sequence[str]

    def take(self, at: Sequence[int]) -> "_Lesson":
        """Return a part of it, by the places of its texts."""
        return _Lesson(
            [self.rows[i] for i in at],
            [self.correct[i] for i in at],
            {digest: whole[list(at)] for digest, whole in self.vectors.items()},
            [self.writers[i] for i in at],
        )

    def count_sharers(self) -> Counter[str]:
        """Count how many writers used each feature; a text without one counts for itself."""
        sharers = {
            (name, writer or at)
            for at, (row, writer) in enumerate(zip(self.rows, self.writers, strict=True))
            for name in row
        }
        return Counter(name for name, _ in sharers)


def fit_insight_model(
    texts: Sequence[LabelledText],
    vectors: Mapping[str, Vectors],
    options: FitOptions = FitOptions(),
    card: Mapping[str, Any] | None = None,
) -> InsightModel:
    """Fit a classifier, and the floor under which none of its labels fits.

    vectors: (n, dim) of the texts as questions, by the embedder's digest; what it cannot read is
    NaN. The floor is chosen on texts that a first fit has not seen, then all of them are learnt.
    """
    rows = [extract_text_features(example.text) for example in texts]
    writers = [example.writer for example in texts]
    lesson = _Lesson(rows, [example.label for example in texts], vectors, writers)
    labels = tuple(sorted(set(lesson.correct)))
    floors = dict.fromkeys(("", *vectors), 0.0)
    parts = [place_text(example.text, options.tuned) for example in texts]
    first = lesson.take([i for i, part in enumerate(parts) if part])
    unseen = lesson.take([i for i, part in enumerate(parts) if not part])
    if unseen.rows and set(first.correct) == set(labels):
        classifier = _fit_lesson(first, labels, options)
        for digest in floors:
            shares = score_texts(classifier, unseen.rows, unseen.vectors, digest)
            floors[digest] = _choose_floor(shares, unseen.correct, labels, options)
    classifier = _fit_lesson(lesson, labels, options)
    return InsightModel(classifier=classifier, floors=floors, card=card or {})


def place_text(text: str, parts: int) -> int:
    """Return the part (0 … parts - 1) that a text belongs to, in every run and on every machine.

    >>> place_text("Where is my order?", 5) == place_text("where is my order?", 5)
    True
    """
    return zlib.crc32(fold_words(text).encode()) % parts


def fold_words(text: str) -> str:
    """Return a text without what its features do not tell: case, width, runs of blanks.

    >>> fold_words(" Where is  MY order?")
    'where is my order?'
    """
    return " ".join(normalise_text(text).split())


def _fit_lesson(
    lesson: _Lesson, labels: tuple[str, ...], options: FitOptions
) -> TextClassifier[str]:
    targets = np.array([labels.index(label) for label in lesson.correct])
    weights = _weigh_labels(targets, options)
    words, intercepts = _fit_words(lesson, targets, weights, len(labels), options)
    models = {
        digest: _fit_vectors(whole, targets, weights, len(labels), options)
        for digest, whole in sorted(lesson.vectors.items())
        if len(set(targets[~np.isnan(whole[:, 0])].tolist())) > 1  # a model that reads them
    }
    return TextClassifier(
        labels=labels,
        words=words,
        intercepts=intercepts,
        vectors=models,
        word_share=options.word_share,
    )


def _weigh_labels(targets: NDArray[np.int64], options: FitOptions) -> _Floats:
    """Weigh examples (n,) so that no label counts more than so many times the median one."""
    counts = Counter(targets.tolist())
    most = options.most_of_label * float(np.median(list(counts.values())))
    return np.array([min(1.0, most / counts[target]) for target in targets.tolist()])


def _fit_words(
    lesson: _Lesson,
    targets: NDArray[np.int64],
    weights: _Floats,
    size: int,
    options: FitOptions,
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    from sklearn.feature_extraction import DictVectorizer  # noqa: PLC0415 - seconds

    rows, counts = lesson.rows, lesson.count_sharers()
    fewest = options.fewest
    if not any(lesson.writers):  # else a word of one person's would be kept: a name, perhaps
        fewest = min(fewest, max(1, len(rows) // 100))  # a handful of texts shares too little
    known = [{n: v for n, v in row.items() if counts[n] >= fewest} for row in rows]
    if not any(known):
        return {}, np.zeros(size, np.float32)
    table = DictVectorizer(dtype=np.float32)
    matrix = table.fit_transform(known)
    coefficients, intercepts = _fit_logistic(matrix, targets, weights, size, options.words_freedom)
    names = table.get_feature_names_out()
    holders = np.array([counts[name] for name in names])
    worth = np.abs(coefficients).max(axis=1) * np.sqrt(holders)
    best = np.argsort(-worth, kind="stable")[: options.most_features]
    return {str(names[i]): coefficients[i] for i in best}, intercepts


def _fit_vectors(
    vectors: Vectors,
    targets: NDArray[np.int64],
    weights: _Floats,
    size: int,
    options: FitOptions,
) -> VectorWeights:
    """Fit vectors (n, dim), each number of them of mean 0 and spread 1; scaled back when kept."""
    read = np.flatnonzero(~np.isnan(vectors[:, 0]))
    rows = vectors[read].astype(np.float64)
    mean, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-3)
    output, intercepts = _fit_logistic(
        (rows - mean) / spread, targets[read], weights[read], size, options.vector_freedom
    )
    scaled = output / spread[:, None].astype(np.float32)
    shifted = intercepts - mean.astype(np.float32) @ scaled
    return VectorWeights(scaled.astype(np.float32), shifted.astype(np.float32))


def _fit_logistic(
    matrix: Any, targets: NDArray[np.int64], weights: _Floats, size: int, freedom: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights (n, size) and intercepts (size,); a label without examples is unlikely."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - seconds

    model = LogisticRegression(C=freedom, max_iter=300, tol=1e-3)
    model.fit(matrix, targets, sample_weight=weights)
    two_sided = len(model.classes_) == 2  # noqa: PLR2004 - one row says both
    coefficients = np.vstack([-model.coef_, model.coef_]) / 2 if two_sided else model.coef_
    offsets = (
        np.concatenate([-model.intercept_, model.intercept_]) / 2
        if two_sided
        else (model.intercept_)
    )
    output = np.zeros((coefficients.shape[1], size), np.float32)
    intercepts = np.full(size, -20.0, np.float32)
    output[:, model.classes_] = coefficients.T
    intercepts[model.classes_] = offsets
    return output, intercepts


def score_texts(
    classifier: TextClassifier[str], rows: _Rows, vectors: Mapping[str, Vectors], digest: str
) -> NDArray[np.float32]:
    """Return the likelihoods (n, labels) of texts by their features and vectors."""
    whole = vectors.get(digest)
    logits = []
    for at, row in enumerate(rows):
        vector = None if whole is None or np.isnan(whole[at][0]) else whole[at]
        logits.append(classifier.weigh_text(row, vector, digest))
    return share_likelihoods(np.array(logits))


def _choose_floor(
    shares: NDArray[np.float32],
    correct: Sequence[str],
    labels: tuple[str, ...],
    options: FitOptions,
) -> float:
    """Return the likelihood that all but a few of the right answers (n, labels) reach."""
    inside = np.array([label != OUT_OF_SCOPE for label in labels])
    best = np.where(inside, shares, -1.0).argmax(axis=1)
    reached = [
        float(shares[row, column])
        for row, column in enumerate(best.tolist())
        if correct[row] == labels[column]
    ]
    return float(np.quantile(reached, options.floor_loss)) if reached else 0.0
