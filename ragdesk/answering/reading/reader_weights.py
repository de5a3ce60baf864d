"""The weights of a reader in one file: its own layers in int8, its head, and how they were made.

Safetensors, which holds numbers and strings and nothing that runs. A matrix is a scale a row and
numbers of eight bits; all else is fp32. Beside them are the greatest activations of each channel
before each matrix, from which the graph's smoothing constants come
(``indexes.embedding.int8_graph``).
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

from indexes.embedding.quantised_weights import WEIGHTS_SHA256
from indexes.errors import ModelMissing

PACKAGED_READER = Path(__file__).with_name("reader_weights.safetensors")
READER_FORMAT = 1
_SCALES, _RANGES = ".scales", "ranges/"

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderWeights:
    """A reader as it is read from its file.

    layers: of the packaged embedder that it runs on. trained: of these, the last ones are its own.
    matrices: by the names that BERT's weights have; the head's begin with ``head.``. ranges: by
    ``<layer>.<place>``. card: how it was made. digest: SHA-256 of the file.
    """

    layers: int
    trained: int
    matrices: Mapping[str, _Floats]
    ranges: Mapping[str, _Floats]
    card: Mapping[str, Any]
    digest: str


def write_reader_weights(  # noqa: PLR0913, all that a reader is
    file: Path,
    matrices: Mapping[str, _Floats],
    ranges: Mapping[str, _Floats],
    *,
    layers: int,
    trained: int,
    card: Mapping[str, Any],
) -> None:
    """Write a reader: matrices of the embedder's layers in int8, the head and the rest in fp32."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, matrix in matrices.items():
        if matrix.ndim == 2 and not name.startswith("head."):  # noqa: PLR2004 - a matrix
            scales = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / 127
            arrays[name] = np.round(matrix / scales[:, None]).astype(np.int8)
            arrays[name + _SCALES] = scales.astype(np.float32)
        else:
            arrays[name] = matrix.astype(np.float32)
    arrays |= {_RANGES + name: values.astype(np.float16) for name, values in ranges.items()}
    facts = {
        "format": READER_FORMAT,
        "layers": layers,
        "trained": trained,
        "embedder": WEIGHTS_SHA256,
    }
    head = {"reader": json.dumps(facts), "card": json.dumps(card, ensure_ascii=False)}
    draft = file.with_name(f".tmp-{file.name}")
    save_file(arrays, draft, metadata=head)
    draft.chmod(0o644)  # it is no secret, and others run the desk
    draft.replace(file)


def read_reader_weights(file: Path) -> ReaderWeights:
    """Read a reader's file. Raises ModelMissing where it is damaged or of another embedder."""
    try:
        with safe_open(str(file), framework="np") as opened:
            head = opened.metadata() or {}
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        facts = json.loads(head["reader"])
        card = json.loads(head["card"])
        layers, trained = int(facts["layers"]), int(facts["trained"])
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ModelMissing(
            f"{file} is no whole reader ({error}). Train one: ragdesk tune reader, or leave out "
            "advanced.reader.weights."
        ) from error
    if facts["format"] != READER_FORMAT or facts["embedder"] != WEIGHTS_SHA256:
        raise ModelMissing(
            f"{file} was trained on another embedder or by another ragdesk. Train it anew: "
            "ragdesk tune reader."
        )
    ranges = {
        name.removeprefix(_RANGES): array.astype(np.float32)
        for name, array in arrays.items()
        if name.startswith(_RANGES)
    }
    matrices = {
        name: _restore_matrix(array, arrays.get(name + _SCALES))
        for name, array in arrays.items()
        if not name.startswith(_RANGES) and not name.endswith(_SCALES)
    }
    return ReaderWeights(
        layers=layers,
        trained=trained,
        matrices=matrices,
        ranges=ranges,
        card=card,
        digest=hash_reader_weights(file),
    )


def hash_reader_weights(file: Path) -> str:
    """Return the SHA-256 of a reader's file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _restore_matrix(array: NDArray[Any], scales: _Floats | None) -> _Floats:
    if scales is None:
        return np.asarray(array, dtype=np.float32)
    return np.asarray(array.astype(np.float32) * scales[:, None], dtype=np.float32)
