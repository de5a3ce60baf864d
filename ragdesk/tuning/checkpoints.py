"""Keep a training where it stands: weights and optimiser as safetensors, the rest as JSON."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ragdesk.errors import SettingsError

STATE_FILE, CHECKPOINT_WEIGHTS = "state.json", "weights.safetensors"


def write_checkpoint(
    folder: Path, arrays: Mapping[str, NDArray[np.float32]], state: Mapping[str, Any]
) -> None:
    """Write a checkpoint in place of the one that is there; a killed training leaves one whole."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"step-{state['step']}-{CHECKPOINT_WEIGHTS}"
    draft = folder / f".tmp-{name}"
    save_file(dict(arrays), draft)
    _sync_file(draft)
    draft.replace(folder / name)
    note = folder / f".tmp-{STATE_FILE}"
    note.write_text(json.dumps({**state, "weights": name}, indent=1), encoding="utf-8")
    _sync_file(note)
    note.replace(folder / STATE_FILE)
    for old in folder.glob(f"step-*-{CHECKPOINT_WEIGHTS}"):
        if old.name != name:
            old.unlink()


def read_checkpoint(folder: Path) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]] | None:
    """Read the checkpoint of a folder; None where there is none. Raises SettingsError."""
    if not (folder / STATE_FILE).is_file():
        return None
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        return load_file(folder / state["weights"]), state
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise SettingsError(
            f"The checkpoint in {folder} cannot be read ({error}). Delete that folder, or train "
            "without --resume."
        ) from error


def _sync_file(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
