"""Low-rank changes to a packaged model: what it learnt further, in a file of a few megabytes.

Each matrix W (out, in) of the model becomes W + up @ down, with up (out, rank) and down (rank, in),
the form of LoRA (Hu et al. 2021, arXiv:2106.09685); biases and norms are changed as they are.
Safetensors, which holds numbers and strings and nothing that runs.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from indexes.errors import ModelMissing

ADAPTER_FORMAT = 1
_UP, _DOWN = ".up", ".down"

_Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAdapter:
    """Changes of a model. base: digest of the model that they belong to. card: how it was made.

    changes: what is added to each weight, by the names that BERT's weights have.
    """

    base: str
    changes: _Weights
    card: Mapping[str, Any]


def hash_adapter(file: Path) -> str:
    """Return the SHA-256 of an adapter's file. Raises ModelMissing where it is not there."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ModelMissing(f"No adapter at {file} ({error.strerror or error}).") from error


def read_adapter(file: Path) -> ModelAdapter:
    """Read an adapter. Raises ModelMissing where its file is damaged or of another format."""
    try:
        with safe_open(str(file), framework="np") as opened:
            head = opened.metadata() or {}
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        facts, card = json.loads(head["adapter"]), json.loads(head["card"])
        if facts["format"] != ADAPTER_FORMAT:
            raise ModelMissing(f"{file} was written by another release of ragdesk.")
        return ModelAdapter(base=str(facts["base"]), changes=_multiply(arrays), card=card)
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        remedy = "Install ragdesk anew."
        raise ModelMissing(f"{file} is no whole adapter ({error}). {remedy}") from error


def read_adapter_base(file: Path) -> str:
    """Return the digest of the model that an adapter is of. Raises ModelMissing."""
    try:
        with safe_open(str(file), framework="np") as opened:
            return str(json.loads((opened.metadata() or {})["adapter"])["base"])
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        remedy = "Install ragdesk anew."
        raise ModelMissing(f"{file} is no whole adapter ({error}). {remedy}") from error


def write_adapter(  # noqa: PLR0913, all that an adapter is
    file: Path, before: _Weights, after: _Weights, *, base: str, rank: int, card: Mapping[str, Any]
) -> None:
    """Write what a training changed, each matrix by the best approximation of a rank.

    before, after: the weights by equal names. What did not change is left out.
    """
    arrays: dict[str, NDArray[np.float16]] = {}
    for name, new in after.items():
        change = new.astype(np.float64) - before[name]
        if not np.abs(change).max() > 0:
            continue
        if change.ndim == 1:
            arrays[name] = change.astype(np.float16)
            continue
        left, sizes, right = np.linalg.svd(change, full_matrices=False)
        root = np.sqrt(sizes[:rank])
        arrays[name + _UP] = (left[:, :rank] * root).astype(np.float16)
        arrays[name + _DOWN] = (root[:, None] * right[:rank]).astype(np.float16)
    head = {"format": ADAPTER_FORMAT, "base": base}
    draft = file.with_name(f".tmp-{file.name}")
    save_file(
        arrays,
        draft,
        metadata={
            "adapter": json.dumps(head),
            "card": json.dumps(card, ensure_ascii=False),
        },
    )
    draft.chmod(0o644)  # it is no secret, and others run the desk
    draft.replace(file)


def apply_adapter(weights: _Weights, adapter: ModelAdapter) -> dict[str, NDArray[np.float32]]:
    """Return all weights of a model, changed. Raises ModelMissing where a shape does not fit."""
    changed = dict(weights)
    for name, change in adapter.changes.items():
        if name not in weights or weights[name].shape != change.shape:
            raise ModelMissing(f"The adapter does not fit its model: {name} has another shape.")
        changed[name] = (weights[name] + change).astype(np.float32)
    return changed


def _multiply(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """Return the change of each weight from what is stored of it."""
    changes: dict[str, NDArray[np.float32]] = {}
    for name, array in arrays.items():
        if name.endswith(_UP):
            matrix = name.removesuffix(_UP)
            down = arrays[matrix + _DOWN].astype(np.float32)
            changes[matrix] = np.asarray(array.astype(np.float32) @ down, dtype=np.float32)
        elif not name.endswith(_DOWN):
            changes[name] = np.asarray(array, dtype=np.float32)
    return changes
