"""What ``ragdesk eval calibrate`` learned of a collection: confidence, and when to answer.

The file lies in the collection's folder. It was fitted on the documents of that day: a desk that
meets others keeps using it, and warns.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "calibration.json"
SKETCH = 128  # smallest digests kept: enough to estimate how many documents changed, to 5 %
DRIFTED = 0.2  # of the documents are others than it was fitted on: then it is time to fit again
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Calibration:
    """One logistic model and floor per language; ``*`` is for every other one.

    sketch: of the documents it was fitted on; empty where that is not known.
    """

    groups: Mapping[str, Mapping[str, Any]]
    sketch: tuple[str, ...] = ()

    def confidence(self, signals: Mapping[str, float], language: str) -> float:
        """Give the likelihood (0..1) that what was found holds an answer."""
        group = self._group(language)
        weights = group["weights"].items()
        z = group["intercept"] + sum(w * signals.get(name, 0.0) for name, w in weights)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))

    def floor(self, language: str) -> float:
        """Give the least confidence at which to answer."""
        return float(self._group(language)["floor"])

    def drift(self, documents: Iterable[str]) -> float:
        """Estimate the share of documents (by their digests) that are others than when fitted."""
        now = sketch(documents)
        if not self.sketch:
            return 0.0
        kept = sorted({*now, *self.sketch})[:SKETCH]
        both = set(now) & set(self.sketch)
        return 1 - sum(one in both for one in kept) / len(kept)

    def _group(self, language: str) -> Mapping[str, Any]:
        return self.groups.get(language) or self.groups[EVERY]


def sketch(documents: Iterable[str]) -> tuple[str, ...]:
    """Give the smallest hashes of some digests: two sets are alike as far as these are.

    >>> sketch(["a", "b"]) == sketch(["b", "a", "a"])
    True
    """
    hashed = {hashlib.sha256(one.encode()).hexdigest()[:12] for one in documents}
    return tuple(sorted(hashed)[:SKETCH])


def read(collection: Path) -> Calibration | None:
    """Read a collection's calibration; None where it was never fitted.

    Raises ValueError naming the file where it is not one.
    """
    file = collection / FILE
    if not file.exists():
        return None
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        groups = {name: _checked(held["groups"][name]) for name in (EVERY, *held["groups"])}
        return Calibration(groups, tuple(map(str, held.get("sketch", ()))))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{file} is no calibration ({type(error).__name__}: {error}). "
            "Fit it again: ragdesk eval calibrate DIR; or delete it."
        ) from error


def _checked(group: Mapping[str, Any]) -> dict[str, Any]:
    weights = {str(name): float(value) for name, value in group["weights"].items()}
    held = {"intercept": float(group["intercept"]), "floor": float(group["floor"])}
    if not all(map(math.isfinite, (*weights.values(), *held.values()))):
        raise ValueError("a weight is no finite number")
    return {**held, "weights": weights}
