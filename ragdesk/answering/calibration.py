"""Read a collection's calibration: how sure an answer is, and the floor below which to refuse.

The file lies in the collection's folder. It was fitted on the documents of that day: a desk that
meets others keeps using it, and warns. It was fitted to the signals of one embedder and one
version: those of another mean something else, so there it is set aside, and that is said.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexes.store.extra_files import ExtraFile

CALIBRATION_FILENAME = "calibration.json"
SKETCH_SIZE = 128  # smallest digests kept: enough to estimate how many documents changed, to 5 %
DRIFT_LIMIT = 0.2  # of the documents are others than it was fitted on: then it is time to fit again
ANY_LANGUAGE = "*"
UNNOTED_VERSIONS: Mapping[str, Any] = {"signals": 1}  # of a calibration that names none
FIT_AGAIN = "Fit it again: ragdesk eval run CASES --out DIR, then ragdesk eval calibrate DIR"
_HEAVIEST = 1e9  # of a calibration's weights


@dataclass(frozen=True, slots=True)
class Calibration:
    """One logistic model and floor per language; ``*`` is for every other one.

    sketch: of the documents it was fitted on; empty where that is not known. versions: of the
    embedder and of the signals that it was fitted to (``describe_signal_versions``).
    """

    groups: Mapping[str, Mapping[str, Any]]
    sketch: tuple[str, ...] = ()
    versions: Mapping[str, Any] = field(default_factory=lambda: UNNOTED_VERSIONS)

    def describe_mismatch(self, versions: Mapping[str, Any]) -> str | None:
        """Describe for what other signals it was fitted; None where it was for these.

        >>> Calibration({}).describe_mismatch({"embedder": {"name": "m"}, "signals": 2})
        'it was fitted to signals of version 1, not 2'
        """
        own, other = self.versions.get("signals"), versions["signals"]
        if own != other:
            return f"it was fitted to signals of version {own}, not {other}"
        fitted, used = self.versions.get("embedder", {}), versions["embedder"]
        differences = [
            f"{name} {fitted.get(name)!r}, not {used.get(name)!r}"
            for name in sorted({*fitted, *used})
            if fitted.get(name) != used.get(name)
        ]
        return (
            f"it was fitted to another embedder ({'; '.join(differences)})" if differences else None
        )

    def confidence(self, signals: Mapping[str, float], language: str) -> float:
        """Return the likelihood (0..1) that the retrieved passages answer the question."""
        group = self._group(language)
        weights = group["weights"].items()
        z = group["intercept"] + sum(w * signals.get(name, 0.0) for name, w in weights)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))

    def floor(self, language: str) -> float:
        """Return the least confidence at which to answer."""
        return float(self._group(language)["floor"])

    def estimate_drift(self, documents: Iterable[str]) -> float:
        """Estimate the share of documents (by their digests) that are others than when fitted."""
        current = sketch_documents(documents)
        if not self.sketch:
            return 0.0
        smallest = sorted({*current, *self.sketch})[:SKETCH_SIZE]
        common = set(current) & set(self.sketch)
        return 1 - sum(digest in common for digest in smallest) / len(smallest)

    def _group(self, language: str) -> Mapping[str, Any]:
        return self.groups.get(language) or self.groups[ANY_LANGUAGE]


def sketch_documents(documents: Iterable[str]) -> tuple[str, ...]:
    """Return the smallest hashes of a set of digests, a sketch of the set.

    Comparing two sketches estimates how much their sets differ.

    >>> sketch_documents(["a", "b"]) == sketch_documents(["b", "a", "a"])
    True
    """
    hashed = {hashlib.sha256(digest.encode()).hexdigest()[:12] for digest in documents}
    return tuple(sorted(hashed)[:SKETCH_SIZE])


def read_calibration(collection: Path) -> Calibration | None:
    """Read a collection's calibration; None where it was never fitted.

    Raises ValueError naming the file where it is not one.
    """
    file = collection / CALIBRATION_FILENAME
    if not file.exists():
        return None
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        groups = {
            name: _parse_group(stored["groups"][name]) for name in (ANY_LANGUAGE, *stored["groups"])
        }
        versions = stored.get("versions", UNNOTED_VERSIONS)
        _check_versions(versions)
        return Calibration(groups, tuple(map(str, stored.get("sketch", ()))), versions)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{file} is no calibration ({type(error).__name__}: {error}). "
            "Fit it again: ragdesk eval calibrate DIR; or delete it."
        ) from error


def _parse_group(group: Mapping[str, Any]) -> dict[str, Any]:
    weights = {str(name): float(value) for name, value in group["weights"].items()}
    numbers = {"intercept": float(group["intercept"]), "floor": float(group["floor"])}
    if not all(map(math.isfinite, (*weights.values(), *numbers.values()))):
        raise ValueError("a weight is no finite number")
    return {**numbers, "weights": weights}


def _check_versions(versions: Any) -> None:
    is_well_formed = (
        isinstance(versions, dict)
        and type(versions.get("signals")) is int
        and isinstance(versions.get("embedder", {}), dict)
    )
    if not is_well_formed:
        raise ValueError("its versions are none")


def _check_calibration(values: Any) -> None:
    _check_versions(values.get("versions", UNNOTED_VERSIONS))
    sketch = values.get("sketch", [])
    if not isinstance(sketch, list) or ANY_LANGUAGE not in values["groups"]:
        raise ValueError("no sketch, or nothing for every language")
    for group in values["groups"].values():
        for value in (group["intercept"], group["floor"], *group["weights"].values()):
            if type(value) not in {int, float} or abs(value) > _HEAVIEST:
                raise ValueError("a weight is no number")


# One that was fitted on other content than a backup's would be wrong there.
CALIBRATION_EXTRA_FILE = ExtraFile(
    name=CALIBRATION_FILENAME, check=_check_calibration, is_newer_here=False
)
