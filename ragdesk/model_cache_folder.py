"""Choose the folder in which models lie in the form in which they run.

They are made once a machine: several homes share them, and any of them may be deleted.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

FOLDER_NAME = "ragdesk"
HOME_FOLDER = "models"  # in a home, where the user has no cache folder that can be written


def find_model_cache(configured: str, home: Path, environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder that settings name, else the user's own, else one in the home.

    configured: ``[embed] cache``. environ: variables, this process's unless given.
    """
    if configured:
        return Path(configured).expanduser().absolute()
    folder = _user_cache_folder(os.environ if environ is None else environ)
    if folder is not None and _can_write(folder):
        return folder
    return home / HOME_FOLDER


def _user_cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Return ragdesk's part of the user's cache folder; None for a user without a home."""
    named = Path(environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # the specification: others are to be ignored
        return named / FOLDER_NAME
    user = Path(environ.get("HOME", ""))
    if not user.is_absolute():
        return None
    caches = user / "Library" / "Caches" if sys.platform == "darwin" else user / ".cache"
    return caches / FOLDER_NAME


def _can_write(folder: Path) -> bool:
    """Tell whether a folder can be written, or made where it is not there yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
