"""The libraries' usage reports are off before any of them is loaded, in every kind of process."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexes.no_telemetry import TELEMETRY_SWITCHES
from ingest.sandbox.child import _child_environment

ROOT = Path(__file__).parents[1]
REPORTING = {
    "hf_xet", "huggingface_hub", "langchain_core", "langchain_text_splitters", "langsmith", "onnxruntime",
    "opentelemetry", "pymilvus", "ray", "sentence_transformers", "transformers", "vllm",
}  # fmt: skip
SHOW = """
import json, os
from pathlib import Path
threads = [task for task in Path("/proc/self/task").iterdir()]
shown = {name: os.environ.get(name) for name in json.loads(NAMES)}
print(json.dumps({"threads": len(threads), "shown": shown}))
"""
KINDS = {  # what each process imports first
    "command line and server": "import ragdesk.cli.main, onnxruntime",
    "export of a model": "import indexes.embedding.onnx_export",
    "limited parser": "import ingest.sandbox.worker, onnxruntime",
    "bench": "import tests.lab, onnxruntime",
    "library": "import indexes, onnxruntime",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_process_turns_reports_off_before_it_loads_a_library(kind, tmp_path):
    names = f"NAMES = {json.dumps(json.dumps(list(TELEMETRY_SWITCHES)))}\n"
    wrong = dict.fromkeys(TELEMETRY_SWITCHES, "true") | {
        "ORT_DISABLE_TELEMETRY": "0",
        "DO_NOT_TRACK": "0",
    }
    environment = {**os.environ, **wrong, "XDG_CACHE_HOME": str(tmp_path)}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # none but a reporter's
    if kind == "limited parser":
        environment |= _child_environment()
    done = subprocess.run(  # noqa: S603 - the lines above
        [sys.executable, "-c", KINDS[kind] + "\n" + names + SHOW],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told == {"threads": 1, "shown": TELEMETRY_SWITCHES}
    assert list(tmp_path.iterdir()) == []  # no device id, no queue of events


def test_these_tests_run_with_reports_off():
    assert {name: os.environ.get(name) for name in TELEMETRY_SWITCHES} == TELEMETRY_SWITCHES


def test_every_module_that_loads_such_a_library_has_turned_reports_off_first():
    """A package's ``__init__`` runs before its modules, and its first import is the switch."""
    loading = 0
    for room in ("ragdesk", "ingest", "indexes", "eval"):
        for file in (ROOT / room).rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            if REPORTING & set(_imported(tree)):
                loading += 1
                packages = [p for p in file.parents if ROOT in p.parents]
                assert any(_switched(package / "__init__.py") for package in packages), file
    assert loading >= 8


def _imported(tree: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module.split(".")[0])
    return names


def _switched(file: Path) -> bool:
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.exists() else ast.Module([], [])
    found = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    first = found[0] if found else None
    names = [alias.name for alias in first.names] if first else []
    return (
        isinstance(first, ast.ImportFrom)
        and first.module == "indexes"
        and names == ["no_telemetry"]
    )
