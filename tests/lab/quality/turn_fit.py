"""Fit the classifier of turns: a model of words and one of each embedder's vectors.

Turns of our own alone are learnt from. Variants of a turn are of the same part when it is
cross-validated: what is measured was not seen in another spelling.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from indexes.embedding.embedder import Embedder
from ragdesk.answering.turns.turn_classifier import (
    WEIGHT_UNIT,
    TurnClassifier,
    parse_classifier,
)
from ragdesk.answering.turns.turn_features import extract_turn_features
from ragdesk.answering.turns.turn_kind import TurnKind
from tests.lab.quality.turn_examples import (
    SEED,
    TurnExample,
    make_questions,
    read_examples,
    vary_examples,
)

KINDS = tuple(TurnKind)
FOLDS = 5
HIDDEN_SIZES = {"1571fc9827503943": 48, "d49d18d6557c5b76": 32}
"""Width of the network by embedder: multilingual-e5-small and all-MiniLM-L6-v2 (English alone)."""
WORDS_C = 4.0  # how freely the words fit
WORD_SHARE = 0.35
QUESTION_WORTH = 1.0  # of all questions of a language beside all other turns of it
MOST_FEATURES = 1700  # of the words' model: those that weigh most
LEAST_SPREAD = 1e-3  # of a number of a vector: one that is always the same tells nothing
FEWEST = 2  # turns that hold a feature
Array = NDArray[np.float64]


def gather_examples() -> list[TurnExample]:
    """Gather the turns to learn from: those we wrote, questions of frames, variants of both."""
    written = [*read_examples(), *make_questions()]
    return [*written, *vary_examples(written)]


def embed_examples(examples: Sequence[TurnExample], embedder: Embedder) -> Array:
    """Embed the turns as questions (n, dim); those that the model cannot read are NaN."""
    rows = []
    for example in examples:
        can_read = embedder.card.can_embed(example.text)
        vector = embedder.embed_query(example.text) if can_read else None
        rows.append(np.full(embedder.card.dim, np.nan) if vector is None else vector)
    return np.array(rows, dtype=np.float64)


def fit_classifier(
    examples: Sequence[TurnExample], vectors: Mapping[str, Array], kinds: Sequence[TurnKind] = KINDS
) -> dict[str, Any]:
    """Fit all models; returns them as they are stored. vectors: (n, dim) by embedder's digest."""
    labels = np.array([kinds.index(example.kind) for example in examples])
    weights = _weigh_examples(examples)
    words, intercepts = _fit_words(examples, labels, weights)
    return {
        "kinds": [str(kind) for kind in kinds],
        "word_share": WORD_SHARE,
        "intercepts": intercepts,
        "words": words,
        "vectors": {
            digest: _fit_vectors(rows, labels, weights, HIDDEN_SIZES[digest])
            for digest, rows in sorted(vectors.items())
        },
    }


def _weigh_examples(examples: Sequence[TurnExample]) -> Array:
    """Weigh turns (n,) so that questions count as much as all others, in each language."""
    sides = [(example.lang, example.kind is TurnKind.QUESTION) for example in examples]
    share = len(examples) / len(set(sides))
    worth = {side: share / sides.count(side) for side in set(sides)}
    return np.array([worth[side] * (QUESTION_WORTH if side[1] else 1.0) for side in sides])


def cross_validate(
    examples: Sequence[TurnExample], vectors: Mapping[str, Array]
) -> list[tuple[TurnExample, TurnClassifier]]:
    """Return each turn that we wrote, and a classifier that did not see it."""
    sources = sorted({example.source for example in examples})
    order = np.random.default_rng(SEED).permutation(len(sources))
    fold_of = {source: int(order[i]) % FOLDS for i, source in enumerate(sources)}
    judged = []
    for fold in range(FOLDS):
        known = [i for i, e in enumerate(examples) if fold_of[e.source] != fold]
        stored = fit_classifier(
            [examples[i] for i in known], {name: rows[known] for name, rows in vectors.items()}
        )
        classifier = parse_classifier(json.loads(json.dumps(stored)))
        judged += [
            (example, classifier)
            for example in examples
            if fold_of[example.source] == fold and example.text == example.source
        ]
    return judged


def _fit_words(
    examples: Sequence[TurnExample], labels: NDArray[np.int64], weights: Array
) -> tuple[dict[str, list[int]], list[int]]:
    rows = [extract_turn_features(example.text) for example in examples]
    counts: dict[str, int] = {}
    for row in rows:
        for name in row:
            counts[name] = counts.get(name, 0) + 1
    names = sorted(name for name, count in counts.items() if count >= FEWEST)
    columns = {name: i for i, name in enumerate(names)}
    cells = [
        (i, columns[n], v) for i, row in enumerate(rows) for n, v in row.items() if n in columns
    ]
    at, column, value = zip(*cells, strict=True)
    matrix = csr_matrix((value, (at, column)), shape=(len(rows), len(names)))
    model = LogisticRegression(C=WORDS_C, max_iter=400).fit(matrix, labels, sample_weight=weights)
    coefficients = np.rint(model.coef_.T / WEIGHT_UNIT).astype(int)
    counted = np.array([counts[name] for name in names])
    worth = np.abs(coefficients).max(axis=1) * np.sqrt(counted)
    kept = np.sort(np.argsort(-worth, kind="stable")[:MOST_FEATURES])
    words = {names[i]: coefficients[i].tolist() for i in kept}
    return words, _as_units(model.intercept_)


def _fit_vectors(
    vectors: Array, labels: NDArray[np.int64], weights: Array, size: int
) -> dict[str, Any]:
    """Fit vectors (n, dim), each number of them of mean 0 and spread 1; scaled back when stored.

    The network takes no weights: turns are drawn again by theirs.
    """
    read = np.flatnonzero(~np.isnan(vectors[:, 0]))
    rows = vectors[read]
    mean, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), LEAST_SPREAD)
    shares = weights[read] / weights[read].max()
    again = np.random.default_rng(SEED).random(len(read)) < shares
    drawn = np.concatenate([np.arange(len(read)), np.flatnonzero(again)])
    network = MLPClassifier((size,), alpha=2.0, max_iter=25, batch_size=256, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 25 rounds are the best, not too few
        network.fit(((rows - mean) / spread)[drawn], labels[read][drawn])
    hidden, output = network.coefs_
    hidden_intercepts, intercepts = network.intercepts_
    scaled = hidden / spread[:, None]
    return {
        "hidden": _as_units(scaled),
        "hidden_intercepts": _as_units(hidden_intercepts - mean @ scaled),
        "output": _as_units(output),
        "intercepts": _as_units(intercepts),
    }


def _as_units(numbers: Array) -> Any:
    return np.rint(np.asarray(numbers) / WEIGHT_UNIT).astype(int).tolist()
