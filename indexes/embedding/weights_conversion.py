"""Convert the packaged multilingual model once a machine: tokenizer, word vectors, graph.

The result is a folder of the cache that any number of homes and processes read. It is made beside
its place under a lock, synced, and put there whole; a damaged one is moved aside first, so that
whoever has its files mapped keeps them. It happens in a process of its own, which takes the memory
that ``onnx`` holds with it: some 3 s and 500 MB.
"""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from indexes.embedding.model_cache import lock_file, write_cache_file
from indexes.embedding.quantised_weights import (
    WEIGHTS_SHA256,
    QuantisedWeights,
    check_weights,
)
from indexes.embedding.recipes import EMBEDDING_RECIPES, EXPORT_RECIPE, TOKENIZER_RECIPE
from indexes.errors import ModelMissing
from indexes.store import durability

MODEL_NAME = "multilingual-e5-small"
PIECES_FILE, WORDS_FILE, SEAL_FILE = "pieces.unigram", "words.npy", "SHA256.json"
GRAPH_FILES = {True: "int8.onnx", False: "fp32.onnx"}  # by whether it is int8
_SEALED_FILES = {PIECES_FILE, WORDS_FILE, GRAPH_FILES[True]}
_LIMIT = 600.0  # seconds; a busy machine takes 20
_DRAFT_AGE = 86_400.0  # seconds; whoever made an older draft is gone


def converted_folder(cache: Path) -> Path:
    """Return the place of the converted model in a cache, whether it is there or not.

    Its name tells all that decides its bytes: another program makes one of its own beside it.
    """
    numbers = f"{EMBEDDING_RECIPES['word-table']}.{EXPORT_RECIPE}.{TOKENIZER_RECIPE}"
    return cache / f"{MODEL_NAME}-{WEIGHTS_SHA256[:8]}.{numbers}"


def is_converted(folder: Path) -> bool:
    """Tell whether a converted model is there with the bytes that were written.

    All of them are hashed once a process (34 ms for the 54 MB of word vectors), and again when a
    file was changed since.
    """
    try:
        seal = json.loads((folder / SEAL_FILE).read_bytes())
        if not seal.keys() >= _SEALED_FILES:
            return False
        stats = {name: (folder / name).stat() for name in seal}
        if any(stats[name].st_size != facts["size"] for name, facts in seal.items()):
            return False
        return all(
            _hash_unchanged_file(folder / name, stats[name].st_ino, stats[name].st_mtime_ns)
            == facts["sha256"]
            for name, facts in seal.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def convert_model(weights: Path, cache: Path) -> Path:
    """Convert the model into a cache; return its folder. Raises ModelMissing, OSError.

    Another process that does the same is waited for, and its result taken.
    """
    check_weights(weights)
    place = converted_folder(cache)
    cache.mkdir(parents=True, exist_ok=True)
    with lock_file(cache / f"{place.name}.lock"):
        _sweep_drafts(cache, MODEL_NAME)
        if not is_converted(place):
            _replace_conversion(weights, place)
    if not is_converted(place):
        raise ModelMissing(f"{MODEL_NAME} was converted, and {place} cannot be read back.")
    return place


def _replace_conversion(weights: Path, place: Path) -> None:
    """Put a new conversion in its place, and remove the damaged one that lies there."""
    draft, damaged = _name_draft(place), _name_draft(place)
    draft.mkdir()
    try:
        _run_conversion(weights, draft)
        durability.sync_tree(draft)
        with suppress(FileNotFoundError):
            place.rename(damaged)
        durability.move_folder(draft, place)
    finally:
        for folder in (draft, damaged):
            shutil.rmtree(folder, ignore_errors=True)


def _name_draft(place: Path) -> Path:
    return place.with_name(f"{durability.UNFINISHED_PREFIX}{secrets.token_hex(6)}-{place.name}")


def _sweep_drafts(folder: Path, name: str) -> None:
    """Remove what killed conversions have left, of any version; 80 MB each."""
    for draft in folder.glob(f"{durability.UNFINISHED_PREFIX}*-{name}*"):
        with suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > _DRAFT_AGE:
                durability.discard_path(draft)


def read_fp32_graph(weights: Path, folder: Path) -> bytes:
    """Read the fp32 graph, which is written beside the int8 one for who first asks for it.

    Raises ModelMissing.
    """
    file = folder / GRAPH_FILES[False]
    seal = file.with_suffix(".sha256")
    if file.is_file() and seal.is_file():
        graph = file.read_bytes()
        if hashlib.sha256(graph).hexdigest().encode() == seal.read_bytes():
            return graph
    check_weights(weights)
    from indexes.embedding import int8_graph  # noqa: PLC0415 - only a conversion needs onnx

    draft = _name_draft(file)
    try:
        _sweep_drafts(folder, file.name)
        int8_graph.convert_graph(QuantisedWeights(weights), draft, None)
        graph = draft.read_bytes()
        draft.replace(file)
        write_cache_file(seal, hashlib.sha256(graph).hexdigest().encode())
    except OSError as error:
        raise ModelMissing(
            f"The fp32 graph of {MODEL_NAME} cannot be written into {folder} "
            f"({error.strerror or error}). Let this user write there, name another folder as "
            '[embed] cache, or leave out backend = "onnx".'
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return graph


def main() -> None:
    """Convert the weights of the first argument into the folder of the second."""
    from indexes.embedding import int8_graph, unigram_tokenizer  # noqa: PLC0415 - see above

    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    weights = QuantisedWeights(source)
    version = hashlib.sha256(f"{WEIGHTS_SHA256} {TOKENIZER_RECIPE}".encode()).hexdigest()
    unigram_tokenizer.write_unigram_file(weights.pieces, folder / PIECES_FILE, version=version)
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
def _hash_unchanged_file(file: Path, inode: int, changed: int) -> str:
    """Hash a file, once for each moment (ns) at which it was changed."""
    del inode, changed
    return _hash_file(file)


def _hash_file(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


if __name__ == "__main__":
    main()
