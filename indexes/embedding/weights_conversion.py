"""Convert the packaged multilingual model once a machine: tokenizer, word vectors, graph.

The result is a folder of the cache that any number of homes and processes read. It is made beside
its place and put there whole, so that two processes may do it at once. It happens in a process of
its own, which takes the memory that ``onnx`` holds with it: some 3 s and 500 MB.
"""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from indexes.embedding.quantised_weights import (
    WEIGHTS_SHA256,
    QuantisedWeights,
    check_weights,
)
from indexes.embedding.recipes import EMBEDDING_RECIPES
from indexes.errors import ModelMissing

MODEL_NAME = "multilingual-e5-small"
PIECES_FILE, WORDS_FILE, SEAL_FILE = "pieces.unigram", "words.npy", "SHA256.json"
GRAPH_FILES = {True: "int8.onnx", False: "fp32.onnx"}  # by whether it is int8
_LIMIT = 600.0  # seconds; a busy machine takes 20


def converted_folder(cache: Path) -> Path:
    """Return the place of the converted model in a cache, whether it is there or not."""
    return cache / f"{MODEL_NAME}-{WEIGHTS_SHA256[:8]}.{EMBEDDING_RECIPES['word-table']}"


def is_converted(folder: Path) -> bool:
    """Tell whether a converted model is there with the bytes that were written.

    They are hashed once a process. The word vectors (54 MB) are only looked at by their size;
    each collection compares a vector of its own when it is opened.
    """
    try:
        seal = json.loads((folder / SEAL_FILE).read_bytes())
        stats = {name: (folder / name).stat() for name in seal}
        if any(stats[name].st_size != facts["size"] for name, facts in seal.items()):
            return False
        return all(
            _hash_unchanged_file(folder / name, stats[name].st_mtime_ns) == facts["sha256"]
            for name, facts in seal.items()
            if name != WORDS_FILE
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def convert_model(weights: Path, cache: Path) -> Path:
    """Convert the model into a cache; return its folder. Raises ModelMissing, OSError."""
    check_weights(weights)
    place = converted_folder(cache)
    cache.mkdir(parents=True, exist_ok=True)
    draft = cache / f".tmp-{secrets.token_hex(6)}-{place.name}"
    draft.mkdir()
    try:
        _run_conversion(weights, draft)
        if place.exists() and not is_converted(place):
            shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):  # another process was first: its folder holds the same
            draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    if not is_converted(place):
        raise ModelMissing(f"{MODEL_NAME} was converted, and {place} cannot be read back.")
    return place


def write_fp32_graph(weights: Path, folder: Path) -> Path:
    """Write the fp32 graph beside the int8 one, for who asks for it; return its file."""
    from indexes.embedding import int8_graph  # noqa: PLC0415 - only a conversion needs onnx

    file = folder / GRAPH_FILES[False]
    if not file.exists():
        check_weights(weights)
        draft = file.with_name(f".tmp-{secrets.token_hex(6)}-{file.name}")
        int8_graph.convert_graph(QuantisedWeights(weights), draft, None)
        draft.replace(file)
    return file


def main() -> None:
    """Convert the weights of the first argument into the folder of the second."""
    from indexes.embedding import int8_graph, unigram_tokenizer  # noqa: PLC0415 - see above

    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    weights = QuantisedWeights(source)
    unigram_tokenizer.write_unigram_file(weights.pieces, folder / PIECES_FILE)
    np.save(folder / WORDS_FILE, weights.read_word_rows(), allow_pickle=False)
    int8_graph.convert_graph(weights, folder / GRAPH_FILES[True])
    files = sorted(folder.iterdir())
    seal = {f.name: {"size": f.stat().st_size, "sha256": _hash_file(f)} for f in files}
    (folder / SEAL_FILE).write_text(json.dumps(seal, indent=1), encoding="utf-8")


def _run_conversion(weights: Path, folder: Path) -> None:
    program = [sys.executable, "-P", "-m", "indexes.embedding.weights_conversion"]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, this module
            [*program, str(weights.absolute()), str(folder.absolute())],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelMissing(
            f"{MODEL_NAME} was not converted within {_LIMIT:.0f} s. Is the machine busy?"
        ) from error
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        raise ModelMissing(f"{MODEL_NAME} cannot be converted in {folder.parent}: {reason}")


@lru_cache(maxsize=16)
def _hash_unchanged_file(file: Path, changed: int) -> str:
    """Hash a file, once for each moment (ns) at which it was changed."""
    del changed
    return _hash_file(file)


def _hash_file(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


if __name__ == "__main__":
    main()
