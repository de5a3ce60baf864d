"""The checks of ``ragdesk doctor`` that need no import: Python, libraries and machine.

These looks need nothing but the standard library, so that they work where an import would
fail; those that open the model and the collections are in ``home_check``.
"""

import importlib.util
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

FindingState = Literal["ok", "note", "bad"]
FAISS_PACKAGES = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs")
REQUIRED_LIBRARIES = (
    "onnxruntime",
    "sentence-transformers",
    "pypdf",
    "pypdfium2",
    "fastapi",
    "uvicorn",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check. remedy: what to do about it, where something is to be done."""

    what: str
    state: FindingState
    found: str
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]


def check_installation() -> Iterator[Finding]:
    """Check Python, the libraries and the machine."""
    return run_checks((_python, _faiss, _libraries, _torch, _accelerator))


def run_checks(checks: Iterable[Check]) -> Iterator[Finding]:
    """Run one check after the other. A check that fails is a finding too."""
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001, whatever is broken, the other looks are wanted
            name = getattr(check, "__name__", "look").strip("_")
            yield Finding(what=name, state="bad", found=f"{type(error).__name__}: {error}")


def find_installed_version(name: str) -> str | None:
    """Return the version of an installed package; None where it is not."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _python() -> Iterator[Finding]:
    good = sys.version_info >= (3, 11)
    observed = f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    remedy = "" if good else "ragdesk needs Python 3.11 or later."
    yield Finding(what="python", state="ok" if good else "bad", found=observed, remedy=remedy)


def _faiss() -> Iterator[Finding]:
    here = [
        f"{name} {number}" for name in FAISS_PACKAGES if (number := find_installed_version(name))
    ]
    observed = ", ".join(here) or "not installed"
    if len(here) == 1:
        yield Finding(what="faiss", state="ok", found=observed)
    elif here:
        packages = " ".join(FAISS_PACKAGES)
        remedy = (
            "They are one and the same module and overwrite each other. Keep one: "
            f"pip uninstall -y {packages}, then pip install faiss-cpu (or faiss-gpu)"
        )
        yield Finding(what="faiss", state="bad", found=observed, remedy=remedy)
    elif importlib.util.find_spec("faiss"):
        yield Finding(what="faiss", state="note", found="a build that pip does not know")
    else:
        remedy = "pip install 'ragdesk[cpu]', or 'ragdesk[gpu]' on a machine with CUDA"
        yield Finding(what="faiss", state="bad", found=observed, remedy=remedy)


def _libraries() -> Iterator[Finding]:
    for name in REQUIRED_LIBRARIES:
        number = find_installed_version(name)
        remedy = "" if number else "pip install 'ragdesk[cpu]'"
        state: FindingState = "ok" if number else "bad"
        yield Finding(what=name, state=state, found=number or "not installed", remedy=remedy)


def _torch() -> Iterator[Finding]:
    torch = find_installed_version("torch")
    remedy = (
        "" if torch else "Only asking needs none; to export a model: pip install 'ragdesk[cpu]'"
    )
    state: FindingState = "ok" if torch else "note"
    yield Finding(what="torch", state=state, found=torch or "not installed", remedy=remedy)


def _accelerator() -> Iterator[Finding]:
    card = any(Path("/dev").glob("nvidia[0-9]*")) or bool(shutil.which("nvidia-smi"))
    if not card:
        yield Finding(what="gpu", state="ok", found="none seen; the CPU does the work")
    elif find_installed_version("faiss-gpu"):
        observed = 'seen, and faiss-gpu is installed; [indexes] device = "auto" puts vectors there'
        yield Finding(what="gpu", state="ok", found=observed)
    else:
        remedy = "Embedding uses it where torch has CUDA. For FAISS: pip install 'ragdesk[gpu]'"
        yield Finding(what="gpu", state="note", found="seen, not used by FAISS", remedy=remedy)
